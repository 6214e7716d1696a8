"""A program as nodes and edges."""

from __future__ import annotations

from workflows.builder import Part, do_while, fork, simple, switch, terminate, workflow
from workflows.graph import END, START, Graph, graph_of
from workflows.program import Program


def _graph(*parts: Part) -> Graph:
    return graph_of(Program(workflow("w")(*parts)))


def _ways(graph: Graph) -> list[tuple[str, str, str, tuple[str, ...]]]:
    return [(edge.source, edge.target, edge.kind, edge.labels) for edge in graph.edges]


def test_a_list_leads_from_the_start_to_the_end() -> None:
    graph = _graph(simple("work", ref="a"), simple("work", ref="b"))

    assert [node.id for node in graph.nodes] == [START, "a", "b", END]
    assert _ways(graph) == [(START, "a", "next", ()), ("a", "b", "next", ()), ("b", END, "next", ())]


def test_cases_lead_to_their_first_tasks_and_empty_ones_past_the_switch() -> None:
    graph = _graph(
        switch("kind", {"gift": [simple("work", ref="wrap")], "letter": [], "parcel": []}, ref="kind"),
        simple("work", ref="send"),
    )

    assert ("kind", "wrap", "case", ("gift",)) in _ways(graph)
    assert ("kind", "send", "case", ("letter", "parcel", "otherwise")) in _ways(graph)
    assert ("wrap", "send", "next", ()) in _ways(graph)


def test_branches_meet_in_their_join_and_know_their_fork() -> None:
    graph = _graph(fork([simple("work", ref="a")], [simple("work", ref="b")], ref="both", join="done"))

    assert _ways(graph)[1:5] == [
        ("both", "a", "branch", ()),
        ("both", "b", "branch", ()),
        ("a", "done", "next", ()),
        ("b", "done", "next", ()),
    ]
    assert [node.branch for node in graph.nodes if node.id in ("a", "b")] == [("both", 0), ("both", 1)]


def test_a_loop_stands_below_its_body() -> None:
    graph = _graph(
        simple("work", ref="first"),
        do_while("$.each.iteration < 3", simple("work", ref="page"), simple("work", ref="save"), ref="each"),
        simple("work", ref="last"),
    )

    assert _ways(graph)[1:] == [
        ("first", "page", "next", ()),
        ("each", "page", "again", ()),
        ("each", "last", "next", ()),
        ("page", "save", "next", ()),
        ("save", "each", "next", ()),
        ("last", END, "next", ()),
    ]
    assert [node.loops for node in graph.nodes if node.id == "page"] == [("each",)]


def test_a_terminate_leads_to_the_end() -> None:
    graph = _graph(terminate(ref="stop"), simple("work", ref="never"))

    assert ("stop", END, "next", ()) in _ways(graph)
