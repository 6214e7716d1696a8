"""The HUMAN operator."""

from __future__ import annotations

from workflows.operator import Example, Operator, Outcome, Spec, Step, Wait, register


class HumanSpec(Spec):
    """HUMAN has no fields of its own."""


@register
class Human(Operator):
    """Wait for a person.

    What it does:
        It waits until somebody completes or fails the task, by its id or by its reference; a signal ends
        only a WAIT. What they give becomes its output. No process is held meanwhile. A task definition of its
        name may set a time limit.

    When to use it:
        For a decision, a check or a correction that only a person can make. WAIT without a time does the same;
        HUMAN says who is waited for, and is found by its type.

    Fields:
        None. Its input is what the person needs to see.

    Output:
        What it was completed with.
    """

    type = "HUMAN"
    spec = HumanSpec
    instant = True
    ends_segment = True
    examples = (
        Example(
            "a review",
            {
                "name": "review",
                "taskReferenceName": "review",
                "type": "HUMAN",
                "inputParameters": {"order": "${workflow.input.order}"},
            },
            Wait(None, "waiting for a person"),
            {"order": 42},
        ),
    )

    def run(self, step: Step) -> Outcome:
        return Wait(None, "waiting for a person")
