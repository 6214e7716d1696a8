"""What Prometheus scrapes: calls of this process, and the state of the whole installation as the tables tell it.

Labels are few: routes and not paths, statuses, and the names of queues (at most `MOST_QUEUES`). What is read from the
tables is counted up to a bound and at most every few seconds, however often somebody scrapes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.runtime.engine import Engine
from app.store import gauges

MOST_QUEUES = 100
_FRESH_SECONDS = 5.0
_NO_ROUTE = "unknown"


class Metrics:
    """The metrics of one API process."""

    def __init__(self, engine: Engine) -> None:
        self.registry = CollectorRegistry()
        self._calls = Histogram(
            "podium_api_request_seconds",
            "Time of calls of the REST API",
            ("method", "route", "status"),
            registry=self.registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self.started = Counter(
            "podium_workflow_start_total", "Executions started here", registry=self.registry
        )
        self.polls = Counter("podium_task_poll_total", "Polls answered here", registry=self.registry)
        self.handed_out = Counter("podium_task_handed_out_total", "Tasks handed out", registry=self.registry)
        self.updates = Counter(
            "podium_task_update_total", "Results taken here", ("status",), registry=self.registry
        )
        self.registry.register(_Tables(engine))

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """A call has been answered."""
        self._calls.labels(method, route, str(status)).observe(seconds)


class _Tables:
    """Gauges that are read when somebody asks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read: tuple[float, list[Metric]] = (float("-inf"), [])

    def describe(self) -> Iterable[Metric]:
        """Nothing is read before somebody scrapes."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """The gauges, some seconds old at most."""
        read_at, found = self._read
        if time.monotonic() - read_at > _FRESH_SECONDS:
            found = list(self._gauges())
            self._read = (time.monotonic(), found)
        return found

    def _gauges(self) -> Iterable[Metric]:
        now = self._engine.clock()
        state = self._engine.store.read(lambda s: gauges.read(s, now, MOST_QUEUES))
        running = GaugeMetricFamily(
            "podium_workflow_open",
            f"Executions that have not ended, up to {gauges.COUNTED}",
            labels=["status"],
        )
        for status, count in state.open.items():
            running.add_metric([status], count)
        depth = GaugeMetricFamily(
            "podium_task_queue_depth", "Tasks that wait for outside workers", labels=["queue"]
        )
        lag = GaugeMetricFamily(
            "podium_task_queue_lag_seconds", "How long the next of them has waited", labels=["queue"]
        )
        for queue in state.queues:
            depth.add_metric([queue.name], queue.size)
            lag.add_metric([queue.name], queue.waited_ms / 1000)
        late = GaugeMetricFamily(
            "podium_sweeper_lag_seconds", "How late the sweeper is: the age of what is due and not done"
        )
        late.add_metric([], state.late_ms / 1000)
        workers = GaugeMetricFamily("podium_workers", "Processes that give signs of life")
        workers.add_metric([], state.workers)
        events = GaugeMetricFamily(
            "podium_event_queue_depth",
            f"Messages to be acted on (inbox) and events to be sent (outbox), up to {gauges.COUNTED}",
            labels=["queue"],
        )
        for name, count in state.events.items():
            events.add_metric([name], count)
        return [running, depth, lag, late, workers, events]


class Measured:
    """ASGI middleware that measures each call under its route."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on and look at the clock."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            template = scope.get("podium_route", _NO_ROUTE)
            self._metrics.observe(scope["method"], template, status, time.perf_counter() - began)
