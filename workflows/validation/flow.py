"""Who runs when: one walk over a definition that says, for each task, what has run before it.

What is known grows along a list of tasks, so it is not copied for each of them: a `Scope` is a list's log, a
site remembers how long the log was when its turn came, and a lookup goes up from list to list. So the walk is
linear in the size of the definition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from workflows.model import WorkflowDef, WorkflowTask
from workflows.operator import is_operator, operator_of
from workflows.paths import join_path


class Fact(Enum):
    """What is known about a task when another one's turn comes."""

    DONE = "done"  #: it has ended
    MAYBE = "maybe"  #: it has ended, or its case was not taken
    RUNNING = "running"  #: it runs in a branch that no JOIN has waited for yet
    MAYBE_RUNNING = "maybe running"  #: the same, or its case was not taken

    @property
    def joined(self) -> Fact:
        """The fact once a JOIN has waited for it."""
        return {Fact.RUNNING: Fact.DONE, Fact.MAYBE_RUNNING: Fact.MAYBE}.get(self, self)

    @property
    def unjoined(self) -> Fact:
        """The fact as others see it while the branch that it is in still runs."""
        return {Fact.DONE: Fact.RUNNING, Fact.MAYBE: Fact.MAYBE_RUNNING}.get(self, self)

    @property
    def uncertain(self) -> Fact:
        """The fact when its list may not be run at all."""
        return {Fact.DONE: Fact.MAYBE, Fact.RUNNING: Fact.MAYBE_RUNNING}.get(self, self)


@dataclass(eq=False, slots=True)
class Scope:
    """What becomes known while one list of tasks runs."""

    parent: Scope | None
    since: int
    """How much of the parent's log was known when this list began."""
    may_have_ended: bool = False
    """A TERMINATE that may have run stands before this point."""
    ended: bool = False
    """A TERMINATE that surely runs stands before this point."""
    log: list[tuple[str, Fact]] = field(default_factory=list)
    entries: dict[str, list[int]] = field(default_factory=dict)

    def learn(self, ref: str, fact: Fact) -> None:
        self.entries.setdefault(ref, []).append(len(self.log))
        self.log.append((ref, fact))

    def fact(self, ref: str, at: int) -> Fact | None:
        """The newest fact about `ref` among the first `at` of this list, or from the lists around it."""
        for scope in self.upwards():
            for entry in reversed(scope.entries.get(ref, ())):
                if entry < at:
                    return scope.log[entry][1]
            at = scope.since
        return None

    def upwards(self) -> Iterator[Scope]:
        """This list and those around it, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def latest(self) -> dict[str, Fact]:
        """The newest fact about each reference of this list."""
        return dict(self.log)


@dataclass(frozen=True, slots=True, eq=False)
class Container:
    """A list of tasks inside a task."""

    owner: Site
    label: str
    kind: str
    """`cases`, `branches` or `loop`, as `Operator.contains`."""


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A task in its place."""

    task: WorkflowTask
    path: str
    containers: tuple[Container, ...]
    """The lists around it, outermost first; empty for the workflow's own."""
    previous: WorkflowTask | None
    following: WorkflowTask | None
    scope: Scope
    known: int
    reachable: bool
    dead_end: bool
    """It is the first task that is not reachable behind the end of its list."""
    conditional: bool
    """Whether the flow may pass it by: in a case, in a loop over items, or behind a TERMINATE in a case."""

    @property
    def ref(self) -> str:
        return self.task.task_reference_name

    @property
    def loops(self) -> tuple[str, ...]:
        """The paths of the loops around it, outermost first."""
        return tuple(c.owner.path for c in self.containers if c.kind == "loop")

    def fact(self, ref: str) -> Fact | None:
        """What is known about `ref` when this task's turn comes; None: it can't have run."""
        return self.scope.fact(ref, self.known)


@dataclass(frozen=True, slots=True)
class Flow:
    """A whole definition, walked."""

    sites: tuple[Site, ...]
    """All tasks, in the order of the document."""
    by_ref: Mapping[str, Site]
    """The first task of each reference."""
    end: Mapping[str, Fact]
    """What is known when the last task has ended."""


def walk(definition: WorkflowDef) -> Flow:
    """Walk a definition: its own tasks and those inside them."""
    return _Walk().whole(definition)


def loops_over_items(task: WorkflowTask) -> bool:
    """Whether a loop runs once for each item of a list, which may be empty."""
    return task.items is not None or "_items" in task.input_parameters


class _Walk:
    def __init__(self) -> None:
        self.sites: list[Site] = []
        self.by_ref: dict[str, Site] = {}
        self.order: dict[Site, int] = {}

    def whole(self, definition: WorkflowDef) -> Flow:
        scope = Scope(None, 0)
        self._list(definition.tasks, "tasks", (), scope, conditional=False)
        return Flow(tuple(self.sites), self.by_ref, scope.latest())

    def _list(
        self,
        tasks: Sequence[WorkflowTask],
        path: str,
        containers: tuple[Container, ...],
        scope: Scope,
        *,
        conditional: bool,
        dead: bool = False,
    ) -> None:
        ended = False
        for index, task in enumerate(tasks):
            site = Site(
                task=task,
                path=f"{path}[{index}]",
                containers=containers,
                previous=tasks[index - 1] if index else None,
                following=tasks[index + 1] if index + 1 < len(tasks) else None,
                scope=scope,
                known=len(scope.log),
                reachable=not (scope.ended or dead),
                dead_end=scope.ended and not ended,
                conditional=conditional or scope.may_have_ended,
            )
            ended = scope.ended
            self.sites.append(site)
            self.order[site] = len(self.sites)
            self.by_ref.setdefault(site.ref, site)
            scope.learn(site.ref, Fact.DONE)
            self._inside(site)
            if task.type == "JOIN":
                self._join(site)
            if task.type == "TERMINATE":
                scope.ended = scope.may_have_ended = True

    def _inside(self, site: Site) -> None:
        """Walk the lists inside a task, and merge what they make known into its own list."""
        task, scope = site.task, site.scope
        if not is_operator(task.type):
            return
        operator = operator_of(task.type)
        kind = operator.contains
        passable = kind == "cases" or (kind == "loop" and loops_over_items(task))
        inner: dict[str, Scope] = {}
        for label, tasks in operator.children(task).items():
            below = Scope(scope, len(scope.log), scope.may_have_ended)
            containers = (*site.containers, Container(site, label, kind))
            conditional = site.conditional or passable
            path = join_label(site.path, label)
            dead = not site.reachable
            self._list(tasks, path, containers, below, conditional=conditional, dead=dead)
            inner[label] = below
        if not inner:
            return
        scope.may_have_ended = any(below.may_have_ended for below in inner.values()) or scope.may_have_ended
        if kind == "cases":
            self._merge_cases(site, inner)
        elif kind == "branches":
            scope.ended = scope.ended or any(below.ended for below in inner.values())
            _learn_all(
                scope, ((ref, fact.unjoined) for s in inner.values() for ref, fact in s.latest().items())
            )
        else:
            body = next(iter(inner.values()))
            scope.ended = scope.ended or (body.ended and not passable)
            facts = body.latest().items()
            _learn_all(scope, ((ref, fact.uncertain if passable else fact) for ref, fact in facts))

    def _merge_cases(self, site: Site, inner: Mapping[str, Scope]) -> None:
        open_cases = [below for below in inner.values() if not below.ended]
        # Without a default case that does something, a value that has no case goes on at once.
        exhaustive = bool(site.task.default_case)
        if exhaustive and not open_cases:
            site.scope.ended = True
        only = open_cases[0] if exhaustive and len(open_cases) == 1 else None
        for below in inner.values():
            facts = below.latest().items()
            _learn_all(site.scope, ((ref, fact if below is only else fact.uncertain) for ref, fact in facts))

    def _join(self, site: Site) -> None:
        """A JOIN has waited: what it names has ended, and all that ran before that in the same branch."""
        around = set(site.scope.upwards())
        for ref in site.task.join_on:
            target = self.by_ref.get(ref)
            if target is None or target is site:
                continue
            waited = [target.ref, *self._waited_with(target)]
            at = target.known
            for scope in target.scope.upwards():
                if scope in around:
                    break
                waited += [earlier for earlier, _ in scope.log[:at]]
                at = scope.since
            for earlier in dict.fromkeys(waited):
                fact = site.scope.fact(earlier, len(site.scope.log))
                if fact is not None and fact.joined is not fact:
                    site.scope.learn(earlier, fact.joined)

    def _waited_with(self, owner: Site) -> Iterator[str]:
        """What is inside a SWITCH or a loop: who waits for it waits for the case that it took, or the body."""
        if not is_operator(owner.task.type) or operator_of(owner.task.type).contains == "branches":
            return
        depth = len(owner.containers)
        for index in range(self.order[owner], len(self.sites)):
            site = self.sites[index]
            if len(site.containers) <= depth or site.containers[depth].owner is not owner:
                return
            yield site.ref


def _learn_all(scope: Scope, facts: Iterator[tuple[str, Fact]]) -> None:
    for ref, fact in facts:
        scope.learn(ref, fact)


def join_label(path: str, label: str) -> str:
    """The path of a list inside a task. A label is a path already (`forkTasks[0]`), but for a case's name."""
    name, dot, case = label.partition(".")
    return join_path(f"{path}.{name}", case) if dot else f"{path}.{label}"
