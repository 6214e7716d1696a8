"""A definition indexed for the compiler and the runtime: who follows whom, and what inputs read.

A position in a running execution is a node and a path: the iteration numbers of the loops around it, outermost
first. `charge` in the second iteration of one loop is `("charge", (2,))`; Conductor writes it `charge__2`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Literal

import orjson
from pydantic import ValidationError

from workflows.changes import Change, ChangeEvent, changes_of
from workflows.errors import DuplicateReference
from workflows.expressions import Template
from workflows.masking import Mask
from workflows.model import CacheConfig, SubWorkflowParams, TaskDef, WorkflowDef, WorkflowTask
from workflows.operator import Operator, Spec, is_operator, operator_of
from workflows.schemas import Check, check_of
from workflows.secrets import Place, places

Path = tuple[int, ...]

DEFAULT_WORKER_TASK = TaskDef(name="")
"""A worker task without a task definition: Conductor's class defaults (3 retries, 60 s apart)."""
DEFAULT_OPERATOR = TaskDef(name="", retry_count=0)
"""An operator without a task definition is not retried."""


@dataclass(frozen=True, slots=True)
class Cache:
    """`cacheConfig` of a task, or of a workflow."""

    key: Template | None
    """Of what its output is kept by, with the fields of its input as roots; None: all of its input."""
    seconds: int


@dataclass(slots=True, eq=False)
class Node:
    """One task of the definition."""

    task: WorkflowTask
    container: Container
    index: int
    depth: int
    """How many loops are around it: the length of its path."""
    operator: Operator | None
    """None: a worker task."""
    rewriter: Operator | None
    """Says what stands here, each time that the flow reaches it."""
    spec: Spec | None
    template: Template
    definition: TaskDef
    instant: bool
    limited: bool
    """A limit of its task definition says how many attempts may run, or start in a time."""
    loops: tuple[str, ...]
    """References of the loops around it, outermost first."""
    fits_input: Check | None = None
    """What its input is held against before it begins; None: nothing."""
    fits_output: Check | None = None
    changes: Mapping[Change, tuple[ChangeEvent, ...]] = field(default_factory=dict)
    """Events that it sends when its status changes."""
    cache: Cache | None = None
    """How long its output may be used again; None: not at all."""
    secrets: tuple[Place, ...] = ()
    """Where its input names secrets, whose values it gets when it runs."""
    children: dict[str, Container] = field(default_factory=dict)
    after: Next = None  # type: ignore[assignment]  # set when the whole tree is there
    joins: tuple[Node, ...] = ()
    """JOINs to be asked when this task ends, because its fork's end alone would not ask them."""
    join: Node | None = None
    """Of a fork: the JOIN that follows it."""
    whole: bool = False
    """Of a JOIN: it waits for exactly the ends of all branches of the fork before it."""
    inside: frozenset[str] = frozenset()
    """Of a JOIN: all tasks of which none may be open: in the branches before it when it is `whole`, else what
    stands inside the SWITCHes that it names (a SWITCH itself ends before its case does)."""

    @property
    def ref(self) -> str:
        return self.task.task_reference_name

    @property
    def kind(self) -> str:
        """The row's task type: an operator's type, a worker task's name."""
        return self.task.type if self.operator else self.worker

    @property
    def worker(self) -> str:
        """The name that a worker registers for it."""
        return self.task.became or (self.task.name if self.task.type == "SIMPLE" else self.task.type)

    @property
    def gated(self) -> bool:
        """Whether there is more to its beginning: if its input fits, if its output is known, who is told."""
        return self.fits_input is not None or self.cache is not None or bool(self.changes)

    @property
    def reads(self) -> frozenset[tuple[str, str | None]]:
        """What the input reads: (root, field) pairs, see `Template.roots`."""
        return self.template.roots

    def below(self) -> Iterator[Node]:
        """All tasks inside of it, however deep, in their order."""
        for child in self.children.values():
            yield from walk(child.nodes)

    def __repr__(self) -> str:
        return f"<Node {self.ref}>"


@dataclass(slots=True, eq=False)
class Container:
    """A list of tasks: the workflow's own, a case, a branch or a loop's body."""

    kind: Literal["root", "cases", "branches", "loop"]
    owner: Node | None
    label: str
    nodes: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class BranchEnd:
    """A branch of `fork` has ended."""

    fork: Node


@dataclass(frozen=True, slots=True)
class LoopEnd:
    """An iteration of `loop`'s body has ended."""

    loop: Node


@dataclass(frozen=True, slots=True)
class WorkflowEnd:
    """The workflow's own list has ended."""


Next = Node | BranchEnd | LoopEnd | WorkflowEnd
"""What follows a task."""

WORKFLOW_END = WorkflowEnd()


class Program:
    """An indexed definition together with the task definitions that were registered when it was."""

    __slots__ = (
        "cache",
        "compensable",
        "compensates",
        "definition",
        "dynamic",
        "fits_input",
        "fits_output",
        "id",
        "loose",
        "mask",
        "nodes",
        "output",
        "permissive",
        "rate_limit_key",
        "rewrites",
        "root",
        "task_defs",
        "tells_changes",
    )

    def __init__(
        self,
        definition: WorkflowDef,
        task_defs: Mapping[str, TaskDef] | None = None,
        compensates: str | None = None,
        rewrites: str | None = None,
    ) -> None:
        """`compensates`: the id of the program whose executions this one undoes (`workflows/compensation.py`).

        rewrites: that of the program whose executions go on with this one, in which tasks are rewritten.
        """
        self.definition = definition
        self.task_defs = dict(task_defs or {})
        self.compensates = compensates
        self.rewrites = rewrites
        self.id = hashlib.sha256(self.content()).hexdigest()[:24]
        self.nodes: dict[str, Node] = {}
        self.root = self._build(definition.tasks, Container("root", None, ""), ())
        _link(self.root, WORKFLOW_END)
        for node in self.nodes.values():
            self._tie_join(node)
        self.output = Template.compile(definition.output_parameters)
        limit = definition.rate_limit_config
        self.rate_limit_key = (
            Template.compile({"key": limit.rate_limit_key or definition.name})
            if limit is not None and limit.concurrent_exec_limit
            else None
        )
        """What `rateLimitConfig` counts executions by; None: they are not limited."""
        self.cache = _cache(definition.cache_config)
        self.fits_input = check_of(definition.input_schema, definition.enforce_schema)
        self.fits_output = check_of(definition.output_schema, definition.enforce_schema)
        self.mask = Mask(definition.masked_fields) if definition.masked_fields else None
        """What readers are not shown; None: they are shown everything."""
        self.permissive = any(node.task.permissive for node in self.nodes.values())
        self.compensable = compensates is None and any(may_be_undone(node) for node in self.nodes.values())
        """Whether an execution of it may leave something to undo."""
        self.dynamic = any(node.rewriter is not None for node in self.nodes.values())
        """Whether an execution of it may go on with another program, in which tasks are rewritten."""
        self.tells_changes = any(node.changes for node in self.nodes.values())
        """Whether tasks of it send events when their status changes."""
        self.loose = any(node.join is not None and not node.join.whole for node in self.nodes.values())

    def content(self) -> bytes:
        """What is stored: JSON of the definition and its task definitions; `load` reads it back."""
        names = {task.name for task in _all_tasks(self.definition.tasks)}
        document: dict[str, Any] = {
            "workflow": self.definition.to_json(),
            "taskDefs": {n: d.to_json() for n, d in sorted(self.task_defs.items()) if n in names},
        }
        if self.compensates is not None:
            document["compensates"] = self.compensates
        if self.rewrites is not None:
            document["rewrites"] = self.rewrites
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)

    @classmethod
    def load(cls, content: bytes | str) -> Program:
        """Read what `content` wrote."""
        document = orjson.loads(content)
        task_defs = {name: TaskDef.model_validate(d) for name, d in document["taskDefs"].items()}
        definition = WorkflowDef.model_validate(document["workflow"])
        return cls(definition, task_defs, document.get("compensates"), document.get("rewrites"))

    def node(self, ref: str) -> Node:
        return self.nodes[ref]

    def rewritten(self, ref: str, task: WorkflowTask, known: Mapping[str, TaskDef]) -> Program:
        """The program in which `task` stands in the place of `ref`; the JOIN of a fork waits for its branches.

        known: task definitions, for the names that this program has not got.

        Raises:
            DuplicateReference: a reference inside of `task` is that of another task.
            pydantic.ValidationError: a field of an operator in `task` is missing or malformed.
        """
        old = self.nodes[ref]
        changes = {ref: task}
        if old.join is not None:
            ends = [branch[-1].task_reference_name for branch in task.fork_tasks]
            changes[old.join.ref] = old.join.task.model_copy(update={"join_on": ends})
        inside = [inner.task_reference_name for inner in _all_tasks([task])][1:]
        seen = set(self.nodes) - {inner.ref for inner in old.below()}
        for name in inside:
            if name in seen:
                raise DuplicateReference(name)
            seen.add(name)
        definition = self.definition.model_copy(update={"tasks": _replaced(self.definition.tasks, changes)})
        return Program(
            definition, {**known, **self.task_defs}, self.compensates, rewrites=self.rewrites or self.id
        )

    def first(self) -> Next:
        """What an execution begins with."""
        return first_of(self.root, WORKFLOW_END)

    def _build(
        self, tasks: Sequence[WorkflowTask], container: Container, loops: tuple[str, ...]
    ) -> Container:
        for index, task in enumerate(tasks):
            node = self._node(task, container, index, loops)
            container.nodes.append(node)
            self.nodes[node.ref] = node
            if node.operator is not None:
                for label, inner in node.operator.children(task).items():
                    kind = node.operator.contains
                    below = (*loops, node.ref) if kind == "loop" else loops
                    node.children[label] = self._build(inner, Container(kind, node, label), below)
        return container

    def _node(self, task: WorkflowTask, container: Container, index: int, loops: tuple[str, ...]) -> Node:
        known_operator = operator_of(task.type) if is_operator(task.type) else None
        operator = None if task.became else known_operator
        known = task.task_definition or self.task_defs.get(task.name)
        default = DEFAULT_OPERATOR if operator else DEFAULT_WORKER_TASK
        source = task.input_parameters if operator is None else operator.source(task, task.input_parameters)
        template = Template.compile(source).with_defaults(known.input_template if known else {})
        if task.input_expression is not None:
            template = Template.object({GIVEN: template, MORE: Template.compile(task.input_expression)})
        if task.sub_workflow_param is not None:
            template = _sub_workflow_template(task.sub_workflow_param, template)
        instant = operator.is_instant(task) if operator else False
        definition = known or default
        # An operator that is decided at once, or waits for its own tasks, does not run.
        runs = operator is None or not (instant or operator.rewritten or operator.children(task))
        return Node(
            task=task,
            container=container,
            index=index,
            depth=len(loops),
            operator=operator,
            rewriter=known_operator if known_operator is not None and known_operator.rewritten else None,
            spec=_spec(known_operator, task) if known_operator else None,
            template=template,
            definition=definition,
            instant=instant,
            limited=runs and bool(definition.concurrent_exec_limit or definition.rate_limit_per_frequency),
            loops=loops,
            changes=changes_of(task),
            cache=_cache(task.cache_config) if operator is None or operator.cacheable else None,
            fits_input=check_of(definition.input_schema, definition.enforce_schema),
            fits_output=check_of(definition.output_schema, definition.enforce_schema),
            secrets=tuple(places((known.input_template if known else {}) | task.input_parameters))
            if operator is None or operator.uses_secrets
            else (),
        )

    def _tie_join(self, join: Node) -> None:
        if join.task.type != "JOIN":
            return
        named = [self.nodes[ref] for ref in join.task.join_on if ref in self.nodes]
        inside = {ref for node in named for ref in _inside_cases(node)}
        join.inside = frozenset(inside)
        fork = join.container.nodes[join.index - 1] if join.index else None
        if fork is not None and fork.operator is not None and fork.operator.contains == "branches":
            fork.join = join
            ends = {branch.nodes[-1].ref for branch in fork.children.values() if branch.nodes}
            # What a dynamic fork has become names its JOIN's tasks; before that there are none.
            join.whole = ends == set(join.task.join_on) or not fork.children
            if join.whole:
                join.inside = frozenset(inner.ref for inner in fork.below())
        if not join.whole:
            for ref in inside:
                self.nodes[ref].joins = (*self.nodes[ref].joins, join)


def _cache(config: CacheConfig | None) -> Cache | None:
    if config is None or not config.ttl_in_second:
        return None
    return Cache(Template.compile(config.key) if config.key else None, config.ttl_in_second)


def _spec(operator: Operator, task: WorkflowTask) -> Spec | None:
    try:
        return operator.parse(task)
    except ValidationError:
        # What its inputParameters lack may be among the data that a dynamic fork gives it.
        if task.input_expression is None:
            raise
        return None


def _sub_workflow_template(param: SubWorkflowParams, given: Template) -> Template:
    # An inline definition's own expressions are the child's: only a whole expression in its place is evaluated.
    inline = param.workflow_definition
    fields = {
        "subWorkflowName": param.name,
        "subWorkflowVersion": param.version,
        "subWorkflowTaskToDomain": param.task_to_domain,
        "subWorkflowDefinition": inline if isinstance(inline, str) else None,
        "idempotencyKey": param.idempotency_key,
        "idempotencyStrategy": param.idempotency_strategy,
        "priority": param.priority,
    } | ({} if param.compensates is None else {"compensates": param.compensates})
    return Template.object({k: Template.compile(v) for k, v in fields.items()} | {"workflowInput": given})


GIVEN, MORE = "podium.given", "podium.more"
"""Keys of an input that is made of inputParameters and of the value of `inputExpression`."""


def merged(given: dict[str, Any]) -> dict[str, Any]:
    """An input whose two parts have been evaluated, as one; what is no object is its `input`, as in Conductor."""
    more = given[MORE]
    return {**given[GIVEN], **(more if isinstance(more, dict) else {"input": more})}


def _replaced(tasks: Sequence[WorkflowTask], changes: Mapping[str, WorkflowTask]) -> list[WorkflowTask]:
    return [changes.get(task.task_reference_name) or _replaced_inside(task, changes) for task in tasks]


def _replaced_inside(task: WorkflowTask, changes: Mapping[str, WorkflowTask]) -> WorkflowTask:
    if not is_operator(task.type) or not operator_of(task.type).children(task):
        return task
    lists: dict[str, Any] = {
        "decision_cases": {case: _replaced(inner, changes) for case, inner in task.decision_cases.items()},
        "default_case": _replaced(task.default_case, changes),
        "fork_tasks": [_replaced(branch, changes) for branch in task.fork_tasks],
        "loop_over": _replaced(task.loop_over, changes),
    }
    return task.model_copy(update={name: inner for name, inner in lists.items() if inner})


def may_be_undone(node: Node) -> bool:
    """Whether a compensation may need what the task has left."""
    # What a dynamic task will be is not known: it may start a sub-workflow.
    return bool(node.task.compensation) or node.task.type in _MAY_START_OTHERS


_MAY_START_OTHERS = ("SUB_WORKFLOW", "DYNAMIC", "FORK_JOIN_DYNAMIC")


def walk(nodes: Iterable[Node]) -> Iterator[Node]:
    """These tasks, each followed by all that are inside of it."""
    for node in nodes:
        yield node
        yield from node.below()


def first_of(container: Container, otherwise: Next) -> Next:
    """The first task of a list; an empty list is over at once."""
    return container.nodes[0] if container.nodes else otherwise


def end_of(container: Container) -> Next:
    """What follows when the last task of a list has ended."""
    owner = container.owner
    if owner is None:
        return WORKFLOW_END
    if container.kind == "branches":
        return BranchEnd(owner)
    if container.kind == "loop":
        return LoopEnd(owner)
    return owner.after


def _link(container: Container, over: Next) -> None:
    for node, following in zip_longest(container.nodes, container.nodes[1:]):
        node.after = over if following is None else following
        for child in node.children.values():
            _link(child, end_of(child))


def _inside_cases(node: Node) -> Iterator[str]:
    """A task's reference and, since a SWITCH ends before its case does, those inside its cases."""
    yield node.ref
    for child in node.children.values():
        if child.kind == "cases":
            for inner in child.nodes:
                yield from _inside_cases(inner)


def _all_tasks(tasks: Sequence[WorkflowTask]) -> Iterator[WorkflowTask]:
    for task in tasks:
        yield task
        yield from _all_tasks(task.compensation)
        if is_operator(task.type):
            for inner in operator_of(task.type).children(task).values():
                yield from _all_tasks(inner)
