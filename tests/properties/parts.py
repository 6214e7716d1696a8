"""Definitions written by hand: small tasks, and one of everything."""

from __future__ import annotations

from typing import Any

from tests.properties.definitions import Drawn
from tests.runtime.work import TASK_DEFS

Json = dict[str, Any]


def task(ref: str, kind: str = "SIMPLE", **fields: Any) -> Json:
    """A worker task, or an operator of this type."""
    return {"name": "work", "taskReferenceName": ref, "type": kind, **fields}


def reads(ref: str, **sources: str) -> Json:
    """A worker task that is given these expressions."""
    return task(ref, inputParameters=sources)


def loop(ref: str, times: int, *body: Json) -> Json:
    """So many iterations."""
    condition = f"$.{ref}['iteration'] < $.limit"
    given = {"limit": times}
    return task(ref, "DO_WHILE", inputParameters=given, loopCondition=condition, loopOver=list(body))


def fork(number: int, *branches: list[Json]) -> list[Json]:
    """A fork and the JOIN of all its branches."""
    ends = [branch[-1]["taskReferenceName"] for branch in branches]
    return [
        task(f"fork{number}", "FORK_JOIN", forkTasks=list(branches)),
        task(f"join{number}", "JOIN", joinOn=ends),
    ]


def document(*tasks: Json, **children: list[Json]) -> Drawn:
    """The workflow `main`, and children by their names."""
    lists = {**children, "main": list(tasks)}
    workflows = [{"name": name, "version": 1, "tasks": some} for name, some in lists.items()]
    return Drawn({"taskDefs": TASK_DEFS, "workflows": workflows}, {})


FORKED = document(*fork(1, [task("b1"), task("b2")], [task("d1"), task("d2")]), task("e"))
"""A fork, and what follows it."""
ONE = document(task("a"))
SHORT = document(task("a"), task("b"))
"""Two steps: whatever happens, happens to them."""
EVERYTHING = document(
    task("a"),
    loop("l", 2, *fork(1, [task("b1"), task("b2")], [task("d1"), task("d2")]), task("e")),
    task("s", "SUB_WORKFLOW", subWorkflowParam={"name": "child"}, inputParameters={"x": 1}),
    task("z"),
    child=[task("c1"), task("c2")],
)
"""Every kind of flow, few tasks of each."""
