"""The contract of an operator: a task type that steers the flow.

An operator is one class in one file of `workflows/operators/`. It says what its fields are (`spec`), which task
lists it contains (`children`), and what it does when the flow reaches it (`run`). It sees neither Celery nor SQL:
`run` is handed a `Step` and returns one of a closed set of outcomes, which the runtime writes down. Retries,
timeouts, pausing, expressions and persistence are the runtime's, never an operator's.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from workflows.errors import DuplicateOperator, IncompleteOperator, UnknownOperator
from workflows.model import WorkflowTask
from workflows.status import TaskStatus, WorkflowStatus

Json = Any
"""A JSON value: None, bool, int, float, str, list or dict with string keys."""


class Spec(BaseModel):
    """Base of an operator's own fields; names as in Conductor's JSON (camelCase), read from the `WorkflowTask`."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore", frozen=True)


SpecClass = type[Spec]
# In the body of `Operator`, `type` is its attribute.


# --- what an operator is given ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TaskView:
    """Another task of the execution, as JOIN and DO_WHILE see it: its latest attempt."""

    ref: str
    status: TaskStatus
    output: Json = None
    reason: str | None = None
    optional: bool = False
    permissive: bool = False
    name: str = ""
    task_id: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Everything that `Operator.run` may know."""

    ref: str
    """taskReferenceName, without a loop suffix."""
    task: WorkflowTask
    spec: Any
    """The operator's `spec`, parsed from the definition (expressions in it are not evaluated)."""
    input: dict[str, Json]
    """inputParameters with all expressions evaluated."""
    iteration: int = 0
    """For a loop: how many iterations of its body have ended. 0 when it is reached."""
    output: Json = None
    """What the task has put out so far (a loop: its accumulated output, where `needs_output` asks for it)."""
    tasks: Mapping[str, TaskView] = field(default_factory=dict)
    """The tasks named by `Operator.needs`; those that never started are absent."""
    execution_id: str = ""
    task_id: str = ""
    attempt: int = 0
    now_ms: int = 0
    """The runtime's clock, milliseconds since the epoch (UTC)."""
    variables: Mapping[str, Json] = field(default_factory=dict)
    again: bool = False
    """For a `rewritten` task: whether one of its type stands before it in the definition."""


# --- what an operator may answer -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """Finished; the flow goes on with what follows. `variables` are merged into the execution's variables."""

    output: Json = None
    variables: Mapping[str, Json] | None = None
    status: TaskStatus = TaskStatus.COMPLETED
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """Finished; run the child list named `label` (a key of `children`), then go on. None: there is nothing to run."""

    label: str | None
    output: Json = None
    input: Mapping[str, Json] | None = None
    """Merged into the recorded input (Conductor's SWITCH adds `case` and `hasChildren`)."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A loop: run the child list `label` (once more), then ask this operator again with `iteration` + 1."""

    label: str
    output: Json = None


@dataclass(frozen=True, slots=True)
class Fan:
    """Finished; run all child lists side by side. The task that follows is the JOIN."""

    output: Json = None


@dataclass(frozen=True, slots=True)
class Wait:
    """Not finished: park until `until_ms` (None: until something outside completes the task)."""

    until_ms: int | None = None
    reason: str = ""
    output: Json = None


@dataclass(frozen=True, slots=True)
class Again:
    """Not finished: hand this attempt out again in `after_ms` milliseconds (a worker's `in_progress`)."""

    after_ms: int
    output: Json = None


@dataclass(frozen=True, slots=True)
class Start:
    """Start a child execution; park until it ends when `wait`, else finish with `{"workflowId": id}`."""

    name: str
    version: int | None = None
    input: Mapping[str, Json] = field(default_factory=dict)
    definition: Json = None
    """An inline WorkflowDef instead of a registered name."""
    wait: bool = True
    correlation_id: str | None = None
    priority: int | None = None
    idempotency_key: str | None = None
    idempotency_strategy: str | None = None
    task_to_domain: Mapping[str, str] | None = None
    compensates: str | None = None
    """The compensation of this execution instead of a workflow; what has nothing to undo is done at once."""


@dataclass(frozen=True, slots=True)
class Publish:
    """Finished: an event leaves with the transaction that says so."""

    sink: str
    payload: Mapping[str, Json] = field(default_factory=dict)
    """What the runtime completes with the execution's id, name, version and correlation id."""


@dataclass(frozen=True, slots=True)
class Receive:
    """Finished with the first messages to the execution, at most `limit` of them: `{"messages": […], "count": n}`."""

    limit: int
    wait: bool
    """Where there is none: park until one comes, rather than finish with none."""


@dataclass(frozen=True, slots=True)
class Finish:
    """End the whole execution with `status`; what is still open is cancelled."""

    status: WorkflowStatus
    output: Json = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed. `terminal`: no retry (FAILED_WITH_TERMINAL_ERROR)."""

    reason: str
    terminal: bool = False
    output: Json = None
    status: TaskStatus | None = None
    """Overrides the status (JOIN: CANCELED). None: FAILED, or FAILED_WITH_TERMINAL_ERROR when `terminal`."""


Outcome = Done | Branch | Repeat | Fan | Wait | Again | Start | Publish | Receive | Finish | Failed


# --- the contract ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Example:
    """A use of the operator that is documentation and test at once: run with `input`, it answers `outcome`."""

    title: str
    task: Mapping[str, Json]
    """The WorkflowTask's JSON."""
    outcome: Outcome
    input: Mapping[str, Json] | None = None
    """The evaluated input. None: the task's own inputParameters."""
    iteration: int = 0
    tasks: Mapping[str, TaskView] = field(default_factory=dict)
    now_ms: int = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a static check."""

    path: str
    """Where, as a path into the document: `tasks[2].decisionCases.gift[0].joinOn[1]`."""
    message: str
    """What is wrong, in a sentence."""
    fix: str
    """What to do about it, in a sentence."""
    severity: str = "error"
    """`error` (refused at registration) or `warning`."""
    rule: str = ""
    """A stable name of the rule: `duplicate-reference`."""


class Operator:
    """Base class of all operators. See docs/howto/add-an-operator.md.

    The class docstring is the reference page. Its sections, in this order: `What it does`, `When to use it`,
    `Fields`, `Output`.
    """

    type: ClassVar[str]
    aliases: ClassVar[Sequence[str]] = ()
    """Other names of the type that are accepted (deprecated ones)."""
    spec: ClassVar[SpecClass]
    examples: ClassVar[Sequence[Example]]
    instant: ClassVar[bool] = False
    """Decided in microseconds without any effect outside: the runtime may run it inside the transaction that
    completes the step before it. Scripts and calls are not."""
    repeatable: ClassVar[bool] = True
    """Running it again after its process died does no harm. HTTP says no, and goes through the retry policy."""
    slow: ClassVar[bool] = False
    """It may take seconds, because it waits for somebody else: it runs on workers only, never while somebody waits
    for the answer of a call."""
    cacheable: ClassVar[bool] = False
    """Its output follows from its input, for a time at least: `cacheConfig` applies."""
    uses_secrets: ClassVar[bool] = False
    """Its input may name secrets: it hands it to a service and to nobody else."""
    contains: ClassVar[Literal["cases", "branches", "loop"]] = "cases"
    """How `children` run: one of them (`Branch`), all side by side (`Fan`), or one again and again (`Repeat`)."""
    ends_segment: ClassVar[bool] = False
    """A chain that is sent to the broker ends with it: what follows is not known, or not soon. (An operator with
    children ends it always.)"""
    retried: ClassVar[bool] = True
    """Whether the retry policy of its task definition applies (Conductor never retries the built-in control flow)."""
    rewritten: ClassVar[bool] = False
    """What it is to do is known only when the flow reaches it: `rewrite` then says what stands in its place. (In
    the program of that execution; its definition stays as it was registered.)"""

    def parse(self, task: WorkflowTask) -> Spec:
        """The operator's own fields of this task.

        Raises:
            pydantic.ValidationError: a field is missing or malformed; the locations are Conductor's names.
        """
        given: dict[str, Any] = {}
        for name, info in self.spec.model_fields.items():
            alias = info.alias or name
            if name in task.model_fields_set:
                given[alias] = getattr(task, name)
            elif alias in (task.model_extra or {}):
                given[alias] = (task.model_extra or {})[alias]
        return self.spec.model_validate(given)

    def is_instant(self, task: WorkflowTask) -> bool:
        """`instant` for this task, where it depends on the task's fields (a SWITCH with a script is not)."""
        return self.instant

    def children(self, task: WorkflowTask) -> Mapping[str, Sequence[WorkflowTask]]:
        """The task lists inside this task by label (the path below the task: `decisionCases.gift`, `forkTasks[0]`)."""
        return {}

    def source(self, task: WorkflowTask, given: dict[str, Json]) -> dict[str, Json]:
        """What the recorded input is made of, expressions in it not evaluated yet; `given` is inputParameters."""
        return given

    def rewrite(self, step: Step) -> WorkflowTask | Failed:
        """What stands in the place of a `rewritten` task from now on, under the same reference."""
        raise NotImplementedError

    def needs(self, task: WorkflowTask) -> Sequence[str]:
        """References whose `TaskView` the operator wants in `step.tasks`."""
        return ()

    def needs_output(self, task: WorkflowTask) -> bool:
        """Whether `step.output` must hold a loop's whole accumulated output (it costs a read of the iterations)."""
        return False

    def check(self, task: WorkflowTask) -> Iterator[Finding]:
        """Static checks of this task's own fields beyond what `spec` says. Paths are relative to the task."""
        return iter(())

    def turn(self, given: Mapping[str, Any], iteration: int) -> dict[str, Any]:
        """What a loop puts out while an iteration (the first is 1) runs. given: the loop's input."""
        return {"iteration": iteration}

    def kept(self, task: WorkflowTask, given: str | bytes) -> int | None:
        """How many of the last iterations of a loop stay in the table; None: all. given: its input as JSON text."""
        return None

    def run(self, step: Step) -> Outcome:
        """Decide. Pure but for what the type is there to do (HTTP); must not block longer than its own limits."""
        raise NotImplementedError


_REGISTRY: dict[str, Operator] = {}
SECTIONS = ("What it does", "When to use it", "Fields", "Output")
"""The sections of an operator's docstring, in their order."""

OperatorClass = TypeVar("OperatorClass", bound=type[Operator])


def register(cls: OperatorClass) -> OperatorClass:
    """Class decorator: make an operator known under its type.

    Raises:
        IncompleteOperator: no type, spec, example or docstring section.
        DuplicateOperator: the type is taken.
    """
    kind = getattr(cls, "type", "")
    for attribute in ("type", "spec", "examples"):
        if not getattr(cls, attribute, None):
            raise IncompleteOperator(cls.__name__, f"no {attribute}")
    for section in SECTIONS:
        if section not in (inspect.getdoc(cls) or ""):
            raise IncompleteOperator(cls.__name__, f"no section {section!r} in its docstring")
    for name in (kind, *cls.aliases):
        if name in _REGISTRY:
            raise DuplicateOperator(name, type(_REGISTRY[name]).__name__)
        _REGISTRY[name] = cls()
    return cls


def is_operator(type_name: str) -> bool:
    """Whether a task of this type is an operator; every other type is a worker task."""
    return type_name in _registry()


def operator_of(type_name: str) -> Operator:
    """The operator of this type.

    Raises:
        UnknownOperator: there is none; the message names the nearest.
    """
    try:
        return _registry()[type_name]
    except KeyError:
        raise UnknownOperator(type_name, sorted(_registry())) from None


def operators() -> Mapping[str, Operator]:
    """All operators by type (aliases included), sorted."""
    return dict(sorted(_registry().items()))


def _registry() -> dict[str, Operator]:
    # Importing the package registers its modules; lazy, because those modules import this one.
    import workflows.operators  # noqa: F401

    return _REGISTRY
