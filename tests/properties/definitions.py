"""Random definitions: every operator inside every other, and inputs that read what ran before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from tests.runtime.work import TASK_DEFS

Json = Any
Draw = Callable[..., Any]


_PLAIN = (".x}", ".few}", ".n}", ".case}", ".iteration}", ".selectedCase}", ".result}")
"""Fields that are numbers, text or null."""


@dataclass(frozen=True)
class Taste:
    """What definitions are made of."""

    size: int = 14
    """Most tasks of the main definition."""
    deepest: int = 3
    failures: bool = True
    """Tasks that end by failing, and TERMINATE."""
    loose: bool = True
    """JOINs that do not wait for all branches."""
    children: int = 2
    waits: bool = True


@dataclass(frozen=True)
class Drawn:
    """A document to register, and the input to start `main` with."""

    document: Json
    given: Json

    @property
    def workflows(self) -> dict[str, Json]:
        """The definitions by name."""
        return {definition["name"]: definition for definition in self.document["workflows"]}

    @property
    def waits(self) -> bool:
        """Whether time must pass until it ends."""
        return any(word in repr(self.document["workflows"]) for word in ("'later'", "'WAIT'", "'retryCount'"))


@dataclass
class _Scope:
    """What may be read here, and what may be built."""

    draw: Draw
    taste: Taste
    children: dict[str, list[str]]
    left: list[int]
    """How many more tasks there may be, shared by all lists."""
    numbers: list[int]
    known: list[str]
    """Expressions of values that surely, or perhaps, are there."""
    numeric: list[str]
    """Those that are numbers or null."""
    depth: int = 0
    loops: int = 0
    failing: bool = True
    """Whether tasks may end by failing here."""

    def inside(self, **changes: Any) -> _Scope:
        known: dict[str, Any] = {
            "known": list(self.known),
            "numeric": list(self.numeric),
            "depth": self.depth + 1,
        }
        return replace(self, **(known | changes))

    def learn(self, *others: _Scope) -> None:
        for other in others:
            self.known += [text for text in other.known if text not in self.known]
            self.numeric += [text for text in other.numeric if text not in self.numeric]

    def number(self, low: int, high: int) -> int:
        return int(self.draw(st.integers(low, high)))

    def chance(self, one_in: int) -> bool:
        return self.number(1, one_in) == one_in

    def ref(self, kind: str) -> str:
        self.numbers[0] += 1
        return f"{kind}{self.numbers[0]}"

    def read(self) -> str:
        text = str(self.draw(st.sampled_from(self.known)))
        # Of an object as text the order of the keys would count.
        return f"is {text}" if text.endswith(_PLAIN) and self.chance(5) else text

    def numeric_read(self) -> str:
        return str(self.draw(st.sampled_from(self.numeric)))


def documents(taste: Taste | None = None) -> st.SearchStrategy[Drawn]:
    """Valid documents: a workflow `main` and the children that it may start."""
    return _documents(taste or Taste())


@st.composite
def _documents(draw: Draw, taste: Taste) -> Drawn:
    children: dict[str, list[str]] = {}
    workflows = []
    for number in range(draw(st.integers(0, taste.children))):
        name = f"child{number}"
        small = replace(taste, size=4, deepest=2)
        definition, keys = _definition(draw, small, name, dict(children))
        workflows.append(definition)
        children[name] = keys
    workflows.append(_definition(draw, taste, "main", children)[0])
    given = {
        "x": draw(st.integers(0, 9)),
        "few": draw(st.integers(0, 2)),
        "list": ["p", "q"][: draw(st.integers(0, 2))],
    }
    return Drawn({"taskDefs": TASK_DEFS, "workflows": workflows}, given)


def _definition(
    draw: Draw, taste: Taste, name: str, children: dict[str, list[str]]
) -> tuple[Json, list[str]]:
    start = ["${workflow.input.x}", "${workflow.input.few}"]
    scope = _Scope(draw, taste, children, [taste.size], [0], list(start), list(start))
    definition: Json = {"name": name, "version": 1, "tasks": _list(scope, 1, 5)}
    keys: list[str] = []
    if draw(st.booleans()):
        keys = [f"k{i}" for i in range(draw(st.integers(1, 3)))]
        definition["outputParameters"] = {key: scope.read() for key in keys}
    return definition, keys


def _list(scope: _Scope, least: int, most: int) -> list[Json]:
    tasks: list[Json] = []
    for _ in range(scope.number(least, most)):
        if scope.left[0] <= 0 and len(tasks) >= least:
            break
        tasks += _any(scope)
    return tasks


def _any(scope: _Scope) -> list[Json]:
    scope.left[0] -= 1
    nested = [_switch, _fork, _loop] if scope.depth < scope.taste.deepest and scope.left[0] > 1 else []
    flat = [_simple] * 4 + [_small] + ([_sub_workflow] if scope.children else [])
    made: list[Json] = scope.draw(st.sampled_from([*flat, *nested, *nested[1:]]))(scope)
    return made


def _simple(scope: _Scope) -> list[Json]:
    names = ["work"] * 6 + ["far", "limited", "flaky", *(["later"] if scope.taste.waits else [])]
    failing = ["broken", "fatal"] if scope.taste.failures and scope.failing else []
    task = _task(scope, "SIMPLE", "t")
    task["name"] = scope.draw(st.sampled_from(names + failing))
    if task["name"] in failing:
        task |= scope.draw(st.sampled_from([{"optional": True}] * 3 + [{"permissive": True}, {}]))
    task["inputParameters"] = {f"p{i}": scope.read() for i in range(scope.number(0, 2))}
    ref = task["taskReferenceName"]
    scope.known += [f"${{{ref}.output.n}}", f"${{{ref}.output.case}}", f"${{{ref}.output}}"]
    scope.numeric += [f"${{{ref}.output.n}}", f"${{{ref}.output.few}}"]
    return [task]


def _small(scope: _Scope) -> list[Json]:
    kinds = ["NOOP", "SET_VARIABLE", "INLINE", *(["WAIT"] if scope.taste.waits else [])]
    kind = scope.draw(st.sampled_from(kinds))
    task = _task(scope, kind, kind[:2].lower())
    ref = task["taskReferenceName"]
    if kind == "SET_VARIABLE":
        task["inputParameters"] = {f"v_{ref}": scope.read()}
        scope.known.append(f"${{workflow.variables.v_{ref}}}")
    elif kind == "INLINE":
        script = {"evaluatorType": "javascript", "expression": "($.x || 0) * 2 + 1"}
        task["inputParameters"] = {"x": scope.numeric_read(), **script}
        scope.numeric.append(f"${{{ref}.output.result}}")
    elif kind == "WAIT":
        task["inputParameters"] = {"duration": "20 seconds"}
    return [task]


def _sub_workflow(scope: _Scope) -> list[Json]:
    name = scope.draw(st.sampled_from(sorted(scope.children)))
    task = _task(scope, "SUB_WORKFLOW", "s")
    task["subWorkflowParam"] = {"name": name}
    task["inputParameters"] = {"x": scope.numeric_read(), "few": scope.numeric_read()}
    if scope.chance(3):
        task["optional"] = True
    if scope.taste.waits and scope.chance(4):
        task["retryCount"] = 1
    scope.known += [f"${{{task['taskReferenceName']}.output.{key}}}" for key in scope.children[name]]
    return [task]


def _switch(scope: _Scope) -> list[Json]:
    task = _task(scope, "SWITCH", "w")
    script = scope.chance(3)
    cases = [scope.inside() for _ in range(3)]
    lists = [_list(case, 0, 2) for case in cases]
    if scope.taste.failures and scope.failing and scope.chance(6):
        lists[0].append(_terminate(cases[0]))
    expression = "$.n % 2 == 0 ? 'a' : 'b'" if script else "case"
    task |= {"evaluatorType": "javascript" if script else "value-param", "expression": expression}
    read = {"n": scope.numeric_read()} if script else {"case": _case_read(scope)}
    task |= {
        "inputParameters": read,
        "decisionCases": {"a": lists[0], "b": lists[1]},
        "defaultCase": lists[2],
    }
    scope.learn(*cases)
    scope.known.append(f"${{{task['taskReferenceName']}.output.selectedCase}}")
    return [task]


def _case_read(scope: _Scope) -> str:
    texts = [text for text in scope.known if text.endswith(".case}")]
    return str(scope.draw(st.sampled_from([*texts, "a", "b", "c"])))


def _terminate(scope: _Scope) -> Json:
    task = _task(scope, "TERMINATE", "e")
    status = scope.draw(st.sampled_from(["COMPLETED", "FAILED", "TERMINATED"]))
    task["inputParameters"] = {"terminationStatus": status, "workflowOutput": {"e": scope.read()}}
    return task


def _fork(scope: _Scope) -> list[Json]:
    fork, join = _task(scope, "FORK_JOIN", "f"), _task(scope, "JOIN", "j")
    branches = [scope.inside() for _ in range(scope.number(2, 3))]
    fork["forkTasks"] = [_list(branch, 1, 3) for branch in branches]
    # All read here before any is merged: branches don't see each other.
    joined = list(range(len(branches)))
    if scope.taste.loose and scope.chance(6):
        joined = joined[: scope.number(1, len(branches) - 1)]
    join["joinOn"] = [fork["forkTasks"][i][-1]["taskReferenceName"] for i in joined]
    scope.learn(*(branches[i] for i in joined))
    scope.known.append(f"${{{join['taskReferenceName']}.output}}")
    return [fork, join]


def _loop(scope: _Scope) -> list[Json]:
    task = _task(scope, "DO_WHILE", "l")
    ref = task["taskReferenceName"]
    body = scope.inside(loops=scope.loops + 1)
    body.known.append(f"${{{ref}.output.iteration}}")
    body.numeric.append(f"${{{ref}.output.iteration}}")
    kind = scope.draw(st.sampled_from(["limit", "read", "even", "items"]))
    limit: Json = scope.number(1, 3 if scope.loops == 0 else 2)
    if kind == "read":
        fews = [text for text in scope.numeric if text.endswith(".few}")]
        limit = scope.draw(st.sampled_from(fews))
    task["inputParameters"] = {"limit": limit}
    task["loopCondition"] = f"$.{ref}['iteration'] < $.limit"
    task["loopOver"] = _list(body, 1, 3)
    if kind == "items":
        task["inputParameters"] = {
            "_items": scope.draw(st.sampled_from(["${workflow.input.list}", [], ["p", "q"]]))
        }
        del task["loopCondition"]
    elif kind == "even":
        watched = _simple(body)[0] | {"name": "work"}
        for field_ in ("optional", "permissive"):
            watched.pop(field_, None)
        task["loopOver"].append(watched)
        task["loopCondition"] += f" && $.{watched['taskReferenceName']}.n % 2 == 0"
    scope.learn(body)
    scope.known.append(f"${{{ref}.output}}")
    scope.numeric.append(f"${{{ref}.output.iteration}}")
    return [task]


def _task(scope: _Scope, kind: str, letter: str) -> Json:
    ref = scope.ref(letter)
    return {"name": ref, "taskReferenceName": ref, "type": kind}
