"""The EXCLUSIVE_JOIN operator."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from workflows.model import WorkflowTask
from workflows.operator import Done, Example, Failed, Operator, Outcome, Spec, Step, TaskView, register
from workflows.status import TaskStatus


class ExclusiveJoinSpec(Spec):
    """The fields of EXCLUSIVE_JOIN."""

    join_on: list[str] = Field(default=[], description="References of tasks of which one has run.")
    default_exclusive_join_task: list[str] = Field(
        default=[], description="References to look at when none of `joinOn` has run."
    )


_JOIN = {
    "name": "either",
    "taskReferenceName": "either",
    "type": "EXCLUSIVE_JOIN",
    "joinOn": ["by_air", "by_sea"],
    "defaultExclusiveJoinTask": ["by_land"],
}


@register
class ExclusiveJoin(Operator):
    """Take the output of whichever of several tasks has run.

    What it does:
        It looks at the tasks of `joinOn` in their order and takes the first that has run (and was not
        skipped): its output becomes its own. When none has, it does the same with `defaultExclusiveJoinTask`;
        when none of those has either, its output is empty. A task that failed for good fails it, unless the task
        is `permissive`.

    When to use it:
        Behind a SWITCH, to have one place that the tasks after it read, whichever case was taken.

    Fields:
        The tasks stand before it, in cases of a SWITCH as a rule: when the flow gets here, each of them has
        ended or will never run. For tasks of a FORK_JOIN, use JOIN.

    Output:
        The output of the task that it took.
    """

    type = "EXCLUSIVE_JOIN"
    spec = ExclusiveJoinSpec
    instant = True
    retried = False
    examples = (
        Example(
            "the second has run",
            _JOIN,
            Done({"carrier": "ship"}),
            tasks={"by_sea": TaskView("by_sea", TaskStatus.COMPLETED, {"carrier": "ship"})},
        ),
        Example(
            "none of them: the default",
            _JOIN,
            Done({"carrier": "lorry"}),
            tasks={"by_land": TaskView("by_land", TaskStatus.COMPLETED, {"carrier": "lorry"})},
        ),
        Example("none at all", _JOIN, Done({})),
        Example(
            "the one that has run failed",
            _JOIN,
            Failed("no flight", terminal=True, status=TaskStatus.FAILED),
            tasks={"by_air": TaskView("by_air", TaskStatus.FAILED, {}, "no flight")},
        ),
    )

    def needs(self, task: WorkflowTask) -> Sequence[str]:
        return (*task.join_on, *task.default_exclusive_join_task)

    def run(self, step: Step) -> Outcome:
        for ref in (*step.spec.join_on, *step.spec.default_exclusive_join_task):
            view = step.tasks.get(ref)
            if view is None or view.status is TaskStatus.SKIPPED:
                continue
            if not view.status.successful and not view.permissive:
                return Failed(view.reason or "", terminal=True, status=TaskStatus.FAILED)
            return Done(view.output)
        return Done({})
