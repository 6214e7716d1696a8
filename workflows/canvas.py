"""The compiler: a program and a position in it become Celery signatures.

A segment is a chain of at most `limit` steps that ends where the future is not known: an operator with branches,
a join, a wait, the limit, the end. A fork becomes `chord(group(branches), join)`. What follows the join is compiled
when the join completes, so no message carries more than its own segment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from celery import chain, chord, group
from celery.canvas import Signature

from workflows.program import Container, Node, Path, Program

HEADER = "podium"
"""The message header in which a step travels. Celery hands headers to no other message, so each has its own."""
PREFIX = "podium."
BATCH = "podium.BATCH"
"""The Celery task that runs several branches of a wide fork, one after the other."""


@dataclass(frozen=True, slots=True)
class Order:
    """Whose canvas it is, and how it is cut."""

    execution_id: str
    run: int
    program: Program
    limit: int = 16
    batches: int = 8
    queue_of: Callable[[str], str] = lambda _name: ""
    """Branches are put into one batch only when their first tasks share a queue."""
    chords: bool = True
    """Whether the result backend counts a chord's parts itself. Where it would poll, a fork is a plain group, and
    each branch asks the JOIN when it ends."""
    awaited: str | None = None
    """Somebody waits for this execution: whoever moves it tells of it under this id."""
    priority: int = 0
    """The execution's, 0-99, the most urgent last."""
    routed: bool = False
    """It has domains: where a task goes is known when it is its turn, so each message has one step."""


def broker_priority(priority: int) -> int:
    """A message's priority, 0-9, for an execution's, 0-99."""
    return priority // 10


def celery_name(node: Node) -> str:
    """The Celery task that runs a node: a worker task's own name, `podium.SWITCH` for an operator."""
    return PREFIX + node.operator.type if node.operator else node.worker


def segment(
    order: Order, node: Node, path: Path, attempt: int = 0, fork: Node | None = None
) -> list[Signature]:
    """The steps of the segment that begins at a position. `fork`: they belong to the chord of this fork."""
    steps = [step(order, node, path, attempt, fork)]
    for following in _straight(node):
        if len(steps) == order.limit:
            break
        steps.append(step(order, following, path, 0, fork))
    return steps


def step(order: Order, node: Node, path: Path, attempt: int = 0, fork: Node | None = None) -> Signature:
    """The signature of one step."""
    at = [[node.ref, list(path), attempt]]
    return _signature(order, celery_name(node), {"at": at}, fork, path)


def ask(order: Order, join: Node, path: Path) -> Signature:
    """The signature that asks a JOIN whether all is done: a chord's body."""
    return _signature(order, celery_name(join), {"at": [[join.ref, list(path), 0]], "ask": True}, None, path)


def batch(order: Order, heads: list[Node], path: Path, fork: Node | None) -> Signature:
    """The signature that runs several branches, given by their first tasks."""
    return _signature(order, BATCH, {"at": [[head.ref, list(path), 0] for head in heads]}, fork, path)


def fan(order: Order, fork: Node, path: Path, whole: bool) -> list[Signature]:
    """The header of a fork: its branches, wide forks in batches. `whole`: they are parts of a chord."""
    heads = [child.nodes[0] for child in fork.children.values() if child.nodes]
    part = fork if whole else None
    if len(heads) <= order.batches:
        return [_chained(segment(order, head, path, fork=part)) for head in heads]
    return [batch(order, some, path, part) for some in _batches(order, heads)]


def compile_canvas(order: Order, node: Node, path: Path, attempt: int = 0) -> Signature:
    """The canvas of the next segment: a step, a chain, or the chord (group) of a fork."""
    if node.operator is None or node.operator.contains != "branches" or not node.children:
        return _chained(segment(order, node, path, attempt))
    whole = order.chords and node.join is not None and node.join.whole
    header = fan(order, node, path, whole)
    if whole and node.join is not None:
        return chord(header, ask(order, node.join, path))
    return group(header)


def canvases(order: Order) -> Iterator[tuple[Node, Signature]]:
    """Every segment that an execution can meet, with the position that it begins at (for people to look at)."""
    yield from _canvases(order, order.program.root)


def _canvases(order: Order, container: Container) -> Iterator[tuple[Node, Signature]]:
    path = (1,) * (container.nodes[0].depth if container.nodes else 0)
    index = 0
    while index < len(container.nodes):
        node = container.nodes[index]
        canvas = compile_canvas(order, node, path)
        yield node, canvas
        forks = node.operator is not None and node.operator.contains == "branches" and bool(node.children)
        # The chord's body is the JOIN already.
        length = (2 if node.join else 1) if forks else len(segment(order, node, path))
        for covered in container.nodes[index : index + length]:
            for child in covered.children.values():
                yield from _canvases(order, child)
        index += length


def _straight(node: Node) -> Iterator[Node]:
    """What follows in a straight line."""
    while not _ends_segment(node) and isinstance(node.after, Node):
        node = node.after
        # A fork is a canvas of its own; what is rewritten is not known by the time that a chain is made.
        forks = node.operator is not None and node.operator.contains == "branches"
        if forks or node.rewriter is not None:
            return
        yield node


def _ends_segment(node: Node) -> bool:
    return node.operator is not None and (node.operator.ends_segment or bool(node.children))


def _chained(steps: list[Signature]) -> Signature:
    return steps[0] if len(steps) == 1 else chain(*steps)


def _batches(order: Order, heads: list[Node]) -> Iterator[list[Node]]:
    def queue(head: Node) -> str:
        return order.queue_of(celery_name(head))

    size = -(-len(heads) // order.batches)
    for _, same in groupby(sorted(heads, key=queue), key=queue):
        some = list(same)
        for start in range(0, len(some), size):
            yield some[start : start + size]


def _signature(order: Order, name: str, what: dict[str, Any], fork: Node | None, path: Path) -> Signature:
    header: dict[str, Any] = {"w": order.execution_id, "r": order.run, "p": order.program.id, **what}
    if order.awaited is not None:
        header["told"] = order.awaited
    if order.priority:
        header["pr"] = order.priority
    if order.routed:
        header["d"] = 1
    if fork is not None:
        header["fork"] = [fork.ref, list(path)]
    # How a step ended is in the table: Celery need store no result, nor a sender wait for one.
    options: dict[str, Any] = {"headers": {HEADER: header}, "ignore_result": True}
    if order.priority:
        options["priority"] = broker_priority(order.priority)
    return Signature(name, args=(), kwargs={}, options=options, immutable=True)
