"""What a definition means: a recursion over its JSON, with no code of the compiler or the runtime.

Branches are run one after the other. Where one of them ends the execution, it is not said how far the others had
come by then: `Result.exact` is False, and what the others did here is the most that they can have done.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from tests.runtime.work import FAILURES, RETRIES, output_of

Json = Any
Path = tuple[int, ...]
_ENDS = {"TERMINATED": "CANCELED"}


@dataclass
class Ran:
    """How a task ended, after how many attempts."""

    status: str
    output: Json
    attempts: int = 1
    optional: bool = False
    child: Result | None = None


@dataclass
class Result:
    """How an execution ends. statuses: more than one where branches race to end it."""

    statuses: set[str] = field(default_factory=set)
    output: Json = None
    exact: bool = True
    tasks: dict[tuple[str, Path], Ran] = field(default_factory=dict)
    variables: dict[str, Json] = field(default_factory=dict)


class Undetermined(Exception):
    """It depends on which of two branches is the faster."""


class _Stop(Exception):
    def __init__(self, status: str, output: Json = None, last: Json = None) -> None:
        self.status, self.output, self.last = status, output, last


def interpret(definitions: dict[str, Json], name: str, given: Json) -> Result:
    """Run a definition by its name."""
    return _Run(definitions, definitions[name], given).whole()


class _Run:
    def __init__(self, definitions: dict[str, Json], definition: Json, given: Json) -> None:
        self.definitions, self.definition, self.given = definitions, definition, given
        self.result = Result()
        self.loops = dict(_loops(definition["tasks"], ()))
        self.stray: list[_Stop] = []
        self.loose = False

    def whole(self) -> Result:
        result, stop = self.result, None
        try:
            self.sequence(self.definition["tasks"], ())
        except _Stop as error:
            stop = error
            result.statuses |= {error.status}
        result.statuses |= {stray.status for stray in self.stray}
        result.exact = result.exact and not self.stray and not (stop and self.loose)
        if not result.statuses:
            failed = any(ran.status.startswith("FAILED") for ran in result.tasks.values())
            result.statuses = {"FAILED" if failed else "COMPLETED"}
        if stop is not None and stop.output is not None:
            result.output = stop.output
        elif "outputParameters" in self.definition:
            result.output = self.value(self.definition["outputParameters"], "", ())
        else:
            result.output = stop.last if stop else self.last_output(self.definition["tasks"])
        return result

    def sequence(self, tasks: Json, path: Path) -> None:
        for task in tasks:
            given = self.value(task.get("inputParameters", {}), task["taskReferenceName"], path)
            getattr(self, task["type"].lower())(task, given, path)

    def put(self, task: Json, path: Path, output: Json, status: str = "COMPLETED", **more: Any) -> None:
        self.result.tasks[task["taskReferenceName"], path] = Ran(status, output, **more)

    def fail(self, task: Json, path: Path, output: Json, status: str = "FAILED", **more: Any) -> None:
        optional, goes_on = task.get("optional"), task.get("permissive") and status != "CANCELED"
        status_now = "COMPLETED_WITH_ERRORS" if optional else status
        self.put(task, path, output, status_now, optional=bool(optional), **more)
        if not optional and not goes_on:
            raise _Stop("TERMINATED" if status == "CANCELED" else "FAILED", last=output)

    # types of tasks

    def simple(self, task: Json, given: Json, path: Path) -> None:
        failures, retries = FAILURES.get(task["name"], 0), RETRIES.get(task["name"], 1000)
        if task["name"] == "fatal":
            self.fail(task, path, {}, "FAILED_WITH_TERMINAL_ERROR")
        elif failures > retries:
            self.fail(task, path, {}, attempts=retries + 1)
        else:
            self.put(task, path, output_of(given), attempts=failures + 1)

    def noop(self, task: Json, given: Json, path: Path) -> None:
        self.put(task, path, {})

    wait = noop

    def set_variable(self, task: Json, given: Json, path: Path) -> None:
        self.result.variables.update(given)
        self.put(task, path, {})

    def inline(self, task: Json, given: Json, path: Path) -> None:
        self.put(task, path, {"result": (given["x"] or 0) * 2 + 1})

    def terminate(self, task: Json, given: Json, path: Path) -> None:
        output = given.get("workflowOutput") or {}
        self.put(task, path, output)
        raise _Stop(given["terminationStatus"], output)

    def switch(self, task: Json, given: Json, path: Path) -> None:
        script = task["evaluatorType"] == "javascript"
        case = ("a" if (given["n"] or 0) % 2 == 0 else "b") if script else _text(given["case"])
        self.put(task, path, {"evaluationResult": [case], "selectedCase": case})
        self.sequence(task["decisionCases"].get(case, task.get("defaultCase", [])), path)

    def fork_join(self, task: Json, given: Json, path: Path) -> None:
        self.put(task, path, {})
        stops: list[_Stop] = []
        join = self.following[task["taskReferenceName"]]
        for branch in task["forkTasks"]:
            try:
                self.sequence(branch, path)
            except _Stop as stop:
                (stops if branch[-1]["taskReferenceName"] in join["joinOn"] else self.stray).append(stop)
        self.loose = self.loose or len(join["joinOn"]) < len(task["forkTasks"])
        if stops:
            self.result.exact = False
            self.result.statuses |= {stop.status for stop in stops}
            raise stops[0]

    def join(self, task: Json, given: Json, path: Path) -> None:
        waited = {ref: self.result.tasks[ref, path] for ref in task["joinOn"]}
        output = {ref: ran.output for ref, ran in waited.items() if ran.output}
        statuses = {ran.status for ran in waited.values()}
        if any(status.startswith("FAILED") for status in statuses):
            self.fail(task, path, output)
        else:
            errors = any(ran.optional for ran in waited.values())
            self.put(task, path, output, "COMPLETED_WITH_ERRORS" if errors else "COMPLETED")

    def do_while(self, task: Json, given: Json, path: Path) -> None:
        ref, items, number = task["taskReferenceName"], given.get("_items"), 0
        while items is None or number < len(items):
            number += 1
            begun = {"iteration": number}
            if items is not None:
                begun |= {"loopIndex": number - 1, "loopItem": items[number - 1]}
            # As readers inside it see it, and as it stays when one of them ends the execution.
            self.put(task, path, begun, "CANCELED")
            self.sequence(task["loopOver"], (*path, number))
            if items is None and not self.again(task, given, path, number):
                break
        output: Json = {"iteration": number}
        if items:
            output |= {"loopIndex": number - 1, "loopItem": items[number - 1]}
        # The latest of each task inside, by iteration.
        for (inner, at), ran in sorted(self.result.tasks.items()):
            if at[: len(path)] == path and (*self.loops[ref], ref) == self.loops[inner][: len(path) + 1]:
                output.setdefault(str(at[len(path)]), {})[inner] = ran.output
        self.put(task, path, output)

    def again(self, task: Json, given: Json, path: Path, number: int) -> bool:
        # The conditions that `definitions.py` writes: a limit, or a limit and an even number of a task inside.
        watched = re.search(r"\$\.(\w+)\.n % 2", task.get("loopCondition", ""))
        even = "loopCondition" in task
        if watched:
            ran = self.result.tasks[watched[1], (*path, number)]
            even = ran.output["n"] % 2 == 0
        return even and number < (given["limit"] or 0)

    def sub_workflow(self, task: Json, given: Json, path: Path) -> None:
        child = interpret(self.definitions, task["subWorkflowParam"]["name"], given)
        if len(child.statuses) > 1:
            raise Undetermined
        status = next(iter(child.statuses))
        attempts = task.get("retryCount", 0) + 1 if status == "FAILED" else 1
        if not child.exact and (status == "COMPLETED" or task.get("optional") or task.get("permissive")):
            raise Undetermined
        self.result.exact = self.result.exact and child.exact
        output = {**child.output, "subWorkflowId": "some"}
        if status == "COMPLETED":
            self.put(task, path, output, child=child)
        else:
            self.fail(task, path, output, _ENDS.get(status, status), attempts=attempts, child=child)

    # expressions

    @property
    def following(self) -> dict[str, Json]:
        return dict(_following(self.definition["tasks"]))

    def value(self, template: Json, reader: str, path: Path) -> Json:
        """A template's value: `${a.b.c}` alone keeps its type, in a longer string it becomes text."""
        if isinstance(template, dict):
            return {key: self.value(item, reader, path) for key, item in template.items()}
        if isinstance(template, list):
            return [self.value(item, reader, path) for item in template]
        if not isinstance(template, str):
            return template
        whole = re.fullmatch(r"\$\{([^}]*)\}", template)
        if whole:
            return self.read(whole[1], reader, path)
        return re.sub(r"\$\{([^}]*)\}", lambda m: _text(self.read(m[1], reader, path)), template)

    def read(self, expression: str, reader: str, path: Path) -> Json:
        root, field_, *keys = expression.split(".")
        if root == "workflow":
            found: Json = self.given if field_ == "input" else self.result.variables
        else:
            shared = _common(self.loops[root], self.loops.get(reader, ()))
            ran = self.view(root, reader, path, shared)
            found = None if ran is None else ran.output
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found

    def view(self, ref: str, reader: str, path: Path, shared: int) -> Ran | None:
        """What a reader sees of a task: its latest iteration, as far as the loops around both have come."""
        deeper = len(self.loops[ref]) > shared
        fixed, limit = (
            (path[:shared], None) if deeper or not shared else (path[: shared - 1], path[shared - 1])
        )
        seen = [
            at
            for name, at in self.result.tasks
            if name == ref and at[: len(fixed)] == fixed and (limit is None or at[len(fixed)] <= limit)
        ]
        return self.result.tasks[ref, max(seen)] if seen else None

    def last_output(self, tasks: Json) -> Json:
        for task in reversed(tasks):
            ran = self.result.tasks.get((task["taskReferenceName"], ()))
            if ran is not None and task["type"] == "SWITCH":
                case = task["decisionCases"].get(ran.output["selectedCase"], task.get("defaultCase", []))
                return self.last_output(case) if case else ran.output
            if ran is not None:
                return ran.output
        return {}


def lists_in(task: Json) -> list[Json]:
    """The lists of tasks inside a task."""
    cases = list(task.get("decisionCases", {}).values())
    return [*cases, task.get("defaultCase", []), *task.get("forkTasks", []), task.get("loopOver", [])]


def _loops(tasks: Json, around: tuple[str, ...]) -> Any:
    for task in tasks:
        ref = task["taskReferenceName"]
        yield ref, around
        for inner in lists_in(task):
            yield from _loops(inner, (*around, ref) if task["type"] == "DO_WHILE" else around)


def _following(tasks: Json) -> Any:
    for task, following in zip_longest(tasks, tasks[1:]):
        yield task["taskReferenceName"], following
        for inner in lists_in(task):
            yield from _following(inner)


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
