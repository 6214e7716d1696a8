"""Definitions as flowcharts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.reference import ROOT
from workflows.diagram import mermaid
from workflows.loading import load, load_document

FILES = sorted((ROOT / "workflows" / "definitions").rglob("*.json"))


def _drawn(*tasks: dict[str, Any]) -> list[str]:
    definition = load_document({"name": "w", "version": 1, "tasks": list(tasks)}).workflow
    return mermaid(definition).splitlines()


def _task(ref: str, type: str = "SIMPLE", **fields: Any) -> dict[str, Any]:
    return {"name": ref, "taskReferenceName": ref, "type": type, **fields}


def test_what_undoes_a_task_stands_beside_it() -> None:
    lines = _drawn(
        _task("charge", compensation=[_task("refund"), {**_task("tell"), "name": "mail"}]), _task("end")
    )

    assert lines[3:] == [
        '  n0["charge"]',
        '  n0_undo0["refund"]',
        '  n0_undo1["tell<br/><small>mail</small>"]',
        '  n1["end"]',
        "  begin --> n0",
        '  n0 -.->|"undone by"| n0_undo0',
        "  n0_undo0 -.-> n0_undo1",
        "  n0 --> n1",
        "  n1 --> finish",
    ]


def test_a_loops_body_is_a_box_of_its_own_that_leads_back() -> None:
    lines = _drawn(_task("each", "DO_WHILE", loopCondition="false", loopOver=[_task("send")]), _task("end"))

    assert lines == [
        "flowchart TD",
        '  begin(("start"))',
        '  finish(("end"))',
        '  n0{{"each<br/><small>DO_WHILE</small>"}}',
        '  subgraph n0_body["each: each iteration"]',
        '    n1["send"]',
        "  end",
        '  n2["end"]',
        "  begin --> n0",
        '  n0 -->|"again"| n1',
        "  n1 --> n0",
        '  n0 -->|"done"| n2',
        "  n2 --> finish",
    ]


def test_cases_are_labelled_and_an_empty_one_goes_straight_on() -> None:
    switch = _task(
        "kind",
        "SWITCH",
        evaluatorType="value-param",
        expression="k",
        decisionCases={"gift": [_task("wrap")], "none": []},
    )

    edges = [line.strip() for line in _drawn(switch, _task("send")) if "-->" in line]

    assert edges == [
        "begin --> n0",
        'n0 -->|"gift"| n1',
        "n1 --> n2",
        'n0 -->|"none"| n2',
        'n0 -->|"otherwise"| n2',
        "n2 --> finish",
    ]


def test_names_can_not_break_out_of_their_box() -> None:
    box = _drawn(_task('a"] --> b<#1>&'))[3]

    assert box == '  n0["a#quot;] --#gt; b#lt;#35;1#gt;#amp;"]'


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_task_of_a_shipped_definition_has_one_box_and_something_that_leads_to_it(file: Any) -> None:
    for definition in load(file).workflows:
        lines = mermaid(definition).splitlines()
        boxes = [found.group(1) for line in lines if (found := re.match(r"\s*(n\d+)[^ \w]+\"", line))]
        edges = [re.fullmatch(r"\s*(\w+) -->(?:\|\".*\"\|)? (\w+)", line) for line in lines if "-->" in line]

        assert all(edges)
        assert len(boxes) == len(set(boxes))
        assert {edge[2] for edge in edges if edge} == {*boxes, "finish"}
        assert {edge[1] for edge in edges if edge} == {*boxes, "begin"}
