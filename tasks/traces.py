"""OpenTelemetry traces (extra `otel`): one trace for an execution and all below it, whoever does its tasks.

Nothing is stored for it. The id of the trace is the id of the execution that nobody has started from another, without
its dashes; the span of an execution or of an attempt has the last 16 digits of its id. So whoever ends an attempt,
a worker, the API or beat, sends its span from what the table says of it.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

from app.store import executions, tasks
from app.store.executions import WorkflowRow
from app.store.tasks import TaskRow, path_of
from app.store.unit_of_work import Session, Store
from config.settings import Settings, SettingsError
from workflows.status import TaskStatus, WorkflowStatus

_KNOWN = 10_000
_MS = 1_000_000
"""Nanoseconds."""


class Traces:
    """Sends the spans of one process.

    Raises:
        SettingsError: the packages are not installed.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        try:
            from opentelemetry import context, trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import ReadableSpan
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            raise SettingsError(
                ["PODIUM_TRACES_URL needs OpenTelemetry: pip install 'podium[otel]'"]
            ) from None
        self._store = store
        self._context, self._trace, self._span = context, trace, ReadableSpan
        self._resource = Resource.create({"service.name": "podium"})
        self._processor = BatchSpanProcessor(OTLPSpanExporter(endpoint=settings.traces_url))
        self._roots: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def ended(self, task_ids: Sequence[str], execution_ids: Sequence[str]) -> None:
        """These attempts and executions have ended, which is committed: send their spans."""
        if not task_ids and not execution_ids:
            return

        def work(session: Session) -> None:
            known: dict[str, WorkflowRow | None] = {}
            for task_id in task_ids:
                row = tasks.by_id(session, task_id)
                if row is not None and row.ended is not None:
                    if row.workflow_id not in known:
                        known[row.workflow_id] = executions.by_id(session, row.workflow_id)
                    self._attempt(session, known[row.workflow_id], row)
            for execution_id in execution_ids:
                found = executions.by_id(session, execution_id)
                if found is not None and found.ended is not None:
                    self._execution(session, found)

        self._store.read(work)

    def started(
        self, execution_id: str, route: str, began_ms: int, ended_ms: int, caller: str | None
    ) -> None:
        """A call has started an execution. `caller`: its `traceparent`, to which the span is linked."""
        links = [self._trace.Link(found)] if caller and (found := self._parsed(caller)) is not None else []
        root = self._store.read(lambda s: self._root(s, execution_id))
        span = self._spans_id(execution_id) ^ 1
        self._send(
            f"POST {route}",
            (root, span),
            self._spans_id(execution_id),
            (began_ms, ended_ms),
            {"podium.execution": execution_id, "http.route": route, "http.request.method": "POST"},
            kind=self._trace.SpanKind.SERVER,
            links=links,
        )

    def parent_of(self, execution_id: str, task_id: str) -> str:
        """The `traceparent` under which whoever does an attempt puts its own spans."""
        root = self._store.read(lambda s: self._root(s, execution_id))
        return f"00-{root}-{self._spans_id(task_id):016x}-01"

    @contextlib.contextmanager
    def inside(self, execution_id: str, task_id: str) -> Iterator[None]:
        """Spans that are made meanwhile in this thread belong to the attempt."""
        parent = self._parsed(self.parent_of(execution_id, task_id))
        assert parent is not None
        around = self._trace.set_span_in_context(self._trace.NonRecordingSpan(parent))
        token = self._context.attach(around)
        try:
            yield
        finally:
            self._context.detach(token)

    def close(self) -> None:
        """Send what is left."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]  # OpenTelemetry has no type here

    def _attempt(self, session: Session, execution: WorkflowRow | None, row: TaskRow) -> None:
        assert row.ended is not None
        began = row.started or row.scheduled
        attributes = {
            "podium.execution": row.workflow_id,
            "podium.workflow": execution.name if execution else "",
            "podium.task": row.id,
            "podium.ref": "__".join([row.ref, *map(str, path_of(row.path))]),
            "podium.type": row.type,
            "podium.status": row.status,
            "podium.attempt": row.attempt,
            "podium.queue_wait_ms": max(0, began - row.scheduled),
            "podium.worker": row.worker or "",
        }
        self._send(
            row.name,
            (self._root(session, row.workflow_id), self._spans_id(row.id)),
            self._spans_id(row.workflow_id),
            (began, row.ended),
            attributes,
            failure=None if TaskStatus(row.status).successful else row.reason or row.status,
        )

    def _execution(self, session: Session, row: WorkflowRow) -> None:
        assert row.ended is not None
        attributes = {
            "podium.execution": row.id,
            "podium.workflow": row.name,
            "podium.version": row.version,
            "podium.status": row.status,
            "podium.correlation_id": row.correlation_id or "",
        }
        self._send(
            row.name,
            (self._root(session, row.id), self._spans_id(row.id)),
            self._spans_id(row.parent_task_id) if row.parent_task_id else None,
            (row.created, row.ended),
            attributes,
            failure=None if WorkflowStatus(row.status).successful else row.reason or row.status,
        )

    def _send(
        self,
        name: str,
        ids: tuple[str, int],
        parent: int | None,
        times_ms: tuple[int, int],
        attributes: dict[str, Any],
        *,
        failure: str | None = None,
        kind: Any = None,
        links: Sequence[Any] = (),
    ) -> None:
        trace = self._trace
        root, span = ids
        status = trace.Status(trace.StatusCode.OK if failure is None else trace.StatusCode.ERROR, failure)
        self._processor.on_end(
            self._span(
                name=name,
                context=self._place(root, span),
                parent=None if parent is None else self._place(root, parent),
                resource=self._resource,
                attributes=attributes,
                links=links,
                kind=kind or trace.SpanKind.INTERNAL,
                status=status,
                start_time=times_ms[0] * _MS,
                end_time=max(times_ms) * _MS,
            )
        )

    def _place(self, root: str, span: int) -> Any:
        sampled = self._trace.TraceFlags(self._trace.TraceFlags.SAMPLED)
        return self._trace.SpanContext(int(root, 16), span, is_remote=False, trace_flags=sampled)

    def _parsed(self, parent: str) -> Any:
        parts = parent.split("-")
        try:
            trace_id, span_id = int(parts[1], 16), int(parts[2], 16)
        except (IndexError, ValueError):
            return None
        if not 0 < trace_id < 1 << 128 or not 0 < span_id < 1 << 64:
            return None
        sampled = self._trace.TraceFlags(self._trace.TraceFlags.SAMPLED)
        return self._trace.SpanContext(trace_id, span_id, is_remote=True, trace_flags=sampled)

    def _root(self, session: Session, execution_id: str) -> str:
        """The id of the trace: that of the execution above all."""
        with self._lock:
            found = self._roots.get(execution_id)
        if found is None:
            row = executions.by_id(session, execution_id)
            above = row.parent_id if row is not None else None
            found = self._root(session, above) if above else execution_id.replace("-", "")
            with self._lock:
                self._roots[execution_id] = found
                while len(self._roots) > _KNOWN:
                    self._roots.popitem(last=False)
        return found

    def _spans_id(self, row_id: str) -> int:
        return int(row_id.replace("-", "")[-16:], 16)
