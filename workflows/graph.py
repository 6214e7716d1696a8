"""A program as nodes and edges, for those who draw it.

A loop stands below its body: what comes before it leads to the first task of the body, the loop's own node is the
condition after it. Nodes and edges are in the order of the definition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from workflows.program import BranchEnd, Container, LoopEnd, Next, Node, Program, first_of

START, END = "@start", "@end"


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One task of a definition, or its start (`@start`) or end (`@end`)."""

    id: str
    """The task's reference."""
    type: str
    name: str
    """What the worker task, the sub-workflow or the task itself is called."""
    loops: tuple[str, ...] = ()
    """The loops around it, outermost first."""
    branch: tuple[str, int] | None = None
    """Of the innermost fork around it: its reference and which of its branches."""
    optional: bool = False
    undone_by: tuple[str, ...] = ()
    """References of the tasks that compensate it."""


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """What may follow what."""

    source: str
    target: str
    kind: str
    """next, case, branch, again."""
    labels: tuple[str, ...] = ()
    """Of a case: its name; several empty cases that lead to one place are one edge."""


@dataclass(frozen=True, slots=True)
class Graph:
    """All of a definition."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]


def graph_of(program: Program) -> Graph:
    """The graph of a program; the same program gives the same graph."""
    nodes = [GraphNode(START, "START", "start"), *_nodes(program.root, None), GraphNode(END, "END", "end")]
    edges = dict[tuple[str, str, str], GraphEdge]()
    for edge in (GraphEdge(START, _entry(program.first()), "next"), *_edges(program.root)):
        key = (edge.source, edge.target, edge.kind)
        before = edges[key].labels if key in edges else ()
        edges[key] = GraphEdge(*key, (*before, *edge.labels))
    return Graph(tuple(nodes), tuple(edges.values()))


def _nodes(container: Container, branch: tuple[str, int] | None) -> Iterator[GraphNode]:
    for node in container.nodes:
        yield GraphNode(
            id=node.ref,
            type=node.task.type,
            name=_name(node),
            loops=node.loops,
            branch=branch,
            optional=node.task.optional,
            undone_by=tuple(task.task_reference_name for task in node.task.compensation),
        )
        for index, child in enumerate(node.children.values()):
            inside = (node.ref, index) if child.kind == "branches" else branch
            yield from _nodes(child, inside)


def _name(node: Node) -> str:
    param = node.task.sub_workflow_param
    if node.task.type == "SUB_WORKFLOW" and param is not None:
        inline: dict[str, Any] | str | None = param.workflow_definition
        return str(param.name or (inline.get("name") if isinstance(inline, dict) else None) or "sub-workflow")
    return node.worker if node.operator is None else node.task.name


def _edges(container: Container) -> Iterator[GraphEdge]:
    for node in container.nodes:
        yield from _from_node(node)
        for child in node.children.values():
            yield from _edges(child)


def _from_node(node: Node) -> Iterator[GraphEdge]:
    contains = node.operator.contains if node.operator else None
    if node.task.type == "TERMINATE":
        yield GraphEdge(node.ref, END, "next")
    elif contains == "loop" and node.children:
        for child in node.children.values():
            yield GraphEdge(node.ref, _entry(first_of(child, LoopEnd(node))), "again")
        yield GraphEdge(node.ref, _entry(node.after), "next")
    elif contains == "branches" and node.children:
        for child in node.children.values():
            yield GraphEdge(node.ref, _entry(first_of(child, BranchEnd(node))), "branch")
    elif contains == "cases" and node.children:
        for label, child in node.children.items():
            yield GraphEdge(node.ref, _entry(first_of(child, node.after)), "case", (case_name(label),))
        if "defaultCase" not in node.children:
            yield GraphEdge(node.ref, _entry(node.after), "case", (case_name("defaultCase"),))
    else:
        yield GraphEdge(node.ref, _entry(node.after), "next")


def case_name(label: str) -> str:
    """How a case is called on an edge: `gift` for `decisionCases.gift`, `otherwise` for the default."""
    return "otherwise" if label == "defaultCase" else label.removeprefix("decisionCases.")


def _entry(following: Next) -> str:
    """The node that a way leads to: of a loop, the first of its body."""
    if isinstance(following, Node):
        body = next((child for child in following.children.values() if child.kind == "loop"), None)
        return _entry(body.nodes[0]) if body is not None and body.nodes else following.ref
    if isinstance(following, BranchEnd):
        join = following.fork.join
        return join.ref if join is not None else END
    return following.loop.ref if isinstance(following, LoopEnd) else END
