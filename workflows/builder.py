"""Definitions written in Python.

    charge = simple("charge", ref="charge", input={"order": workflow_input("order")})
    definition = workflow("order", version=1, output={"receipt": charge.output("receipt.id")})(
        charge,
        fork([simple("ship")], [simple("invoice")], join="both_done"),
        wait(duration="2 hours"),
    )

Each function makes one task (a `Part`), or a FORK_JOIN and its JOIN (`fork`). `part.output("x.y")` is the
expression that reads its output. Without `ref` the name is the reference. What a function has no word
for is given by its name in the model: `simple("charge", retry_count=3, optional=True)`; every task takes the
parts that undo it: `simple("charge", compensation=[simple("refund")])`. The result is a plain
`WorkflowDef`: it can be printed as JSON, and the static checks apply to it as to any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflows.model import SubWorkflowParams, WorkflowDef, WorkflowTask

Json = Any


@dataclass(frozen=True, slots=True)
class Part:
    """One task, or a fork together with its JOIN."""

    tasks: tuple[WorkflowTask, ...]

    @property
    def ref(self) -> str:
        """The reference; of a fork the JOIN's, since that is what puts out the results of the branches."""
        return self.tasks[-1].task_reference_name

    def output(self, path: str = "") -> str:
        """The expression for its output, or for what lies at a path in it: `${ref.output.path}`."""
        return _read(f"{self.ref}.output", path)

    def input(self, path: str = "") -> str:
        """The expression for its input, or for what lies at a path in it."""
        return _read(f"{self.ref}.input", path)

    @property
    def status(self) -> str:
        """The expression for its status."""
        return _read(f"{self.ref}.status", "")


Parts = Sequence[Part]


def workflow(
    name: str, *, version: int = 1, output: Mapping[str, Json] | None = None, **fields: Any
) -> Callable[..., WorkflowDef]:
    """Begin a definition; call the answer with its parts. `output` is `outputParameters`.

    Raises:
        pydantic.ValidationError: a field is malformed.
    """

    def of(*parts: Part) -> WorkflowDef:
        given = {"output_parameters": dict(output)} if output is not None else {}
        return WorkflowDef(name=name, version=version, tasks=_tasks(parts), **given, **fields)

    return of


def workflow_input(path: str = "") -> str:
    """The expression for the workflow's input, or for what lies at a path in it."""
    return _read("workflow.input", path)


def variable(path: str) -> str:
    """The expression for a variable."""
    return _read("workflow.variables", path)


def task(
    type: str,
    name: str,
    *,
    ref: str | None = None,
    input: Mapping[str, Json] | None = None,
    compensation: Parts = (),
    **fields: Any,
) -> Part:
    """A task of any type. `input` is `inputParameters`; `fields` are fields of `WorkflowTask`.

    compensation: what undoes it when the execution does not complete: `simple("charge", compensation=[refund])`.

    Raises:
        TypeError: there is no such field.
        pydantic.ValidationError: a field is malformed.
    """
    unknown = fields.keys() - WorkflowTask.model_fields.keys()
    if unknown:
        raise TypeError(f"a task has no field {', '.join(sorted(unknown))}; see workflows.model.WorkflowTask")
    given = fields if input is None else {"input_parameters": dict(input), **fields}
    if compensation:
        given["compensation"] = _tasks(compensation)
    return Part((WorkflowTask(name=name, task_reference_name=ref or name, type=type, **given),))


def simple(
    name: str, *, ref: str | None = None, input: Mapping[str, Json] | None = None, **fields: Any
) -> Part:
    """A worker task: the Celery task, or the outside worker, of this name."""
    return task("SIMPLE", name, ref=ref, input=input, **fields)


def fork(*branches: Parts, ref: str = "fork", join: str | None = None, **fields: Any) -> Part:
    """Branches side by side, and the JOIN (`join`; not given: `<ref>_join`) that waits for the last of each.

    A branch that ends with a SWITCH is waited for with whatever the SWITCH runs.
    """
    lists = [_tasks(branch) for branch in branches]
    forked = task("FORK_JOIN", ref, fork_tasks=lists, **fields)
    last = [tasks[-1].task_reference_name for tasks in lists if tasks]
    joined = task("JOIN", join or f"{ref}_join", join_on=last)
    return Part((*forked.tasks, *joined.tasks))


def switch(
    value: Json, cases: Mapping[str, Parts], *, default: Parts = (), ref: str = "switch", **fields: Any
) -> Part:
    """One of several lists of parts: the case named as `value` (mostly an expression), else the default."""
    fields = {"evaluator_type": "value-param", "expression": "value", **fields}
    return _switch(ref, cases, default, {"value": value}, fields)


def switch_script(
    script: str,
    cases: Mapping[str, Parts],
    *,
    default: Parts = (),
    ref: str = "switch",
    input: Mapping[str, Json] | None = None,
    **fields: Any,
) -> Part:
    """As `switch`, by the result of a JavaScript expression that sees `input` as `$`."""
    fields = {"evaluator_type": "javascript", "expression": script, **fields}
    return _switch(ref, cases, default, input, fields)


def do_while(
    condition: str,
    *body: Part,
    ref: str = "loop",
    input: Mapping[str, Json] | None = None,
    **fields: Any,
) -> Part:
    """Parts again and again while a JavaScript condition holds; it is evaluated after each iteration."""
    return task("DO_WHILE", ref, input=input, loop_condition=condition, loop_over=_tasks(body), **fields)


def for_each(items: Json, *body: Part, ref: str = "loop", **fields: Any) -> Part:
    """Parts once for each element of a list (mostly an expression): `${<ref>.output.loopItem}` inside."""
    return task("DO_WHILE", ref, input={"_items": items}, loop_over=_tasks(body), **fields)


def sub_workflow(
    name: str,
    *,
    version: int | None = None,
    ref: str | None = None,
    input: Mapping[str, Json] | None = None,
    **fields: Any,
) -> Part:
    """Another workflow as one task; `version` not given: the latest."""
    given = {} if version is None else {"version": version}
    param = SubWorkflowParams(name=name, **given)
    return task("SUB_WORKFLOW", name, ref=ref, input=input, sub_workflow_param=param, **fields)


def wait(*, duration: str | None = None, until: str | None = None, ref: str = "wait", **fields: Any) -> Part:
    """Wait for a duration (`2 hours 5 minutes`), until a time (`2030-01-31 12:00`), or for a signal."""
    given = {key: value for key, value in (("duration", duration), ("until", until)) if value is not None}
    return task("WAIT", ref, input=given, **fields)


def set_variable(ref: str = "set_variable", /, **variables: Json) -> Part:
    """Set variables of the execution; later tasks read them with `variable(name)`."""
    return task("SET_VARIABLE", ref, input=variables)


def inline(
    script: str, *, ref: str = "inline", input: Mapping[str, Json] | None = None, **fields: Any
) -> Part:
    """A JavaScript expression that sees `input` as `$`; its result is `output("result")`."""
    given = {**(input or {}), "evaluatorType": "javascript", "expression": script}
    return task("INLINE", ref, input=given, **fields)


def jq(program: str, *, ref: str = "jq", input: Mapping[str, Json] | None = None, **fields: Any) -> Part:
    """A jq program over `input`; its first result is `output("result")`."""
    return task("JSON_JQ_TRANSFORM", ref, input={**(input or {}), "queryExpression": program}, **fields)


def http(
    method: str,
    uri: str,
    *,
    ref: str = "http",
    headers: Mapping[str, Json] | None = None,
    body: Json = None,
    request: Mapping[str, Json] | None = None,
    **fields: Any,
) -> Part:
    """An HTTP request; the answer is `output("response.body")`. `request` holds any other of its fields."""
    given: dict[str, Json] = {"method": method, "uri": uri, **(request or {})}
    if headers is not None:
        given["headers"] = dict(headers)
    if body is not None:
        given["body"] = body
    return task("HTTP", ref, input={"http_request": given}, **fields)


def terminate(
    status: str = "COMPLETED",
    *,
    reason: str | None = None,
    output: Mapping[str, Json] | None = None,
    ref: str = "terminate",
) -> Part:
    """End the whole execution with COMPLETED, FAILED or TERMINATED."""
    given: dict[str, Json] = {"terminationStatus": status}
    if reason is not None:
        given["terminationReason"] = reason
    if output is not None:
        given["workflowOutput"] = dict(output)
    return task("TERMINATE", ref, input=given)


def noop(ref: str = "noop") -> Part:
    """Nothing: a place to join on, or a case that says so."""
    return task("NOOP", ref)


def _switch(
    ref: str,
    cases: Mapping[str, Parts],
    default: Parts,
    input: Mapping[str, Json] | None,
    fields: dict[str, Any],
) -> Part:
    by_name = {name: _tasks(parts) for name, parts in cases.items()}
    return task("SWITCH", ref, input=input, decision_cases=by_name, default_case=_tasks(default), **fields)


def _tasks(parts: Parts) -> list[WorkflowTask]:
    return [task for part in parts for task in part.tasks]


def _read(root: str, path: str) -> str:
    between = "" if not path or path.startswith("[") else "."
    return f"${{{root}{between}{path}}}"
