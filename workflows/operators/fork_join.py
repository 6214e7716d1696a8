"""The FORK_JOIN operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import Field

from workflows.model import WorkflowTask
from workflows.operator import Example, Fan, Finding, Operator, Outcome, Spec, Step, register


class ForkJoinSpec(Spec):
    """The fields of FORK_JOIN."""

    fork_tasks: list[list[WorkflowTask]] = Field(
        min_length=1,
        description="The branches: a list of lists of tasks. The tasks of one branch run in order.",
    )


_NOOP = {"name": "nothing", "type": "NOOP"}


@register
class ForkJoin(Operator):
    """Run several branches side by side.

    What it does:
        It is completed at once, and the first task of each branch begins. The branches run independently of
        each other. The task after a FORK_JOIN is the JOIN that waits for them.

    When to use it:
        For work that does not depend on each other: authorise a payment while stock is reserved. Where the
        number of branches is not known before the flow gets there, it is not the right operator: its branches
        are fixed in the definition.

    Fields:
        Each branch holds at least one task; a NOOP will do. A branch may hold any tasks, also further forks.

    Output:
        `{}`
    """

    type = "FORK_JOIN"
    spec = ForkJoinSpec
    instant = True
    retried = False
    contains = "branches"
    examples = (
        Example(
            "two branches",
            {
                "name": "both",
                "taskReferenceName": "both",
                "type": "FORK_JOIN",
                "forkTasks": [
                    [{**_NOOP, "taskReferenceName": "left"}],
                    [{**_NOOP, "taskReferenceName": "right"}, {**_NOOP, "taskReferenceName": "right_2"}],
                ],
            },
            Fan({}),
        ),
    )

    def children(self, task: WorkflowTask) -> Mapping[str, Sequence[WorkflowTask]]:
        return {f"forkTasks[{index}]": branch for index, branch in enumerate(task.fork_tasks)}

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        for index, branch in enumerate(task.fork_tasks):
            if not branch:
                yield Finding(
                    f"forkTasks[{index}]",
                    "This branch has no task.",
                    "Put a task into it (a NOOP will do), or take the branch out.",
                    rule="empty-branch",
                )
        if len(task.fork_tasks) == 1:
            yield Finding(
                "forkTasks",
                "There is only one branch, so nothing runs side by side.",
                "Add a branch, or put its tasks in the place of the FORK_JOIN and its JOIN.",
                severity="warning",
                rule="single-branch",
            )

    def run(self, step: Step) -> Outcome:
        return Fan({})
