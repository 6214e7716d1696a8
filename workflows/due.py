"""What is due in an execution, from its table alone: the frontier between what has ended and what has not begun.

A resume, a retry, a rerun and whatever finds that somebody else has been there before are all this one walk. It reads
a program and the latest attempt at each position, and says what is to be done next; who asks does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from workflows.program import (
    WORKFLOW_END,
    Container,
    LoopEnd,
    Node,
    Path,
    Program,
    WorkflowEnd,
    walk,
)
from workflows.status import TaskStatus


class Place(NamedTuple):
    """The latest attempt at a position, as far as the walk needs it."""

    status: TaskStatus
    iteration: int = 0
    """Of a loop: how many iterations of its body have ended."""
    label: str | None = None
    """Which list was chosen (SWITCH)."""
    held: bool = False
    """A worker has claimed it."""


Position = tuple[str, Path]
Progress = Mapping[Position, Place]


class Reach(NamedTuple):
    """Its turn has come, and nothing is there."""

    node: Node
    path: Path


class Scheduled(NamedTuple):
    """It waits for a worker, whose message may have been refused."""

    node: Node
    path: Path


class Stopped(NamedTuple):
    """It has ended without success, and nothing has followed from that."""

    node: Node
    path: Path


class Reopen(NamedTuple):
    """A JOIN or a loop that was cancelled or failed with what it waits for; it waits once more."""

    node: Node
    path: Path


class Ask(NamedTuple):
    """A JOIN that may be complete."""

    node: Node
    path: Path


class Arrive(NamedTuple):
    """A list has ended: an iteration of a loop, or the workflow's own."""

    what: LoopEnd | WorkflowEnd
    path: Path


Due = Reach | Scheduled | Stopped | Reopen | Ask | Arrive


def due(program: Program, progress: Progress, *, retry: bool = False) -> list[Due]:
    """What is to be done next, in the order of the definition.

    retry: tasks that ended without success are to be tried again, so JOINs and loops around them wait once more.
    """
    walk = _Walk(progress, retry)
    if walk.ended(program.root, ()):
        walk.found.append(Arrive(WORKFLOW_END, ()))
    return walk.found


def its_turn_has_come(progress: Progress, node: Node, path: Path) -> bool:
    """Whether all before it in its list has ended: what is passed over on request is so before its turn."""
    within, owner = node.container, node.container.owner
    if owner is not None and (owner.ref, path[: owner.depth]) not in progress:
        return False
    before = Container(within.kind, owner, within.label, within.nodes[: node.index])
    return _Walk(progress, retry=True).ended(before, path)


class _Walk:
    def __init__(self, progress: Progress, retry: bool) -> None:
        self.found: list[Due] = []
        self._progress = progress
        self._retry = retry

    def ended(self, container: Container, path: Path) -> bool:
        """Note what is due in a list; whether the list has ended."""
        all_over = True
        for node in container.nodes:
            place = self._progress.get((node.ref, path))
            if place is None:
                self.found.append(Reach(node, path))
                return False
            if self._over(node, path, place):
                continue
            all_over = False
            if not _goes_on_without(node, place) and not self._has_gone_on(node, path):
                return False
        return all_over

    def _over(self, node: Node, path: Path, place: Place) -> bool:
        if place.status is TaskStatus.SCHEDULED:
            self.found.append(Scheduled(node, path))
            return False
        if place.status is TaskStatus.IN_PROGRESS:
            self._in_progress(node, path, place)
            return False
        if place.status.successful:
            return self._successful(node, path, place)
        return self._stopped(node, path, place)

    def _in_progress(self, node: Node, path: Path, place: Place) -> None:
        if node.kind == "JOIN":
            self.found.append(Ask(node, path))
        elif _is_loop(node) and not place.held:
            self._body(node, (*path, place.iteration + 1))

    def _successful(self, node: Node, path: Path, place: Place) -> bool:
        if node.kind == "TERMINATE":
            # Nothing follows it, whatever the definition says.
            return False
        if not node.children or place.status is TaskStatus.SKIPPED or _is_loop(node):
            return True
        if _forks(node):
            # No short cut: each branch has its own frontier.
            branches = [child for child in node.children.values() if not self._given_up(node, child, path)]
            return all([self.ended(branch, path) for branch in branches])
        chosen = node.children.get(place.label) if place.label else None
        return chosen is None or self.ended(chosen, path)

    def _given_up(self, fork: Node, branch: Container, path: Path) -> bool:
        """Whether its JOIN has ended before it (by its timeout), which has cancelled what was open, and gone on."""
        join = fork.join
        place = None if join is None else self._progress.get((join.ref, path))
        if join is None or place is None:
            return False
        permitted = join.task.permissive and place.status is TaskStatus.TIMED_OUT and not self._retry
        if not permitted and place.status is not TaskStatus.COMPLETED_WITH_ERRORS:
            return False
        refs = _refs(walk(branch.nodes))
        return not refs.isdisjoint(join.task.join_on) and any(
            each.status is TaskStatus.CANCELED and ref in refs and at[: len(path)] == path
            for (ref, at), each in self._progress.items()
        )

    def _stopped(self, node: Node, path: Path, place: Place) -> bool:
        if not self._retry:
            if node.task.permissive and place.status is not TaskStatus.CANCELED:
                return True
            self.found.append(Stopped(node, path))
            return False
        inside = (*path, place.iteration + 1)
        if node.kind == "JOIN":
            self.found += [Reopen(node, path), Ask(node, path)]
        elif _is_loop(node) and self._has_begun(node, inside):
            self.found.append(Reopen(node, path))
            self._body(node, inside)
        else:
            self.found.append(Stopped(node, path))
        return False

    def _body(self, loop: Node, inside: Path) -> None:
        (body,) = loop.children.values()
        if self.ended(body, inside):
            self.found.append(Arrive(LoopEnd(loop), inside))

    def _has_begun(self, loop: Node, inside: Path) -> bool:
        (body,) = loop.children.values()
        return bool(body.nodes) and (body.nodes[0].ref, inside) in self._progress

    def _has_gone_on(self, node: Node, path: Path) -> bool:
        """Whether what follows was reached already: it failed and was permitted to, or is done once more."""
        following = node.after
        while isinstance(following, Node):
            place = self._progress.get((following.ref, path))
            # What is passed over is so before its turn: it says nothing of what came before it.
            if place is None or place.status is not TaskStatus.SKIPPED:
                return place is not None
            following = following.after
        return False


def _is_loop(node: Node) -> bool:
    return node.operator is not None and node.operator.contains == "loop" and bool(node.children)


def _forks(node: Node) -> bool:
    return node.operator is not None and node.operator.contains == "branches"


def _goes_on_without(node: Node, place: Place) -> bool:
    """A fork is followed by its JOIN at once, which waits for the branches itself."""
    return _forks(node) and place.status.successful


class Undone(NamedTuple):
    """What a rerun takes back."""

    removed: frozenset[Position]
    """What has followed from the task: it is done anew, so nothing of it may stay."""
    reopened: list[tuple[Node, Path, int]]
    """Loops around the task, innermost first, that wait for its iteration again: how many had ended before it."""


def undone_by(node: Node, path: Path, positions: Iterable[Position]) -> Undone:
    """What has followed from a task, and the loops around it.

    Branches beside it stay as they are; the JOIN that waits for its branch, and all behind it, go.
    """
    found = list(positions)
    removed: set[Position] = set()
    reopened: list[tuple[Node, Path, int]] = []

    def take(refs: set[str], prefix: Path) -> None:
        removed.update(p for p in found if p[0] in refs and p[1][: len(prefix)] == prefix)

    take(_refs(node.below()), path)
    at, prefix = node, path
    while True:
        container = at.container
        if at is node or not _forks(at) or _waited_for(at, node):
            take(_refs(walk(container.nodes[at.index + 1 :])), prefix)
        owner = container.owner
        if owner is None:
            return Undone(frozenset(removed - {(node.ref, path)}), reopened)
        if container.kind == "loop":
            outer, iteration = prefix[:-1], prefix[-1]
            body = _refs(owner.below())
            removed.update(
                p
                for p in found
                if p[0] in body and p[1][: len(outer)] == outer and p[1][len(outer)] > iteration
            )
            reopened.append((owner, outer, iteration - 1))
            prefix = outer
        at = owner


def _waited_for(fork: Node, inner: Node) -> bool:
    """Whether the JOIN behind a fork waits for the branch that a task is in."""
    if fork.join is None:
        return False
    branch = inner
    while branch.container.owner is not fork:
        owner = branch.container.owner
        if owner is None:
            return True
        branch = owner
    return bool(_refs(walk(branch.container.nodes)) & set(fork.join.task.join_on))


def _refs(nodes: Iterable[Node]) -> set[str]:
    return {node.ref for node in nodes}
