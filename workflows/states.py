"""The machine of states: every transition of an execution's and of an attempt's status, and who may cause it.

The engine asks here what may be done in which status, and its statements are guarded by these; tests watch each row
that is written for a transition that does not stand here. docs/reference/states.md is drawn from it:

    python -m workflows.states docs/reference/states.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from workflows.status import TaskStatus as T
from workflows.status import WorkflowStatus as W


class Transition(NamedTuple):
    """One status to another."""

    source: str | None
    """None: there was none yet."""
    target: str
    by: str
    """Who causes it, and when."""


class Act(NamedTuple):
    """What people may do to an execution, by the statuses in which they may."""

    done: str
    """As in "it can't be paused"."""
    sources: tuple[W, ...]


OPEN: Final = tuple(status for status in W if not status.terminal)
ENDED: Final = tuple(status for status in W if status.terminal)
UNSUCCESSFUL: Final = tuple(status for status in ENDED if not status.successful)

PAUSE: Final = Act("paused", OPEN)
RESUME: Final = Act("resumed", (W.PAUSED,))
TERMINATE: Final = Act("terminated", OPEN)
CHANGE: Final = Act("changed", OPEN)
RETRY: Final = Act("retried", UNSUCCESSFUL)
RERUN: Final = Act("rerun", ENDED)
RESTART: Final = Act("restarted", ENDED)


def refusal(act: Act, status: str) -> str | None:
    """Why this can't be done in a status; None: it can."""
    if status in act.sources:
        return None
    if len(act.sources) == 1:
        return f"is {status}, not {act.sources[0]}: it can't be {act.done}"
    if W(status) is W.COMPLETED and act is RETRY:
        return f"is {status}: there is nothing to retry; rerun it"
    if W(status).terminal:
        return f"is {status}: it has ended and can't be {act.done}"
    return f"is {status}: it can't be {act.done} before it has ended"


def _each(sources: Iterable[str | None], targets: Iterable[str], by: str) -> Iterator[Transition]:
    for source in sources:
        for target in targets:
            yield Transition(source, target, by)


WORKFLOW: Final[Sequence[Transition]] = (
    Transition(None, W.RUNNING, "whoever starts it"),
    Transition(W.RUNNING, W.PAUSED, "pause"),
    Transition(W.PAUSED, W.RUNNING, "resume"),
    Transition(W.RUNNING, W.COMPLETED, "its last task, or a TERMINATE task"),
    Transition(W.RUNNING, W.FAILED, "a task that failed for good, or a TERMINATE task"),
    Transition(W.RUNNING, W.TIMED_OUT, "its own timeout or a task's"),
    Transition(W.RUNNING, W.TERMINATED, "terminate, its parent, or a TERMINATE task"),
    *_each([W.PAUSED], [W.COMPLETED, W.FAILED], "a TERMINATE task that was claimed before the pause"),
    Transition(W.PAUSED, W.TERMINATED, "terminate, its parent, or a TERMINATE task"),
    Transition(W.PAUSED, W.TIMED_OUT, "a timeout that came due with the pause"),
    Transition(W.COMPLETED, W.RUNNING, "rerun, restart, or those of a sub-workflow"),
    *_each(UNSUCCESSFUL, [W.RUNNING], "retry, rerun, restart, or those of a sub-workflow"),
)
"""Of an execution."""

_ENDS = (T.COMPLETED, T.COMPLETED_WITH_ERRORS, T.FAILED, T.FAILED_WITH_TERMINAL_ERROR)
TASK: Final[Sequence[Transition]] = (
    Transition(None, T.SCHEDULED, "the task before it"),
    Transition(None, T.IN_PROGRESS, "the task before it, where it goes on in place"),
    Transition(None, T.SKIPPED, "skip_task, before its turn"),
    Transition(T.SCHEDULED, T.IN_PROGRESS, "a worker that claims it"),
    Transition(
        T.IN_PROGRESS, T.SCHEDULED, "a claim that is given back, or a task that asks to be called later"
    ),
    *_each([T.SCHEDULED], _ENDS, "somebody from outside, before a worker has come"),
    *_each([T.IN_PROGRESS], _ENDS, "its worker, what it waits for, or somebody from outside"),
    *_each([T.SCHEDULED, T.IN_PROGRESS], [T.TIMED_OUT], "a timeout"),
    *_each([T.SCHEDULED, T.IN_PROGRESS], [T.CANCELED], "the end of its execution, or of what it waits for"),
)
"""Of an attempt. One that has ended stays as it is: what is done again is another attempt."""


def pairs(machine: Sequence[Transition]) -> frozenset[tuple[str, str]]:
    """(source, target); the source of a beginning is ''."""
    return frozenset((str(one.source or ""), str(one.target)) for one in machine)


def among(statuses: Iterable[str]) -> str:
    """The condition of a guarded statement: the row is in one of these statuses."""
    return f"status IN ({', '.join(repr(str(status)) for status in statuses)})"


def picture(machine: Sequence[Transition]) -> str:
    """A state diagram in Mermaid."""
    lines = ["stateDiagram-v2", "    direction LR"]
    targets = {one.target for one in machine}
    lines += [f"    {one.source or '[*]'} --> {one.target}" for one in machine]
    left = {one.source for one in machine}
    lines += [f"    {status} --> [*]" for status in sorted(targets - left)]
    return "\n".join(lines)


def states_page() -> str:
    """docs/reference/states.md."""
    return (
        "\n\n".join(
            [
                "# States",
                "Every transition that an execution's and an attempt's status can make. `workflows/states.py` holds them as\n"
                "data: the operations ask it what may be done, statements are guarded by it, and the tests of the runtime\n"
                "watch every row that is written. This page is made from it by\n"
                "`python -m workflows.states docs/reference/states.md`.",
                "## Executions",
                *_part(WORKFLOW),
                "### What people may do",
                _acts(),
                "## Attempts of tasks",
                "An attempt that has ended stays as it is written down. What is done again (by the retry policy, by retry or\n"
                "rerun) is another attempt; restart and rerun remove what is to be done anew.",
                *_part(TASK),
            ]
        )
        + "\n"
    )


def _part(machine: Sequence[Transition]) -> list[str]:
    rows = [f"| {one.source or '—'} | {one.target} | {one.by} |" for one in machine]
    table = "\n".join(["| from | to | by |", "| --- | --- | --- |", *rows])
    return [f"```mermaid\n{picture(machine)}\n```", table]


def _acts() -> str:
    rows = [
        f"| {name} | {', '.join(act.sources)} |"
        for name, act in {
            "pause": PAUSE,
            "resume": RESUME,
            "terminate": TERMINATE,
            "skip a task, update variables": CHANGE,
            "retry": RETRY,
            "rerun": RERUN,
            "restart": RESTART,
        }.items()
    ]
    return "\n".join(["| operation | in |", "| --- | --- |", *rows])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(states_page(), encoding="utf-8")
    else:
        sys.stdout.write(states_page())
