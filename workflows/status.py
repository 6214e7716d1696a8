"""Conductor's statuses of executions and tasks."""

from __future__ import annotations

from enum import StrEnum


class WorkflowStatus(StrEnum):
    """Status of an execution."""

    RUNNING = "RUNNING"  #: moving, or waiting for something
    PAUSED = "PAUSED"  #: nothing new is scheduled until it is resumed
    COMPLETED = "COMPLETED"  #: ended well
    FAILED = "FAILED"  #: ended because a task failed for good
    TIMED_OUT = "TIMED_OUT"  #: ended by its own or a task's timeout
    TERMINATED = "TERMINATED"  #: ended by a person, a parent or a TERMINATE task

    @property
    def terminal(self) -> bool:
        return self not in (WorkflowStatus.RUNNING, WorkflowStatus.PAUSED)

    @property
    def successful(self) -> bool:
        return self is WorkflowStatus.COMPLETED


class TaskStatus(StrEnum):
    """Status of one attempt of a task."""

    SCHEDULED = "SCHEDULED"  #: its turn has come; nobody has begun
    IN_PROGRESS = "IN_PROGRESS"  #: somebody works on it, or it waits for something outside
    COMPLETED = "COMPLETED"  #: ended well
    COMPLETED_WITH_ERRORS = "COMPLETED_WITH_ERRORS"  #: failed for good, but it was optional
    SKIPPED = "SKIPPED"  #: passed over on request
    FAILED = "FAILED"  #: this attempt failed
    FAILED_WITH_TERMINAL_ERROR = "FAILED_WITH_TERMINAL_ERROR"  #: failed, and must not be retried
    TIMED_OUT = "TIMED_OUT"  #: did not end in time
    CANCELED = "CANCELED"  #: the execution ended before it did

    @property
    def terminal(self) -> bool:
        return self not in (TaskStatus.SCHEDULED, TaskStatus.IN_PROGRESS)

    @property
    def successful(self) -> bool:
        return self in (TaskStatus.COMPLETED, TaskStatus.COMPLETED_WITH_ERRORS, TaskStatus.SKIPPED)

    @property
    def retriable(self) -> bool:
        """Whether the retry policy may make a new attempt after it."""
        return self in (TaskStatus.FAILED, TaskStatus.TIMED_OUT)


LIVE = (TaskStatus.SCHEDULED, TaskStatus.IN_PROGRESS)
"""The statuses of a task that has not ended."""
