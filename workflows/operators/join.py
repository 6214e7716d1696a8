"""The JOIN operator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pydantic import Field

from workflows.model import WorkflowTask
from workflows.operator import (
    Done,
    Example,
    Failed,
    Finding,
    Operator,
    Outcome,
    Spec,
    Step,
    TaskView,
    Wait,
    register,
)
from workflows.status import TaskStatus


class JoinSpec(Spec):
    """The fields of JOIN."""

    join_on: list[str] = Field(default=[], description="References of the tasks to wait for.")


_JOIN = {"name": "both", "taskReferenceName": "join", "type": "JOIN", "joinOn": ["left", "right"]}
_LEFT = TaskView("left", TaskStatus.COMPLETED, {"sum": 1})


@register
class Join(Operator):
    """Wait for several tasks, and collect what they put out.

    What it does:
        It waits until each task of `joinOn` has ended. A task that failed for good fails the JOIN, unless the
        task is `optional`, or `permissive` and others still run. A task that is tried again has not ended.

        Inside a loop it waits for the tasks of its own iteration. Its output names them without the number of
        the iteration (Conductor adds it: `left__2`). `joinMode` makes no difference: a JOIN is decided as
        soon as the last of its tasks ends.

    When to use it:
        After a FORK_JOIN, with the last task of each branch in `joinOn`. With some of them left out the flow
        goes on sooner; the other branches run on, and the execution ends only when they have.

    Fields:
        Name only tasks that always run. A task inside a case of a SWITCH may never run; name the SWITCH
        instead.

    Output:
        `{"<reference>": <that task's output>, …}`; tasks with an empty output are left out.
    """

    type = "JOIN"
    spec = JoinSpec
    instant = True
    retried = False
    examples = (
        Example(
            "all have ended",
            _JOIN,
            Done({"left": {"sum": 1}}),
            tasks={"left": _LEFT, "right": TaskView("right", TaskStatus.SKIPPED, {})},
        ),
        Example(
            "one still runs, one has not begun",
            {**_JOIN, "joinOn": ["left", "right", "middle"]},
            Wait(reason="waiting for right, middle", output={"left": {"sum": 1}}),
            tasks={"left": _LEFT, "right": TaskView("right", TaskStatus.IN_PROGRESS)},
        ),
        Example(
            "one failed for good: the others are not waited for",
            _JOIN,
            Failed("card declined", terminal=True, output={}, status=TaskStatus.FAILED),
            tasks={"left": TaskView("left", TaskStatus.FAILED, {}, "card declined")},
        ),
        Example(
            "an optional task failed",
            _JOIN,
            Done(
                {"left": {"sum": 1}},
                status=TaskStatus.COMPLETED_WITH_ERRORS,
                reason="notify/7 completed with errors",
            ),
            tasks={
                "left": _LEFT,
                "right": TaskView(
                    "right",
                    TaskStatus.COMPLETED_WITH_ERRORS,
                    {},
                    "no such address",
                    optional=True,
                    name="notify",
                    task_id="7",
                ),
            },
        ),
        Example(
            "a permissive task failed: the others are waited for, and then the JOIN fails",
            _JOIN,
            Wait(reason="waiting for right"),
            tasks={"left": TaskView("left", TaskStatus.FAILED, {}, "card declined", permissive=True)},
        ),
        Example(
            "one was cancelled",
            _JOIN,
            Failed("stopped", terminal=True, output={"left": {"sum": 1}}, status=TaskStatus.CANCELED),
            tasks={"left": _LEFT, "right": TaskView("right", TaskStatus.CANCELED, {}, "stopped")},
        ),
    )

    def needs(self, task: WorkflowTask) -> Sequence[str]:
        return task.join_on

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        for index, ref in enumerate(task.join_on):
            if ref in task.join_on[:index]:
                yield Finding(
                    f"joinOn[{index}]",
                    f"{ref!r} is named twice.",
                    "Take one of them out.",
                    severity="warning",
                    rule="join-on-twice",
                )

    def run(self, step: Step) -> Outcome:
        refs = step.spec.join_on
        views = [step.tasks[ref] for ref in refs if ref in step.tasks]
        open_refs = [ref for ref in refs if ref not in step.tasks or not step.tasks[ref].status.terminal]
        output = {view.ref: view.output for view in views if view.output}
        unsuccessful = [view for view in views if view.status.terminal and not view.status.successful]
        if any(not view.optional and not (view.permissive and open_refs) for view in unsuccessful):
            return _failed(unsuccessful, output)
        if open_refs:
            return Wait(reason=f"waiting for {', '.join(open_refs)}", output=output or None)
        errors = [
            f"{view.name}/{view.task_id}"
            for view in views
            if view.optional and view.status is TaskStatus.COMPLETED_WITH_ERRORS
        ]
        if errors:
            reason = f"{' '.join(errors)} completed with errors"
            return Done(output, status=TaskStatus.COMPLETED_WITH_ERRORS, reason=reason)
        return Done(output)


def _failed(unsuccessful: Sequence[TaskView], output: dict[str, object]) -> Failed:
    reasons = " ".join(view.reason for view in unsuccessful if view.reason)
    cancelled = all(view.status is TaskStatus.CANCELED for view in unsuccessful if not view.optional)
    status = TaskStatus.CANCELED if cancelled else TaskStatus.FAILED
    return Failed(reasons, terminal=True, output=output, status=status)
