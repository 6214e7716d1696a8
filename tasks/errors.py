"""What a worker task raises to say more than "this attempt failed"."""

from __future__ import annotations

__all__ = ["TerminalError"]


class TerminalError(Exception):
    """This attempt failed, and no other attempt could succeed: the task is not retried.

    Any other exception fails the attempt, and the task definition's retry policy decides whether there is
    another. Raise this one, or a subclass, when the answer is known to stay the same: a declined card, an
    unknown product. The task's status becomes FAILED_WITH_TERMINAL_ERROR and the message its reason; an
    `optional` task still lets the flow go on. Called as plain Celery it is an exception like any other.

        from tasks.errors import TerminalError

        @app.task(name="charge")
        def charge(card: str) -> dict[str, str]:
            if card == "declined":
                raise TerminalError("the card was declined")
    """
