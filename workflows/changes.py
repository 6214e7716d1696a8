"""`onStateChange` of a task: which events it sends at which changes of its status.

The names of the changes are those of Conductor's SDKs; one key may name several, separated by commas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from workflows.expressions import Template
from workflows.model import WorkflowTask
from workflows.status import TaskStatus


class Change(StrEnum):
    """A change of a task's status."""

    SCHEDULED = "onScheduled"  #: an attempt waits for a worker
    START = "onStart"  #: it has begun
    SUCCESS = "onSuccess"  #: it has completed
    FAILED = "onFailed"  #: it has failed or timed out; another attempt may follow
    CANCELLED = "onCancelled"  #: it was cancelled with its execution


CHANGES = tuple(str(change) for change in Change)
"""Their names."""
_OF_STATUS = {
    TaskStatus.COMPLETED: Change.SUCCESS,
    TaskStatus.COMPLETED_WITH_ERRORS: Change.FAILED,
    TaskStatus.FAILED: Change.FAILED,
    TaskStatus.FAILED_WITH_TERMINAL_ERROR: Change.FAILED,
    TaskStatus.TIMED_OUT: Change.FAILED,
    TaskStatus.CANCELED: Change.CANCELLED,
}


def change_of(status: TaskStatus) -> Change | None:
    """The change with which a task comes to the status in which it ends; None: it has not ended, or was passed over."""
    return _OF_STATUS.get(status)


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """An event that a task sends."""

    sink: str
    payload: Template


def names(key: str) -> Iterator[str]:
    """The changes that a key of `onStateChange` names."""
    yield from (name.strip() for name in key.split(","))


def sink_of(type_: str) -> str:
    """Where an event of this `type` goes: a name without a provider is an event of Podium's own."""
    return type_ if ":" in type_ else f"conductor:{type_}"


def changes_of(task: WorkflowTask) -> Mapping[Change, tuple[ChangeEvent, ...]]:
    """The events of a task by the change at which they are sent."""
    found: dict[Change, tuple[ChangeEvent, ...]] = {}
    for key, events in task.on_state_change.items():
        made = tuple(ChangeEvent(sink_of(event.type), Template.compile(event.payload)) for event in events)
        for name in names(key):
            if name in CHANGES:
                found[Change(name)] = (*found.get(Change(name), ()), *made)
    return found
