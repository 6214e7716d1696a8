"""The DO_WHILE operator."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import Field

from workflows.errors import ScriptError
from workflows.model import WorkflowTask
from workflows.operator import (
    Done,
    Example,
    Failed,
    Finding,
    Operator,
    Outcome,
    Repeat,
    Spec,
    Step,
    TaskView,
    is_operator,
    operator_of,
    register,
)
from workflows.scripts import evaluate, holds, javascript_problem
from workflows.status import TaskStatus

_BODY = "loopOver"
_KEEP = "keepLastN"


class DoWhileSpec(Spec):
    """The fields of DO_WHILE."""

    loop_over: list[WorkflowTask] = Field(min_length=1, description="The tasks of one iteration, in order.")
    items: str | None = Field(
        default=None, description="An expression that yields a list: one iteration for each of its elements."
    )
    loop_condition: str | None = Field(
        default=None,
        description="JavaScript, evaluated after each iteration: true, or a number above 0, for another one.",
    )


_LOOP = {
    "name": "count",
    "taskReferenceName": "count",
    "type": "DO_WHILE",
    "inputParameters": {"limit": 3},
    "loopCondition": "if ($.count['iteration'] < $.limit) { true; } else { false; }",
    "loopOver": [{"name": "nothing", "taskReferenceName": "page", "type": "NOOP"}],
}
_UNTIL_EMPTY = {**_LOOP, "inputParameters": {}, "loopCondition": "$.page.rows.length"}
_LIST = {**_LOOP, "inputParameters": {"_items": ["a", "b"]}, "loopCondition": "true"}


@register
class DoWhile(Operator):
    """Run a list of tasks again and again.

    What it does:
        It runs the tasks of `loopOver`, then evaluates `loopCondition`, and runs them again while the
        condition holds. The first iteration always runs; its number is 1. In the condition `$` holds the
        loop's own inputs by name, the loop's own output by its reference, and the latest output of each task
        inside by its reference. A value that is true, or a number above 0, means another iteration; anything
        else ends the loop. Without a condition there is one iteration. A condition that fails, fails the
        loop, and it is not tried again.

        With a list in `items` (an expression) or in `inputParameters._items` there is one iteration for each element, none for an empty
        list, and the condition may end the loop early.

        With a number in `inputParameters.keepLastN` only so many of the last iterations that have ended are
        kept; the tasks of earlier ones leave the table and the output. Tasks that may have to be undone stay
        (those with a `compensation`, and sub-workflows).

        Loops may be nested, and may hold any other operator. Expressions inside the loop
        (`${page.output.next}`) see the latest iteration.

    When to use it:
        To go through pages, to try until something is ready (with a WAIT in the loop), or to do the same for
        each element of a list, one after the other. For the elements side by side it is not the right
        operator.

    Fields:
        The condition is JavaScript: `$.count['iteration'] < $.limit`, not `${…}`.

    Output:
        `{"iteration": 2, "1": {"page": {…}}, "2": {"page": {…}}}`: how many iterations there were, and for
        each of them the output of each task inside. With a list also `loopIndex` (from 0) and `loopItem` of
        the last iteration.
    """

    type = "DO_WHILE"
    spec = DoWhileSpec
    retried = False
    contains = "loop"
    examples = (
        Example("reached", _LOOP, Repeat(_BODY, {"iteration": 1})),
        Example("the condition holds", _LOOP, Repeat(_BODY, {"iteration": 3}), iteration=2),
        Example("it holds no more", _LOOP, Done({"iteration": 3}), iteration=3),
        Example(
            "on the output of a task inside: a number above 0 is true",
            _UNTIL_EMPTY,
            Repeat(_BODY, {"iteration": 2}),
            iteration=1,
            tasks={"page": TaskView("page", TaskStatus.COMPLETED, {"rows": [1, 2]})},
        ),
        Example("no condition: once", {**_LOOP, "loopCondition": None}, Done({"iteration": 1}), iteration=1),
        Example(
            "a condition that fails",
            _UNTIL_EMPTY,
            Failed(
                "Unable to evaluate condition $.page.rows.length, exception TypeError: cannot read property "
                "'length' of undefined (line 1, column 1)",
                terminal=True,
                output={"iteration": 1},
            ),
            iteration=1,
            tasks={"page": TaskView("page", TaskStatus.COMPLETED, {})},
        ),
        Example(
            "a list: the second element",
            _LIST,
            Repeat(_BODY, {"iteration": 2, "loopIndex": 1, "loopItem": "b"}),
            iteration=1,
        ),
        Example(
            "a list: no element left",
            _LIST,
            Done({"iteration": 2, "loopIndex": 1, "loopItem": "b"}),
            iteration=2,
        ),
        Example("an empty list", _LIST, Done({"iteration": 0}), input={"_items": []}),
        Example(
            "earlier iterations are to be forgotten, but how many is no number",
            _LOOP,
            Failed("keepLastN is 'all': it must be a whole number of at least 1", terminal=True),
            input={"limit": 3, "keepLastN": "all"},
        ),
    )

    def children(self, task: WorkflowTask) -> Mapping[str, Sequence[WorkflowTask]]:
        return {_BODY: task.loop_over}

    def source(self, task: WorkflowTask, given: dict[str, Any]) -> dict[str, Any]:
        return given if task.items is None else {"_items": task.items, **given}

    def needs(self, task: WorkflowTask) -> Sequence[str]:
        reads = _reads(task)
        inside = dict.fromkeys(_references(task.loop_over))
        return [ref for ref in inside if reads.everything or ref in reads.names]

    def needs_output(self, task: WorkflowTask) -> bool:
        reads = _reads(task)
        return reads.everything or reads.own_output

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        if task.loop_condition is None and task.items is None and "_items" not in task.input_parameters:
            yield Finding(
                "loopCondition",
                "Without a loopCondition the tasks run once.",
                "Add one, such as $.<reference of the loop>['iteration'] < 3.",
                severity="warning",
                rule="loop-without-condition",
            )
        keep = task.input_parameters.get(_KEEP)
        wrong = None if isinstance(keep, str) and "${" in keep else _what_is_wrong(keep)
        if wrong:
            yield Finding(
                f"inputParameters.{_KEEP}",
                f"{wrong}.",
                "Give the number of iterations to keep, or leave it out to keep all.",
                rule="loop-keeps-nothing",
            )
        problem = javascript_problem(task.loop_condition or "")
        if problem:
            yield Finding(
                "loopCondition",
                f"The script can't be parsed: {problem}.",
                "Mend it; inputs are read as $.name, and ${…} is not evaluated here.",
                rule="script-syntax",
            )

    def kept(self, task: WorkflowTask, given: str | bytes) -> int | None:
        # A long list is not read for nothing, each time that an iteration ends.
        return orjson.loads(given).get(_KEEP) if _KEEP in task.input_parameters else None

    def run(self, step: Step) -> Outcome:
        wrong = _what_is_wrong(step.input.get(_KEEP))
        if wrong:
            return Failed(wrong, terminal=True)
        items = _items_of(step.input)
        so_far = {**(step.output or {}), "iteration": step.iteration, **_item(items, step.iteration)}
        if items is not None and step.iteration >= len(items):
            return Done(so_far)
        if step.iteration:
            condition = step.spec.loop_condition
            try:
                if not _holds(condition, step, so_far, otherwise=items is not None):
                    return Done(so_far)
            except ScriptError as exc:
                reason = f"Unable to evaluate condition {condition}, exception {exc}"
                return Failed(reason, terminal=True, output=so_far)
        return Repeat(_BODY, self.turn(step.input, step.iteration + 1))

    def turn(self, given: Mapping[str, Any], iteration: int) -> dict[str, Any]:
        return {"iteration": iteration, **_item(_items_of(given), iteration)}


def _what_is_wrong(keep: Any) -> str | None:
    """What is wrong with a `keepLastN`; None: nothing."""
    if keep is None or (isinstance(keep, int) and not isinstance(keep, bool) and keep > 0):
        return None
    return f"{_KEEP} is {keep!r}: it must be a whole number of at least 1"


def _items_of(given: Mapping[str, Any]) -> list[Any] | None:
    items = given.get("_items")
    # As in Conductor, a single value is a list of one.
    return items if items is None or isinstance(items, list) else [items]


def _item(items: Sequence[Any] | None, iteration: int) -> dict[str, Any]:
    """What the output says about the element of an iteration; the list may be shorter by now."""
    if items is None or not 0 < iteration <= len(items):
        return {}
    return {"loopIndex": iteration - 1, "loopItem": items[iteration - 1]}


def _holds(condition: str | None, step: Step, so_far: Mapping[str, Any], otherwise: bool) -> bool:
    if condition is None or (otherwise and not condition.strip()):
        return otherwise
    outputs = {ref: view.output for ref, view in step.tasks.items()}
    return holds(evaluate(condition, {**step.input, step.ref: so_far, **outputs}))


# Which names a condition reads is seen in its text: `$.name` and `$['name']`, the loop's own followed by its
# iteration or not. Any other use of `$` (`$[key]`, `Object.keys($)`) may read everything.
_ACCESS = re.compile(r"""\$\s*(?:\.\s*([A-Za-z_][\w]*)|\[\s*'([^'\\]*)'\s*\]|\[\s*"([^"\\]*)"\s*\])""")
_ITERATION = re.compile(r"""\s*(?:\.\s*iteration\b|\[\s*(?:'iteration'|"iteration")\s*\])""")


@dataclass(slots=True)
class _Reads:
    names: set[str] = field(default_factory=set)
    own_output: bool = False
    everything: bool = False


def _reads(task: WorkflowTask) -> _Reads:
    text, reads = task.loop_condition or "", _Reads()
    for access in _ACCESS.finditer(text):
        name = next(group for group in access.groups() if group is not None)
        reads.names.add(name)
        if name == task.task_reference_name and not _ITERATION.match(text, access.end()):
            reads.own_output = True
    reads.everything = "$" in _ACCESS.sub("", text)
    return reads


def _references(tasks: Sequence[WorkflowTask]) -> Iterator[str]:
    for task in tasks:
        yield task.task_reference_name
        if is_operator(task.type):
            for inner in operator_of(task.type).children(task).values():
                yield from _references(inner)
