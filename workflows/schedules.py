"""Schedules as authors write them: which workflow is started when. Field names are Conductor's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, ValidationError

from workflows.cron import cron
from workflows.errors import InvalidDocument
from workflows.events import name_of
from workflows.model import Document
from workflows.paths import path_of

KIND = "schedule"


class CronSchedule(Document):
    """One of several expressions of a schedule."""

    cron_expression: str
    zone_id: str = "UTC"


class StartWorkflowRequest(Document):
    """What is started."""

    name: Annotated[str, Field(min_length=1)]
    version: int | None = None
    correlation_id: str | None = None
    input: dict[str, Any] = Field(default_factory=dict)
    task_to_domain: dict[str, str] = Field(default_factory=dict)
    priority: Annotated[int, Field(ge=0, le=99)] = 0
    idempotency_key: str | None = None


class WorkflowSchedule(Document):
    """A workflow that is started whenever a cron expression says so."""

    name: Annotated[str, Field(min_length=1)]
    cron_expression: str | None = None
    zone_id: str = "UTC"
    cron_schedules: list[CronSchedule] = Field(default_factory=list)
    """Further expressions; a slot is each instant that one of them names."""
    start_workflow_request: StartWorkflowRequest
    run_catchup_schedule_instances: bool = False
    """Slots that nobody was there for are fired later, each of them."""
    schedule_start_time: int | None = None
    """No slot before it (milliseconds since the epoch)."""
    schedule_end_time: int | None = None
    """No slot after it."""
    paused: bool = False
    paused_reason: str | None = None
    description: str | None = None

    def after(self, time_ms: int) -> tuple[int, str] | None:
        """The first slot after a time and the expression that names it; None: there is none any more."""
        if self.schedule_start_time is not None:
            time_ms = max(time_ms, self.schedule_start_time - 1)
        found = [(at, made.expression) for made in self._crons() if (at := made.after(time_ms)) is not None]
        if not found or (self.schedule_end_time is not None and min(found)[0] > self.schedule_end_time):
            return None
        return min(found)

    def expressions(self) -> Iterator[tuple[str, str, str]]:
        """(path in the document, expression, time zone) of each."""
        if self.cron_expression is not None:
            yield "cronExpression", self.cron_expression, self.zone_id
        for index, one in enumerate(self.cron_schedules):
            yield f"cronSchedules[{index}]", one.cron_expression, one.zone_id

    def _crons(self) -> Iterator[Any]:
        for _, expression, zone in self.expressions():
            yield cron(expression, zone)


def read_schedule(document: Any) -> WorkflowSchedule:
    """Read a schedule and check it.

    Raises:
        InvalidDocument: it is none, with all problems at once.
    """
    try:
        schedule = WorkflowSchedule.model_validate(document)
    except ValidationError as error:
        found = [(path_of(e["loc"]), str(e["msg"])) for e in error.errors()]
        raise InvalidDocument(KIND, name_of(document), found) from None
    problems = list(_problems(schedule))
    if problems:
        raise InvalidDocument(KIND, schedule.name, problems)
    return schedule


def _problems(schedule: WorkflowSchedule) -> Iterator[tuple[str, str]]:
    expressions = list(schedule.expressions())
    if not expressions:
        yield "cronExpression", "it is missing; write six fields, such as 0 30 2 * * * for each day at 02:30"
    for place, expression, zone in expressions:
        try:
            if cron(expression, zone).after(0) is None:
                yield place, f"cron expression {expression!r} never fires"
        except ValueError as error:
            yield place, str(error)
    start, end = schedule.schedule_start_time, schedule.schedule_end_time
    if start is not None and end is not None and end < start:
        yield "scheduleEndTime", "it is before scheduleStartTime"
    if schedule.start_workflow_request.idempotency_key:
        yield (
            "startWorkflowRequest.idempotencyKey",
            "all slots would share it and start one execution; leave it out, a slot fires once by itself",
        )
