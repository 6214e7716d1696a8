"""The NOOP operator."""

from __future__ import annotations

from workflows.operator import Done, Example, Operator, Outcome, Spec, Step, register


class NoopSpec(Spec):
    """NOOP has no fields of its own."""


@register
class Noop(Operator):
    """Do nothing.

    What it does:
        It is completed as soon as the flow reaches it.

    When to use it:
        As the only task of a branch of a FORK_JOIN or of a case of a SWITCH that has nothing to do, as a
        place for a JOIN to wait for, and while a definition is being written.

    Fields:
        None.

    Output:
        `{}`
    """

    type = "NOOP"
    spec = NoopSpec
    instant = True
    examples = (
        Example(
            "nothing to do",
            {"name": "nothing", "taskReferenceName": "nothing", "type": "NOOP"},
            Done({}),
        ),
    )

    def run(self, step: Step) -> Outcome:
        return Done({})
