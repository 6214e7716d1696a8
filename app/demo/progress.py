"""How far an order has come, as the demonstration shows it."""

from __future__ import annotations

from dataclasses import dataclass

USUAL_STEPS = 15
"""Steps of an order of low risk; the length of the bar. A manual review adds two."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A picture of one order's execution."""

    order_id: str
    execution_id: str
    status: str
    story: str = ""
    done: int = 0
    """Steps that have ended well."""
    retries: int = 0
    """Attempts after the first, over all steps."""
    current: tuple[str, ...] = ()
    """References of the steps that are scheduled, running or waiting."""
    seconds: float = 0.0
    """From the start to the end, or to now."""
    attempts: int = 0
    """Attempts of all steps."""

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1: an estimate, since a workflow's length is not known before."""
        if self.status == "COMPLETED":
            return 1.0
        return min(0.95, self.done / USUAL_STEPS)
