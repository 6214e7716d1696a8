"""Definitions in Python: each word makes the JSON that an author would have written."""

from __future__ import annotations

import pytest

from workflows.builder import (
    do_while,
    for_each,
    fork,
    http,
    inline,
    jq,
    noop,
    set_variable,
    simple,
    sub_workflow,
    switch,
    switch_script,
    task,
    terminate,
    variable,
    wait,
    workflow,
    workflow_input,
)
from workflows.model import WorkflowDef
from workflows.validation import validate


def test_every_task_takes_what_undoes_it() -> None:
    charge = simple("charge", compensation=[simple("refund", ref="back"), noop("end")])

    assert charge.tasks[0].to_json()["compensation"] == [
        {"name": "refund", "taskReferenceName": "back", "type": "SIMPLE"},
        {"name": "end", "taskReferenceName": "end", "type": "NOOP"},
    ]
    assert "compensation" not in simple("charge").tasks[0].to_json()


def test_a_definition_is_the_json_that_an_author_would_write() -> None:
    charge = simple("charge", ref="charge_ref", input={"order": workflow_input("order.id")}, retry_count=3)

    definition = workflow(
        "order", version=2, output={"receipt": charge.output("receipt.id")}, timeout_seconds=60
    )(
        charge,
        fork([simple("ship")], [simple("invoice"), simple("send")], ref="both", join="both_done"),
        switch(charge.output("kind"), {"gift": [simple("wrap")], "none": []}, default=[simple("pack")]),
    )

    assert definition.to_json() == {
        "name": "order",
        "version": 2,
        "timeoutSeconds": 60,
        "outputParameters": {"receipt": "${charge_ref.output.receipt.id}"},
        "tasks": [
            {
                "name": "charge",
                "taskReferenceName": "charge_ref",
                "type": "SIMPLE",
                "inputParameters": {"order": "${workflow.input.order.id}"},
                "retryCount": 3,
            },
            {
                "name": "both",
                "taskReferenceName": "both",
                "type": "FORK_JOIN",
                "forkTasks": [
                    [{"name": "ship", "taskReferenceName": "ship", "type": "SIMPLE"}],
                    [
                        {"name": "invoice", "taskReferenceName": "invoice", "type": "SIMPLE"},
                        {"name": "send", "taskReferenceName": "send", "type": "SIMPLE"},
                    ],
                ],
            },
            {
                "name": "both_done",
                "taskReferenceName": "both_done",
                "type": "JOIN",
                "joinOn": ["ship", "send"],
            },
            {
                "name": "switch",
                "taskReferenceName": "switch",
                "type": "SWITCH",
                "evaluatorType": "value-param",
                "expression": "value",
                "inputParameters": {"value": "${charge_ref.output.kind}"},
                "decisionCases": {
                    "gift": [{"name": "wrap", "taskReferenceName": "wrap", "type": "SIMPLE"}],
                    "none": [],
                },
                "defaultCase": [{"name": "pack", "taskReferenceName": "pack", "type": "SIMPLE"}],
            },
        ],
    }
    assert WorkflowDef.model_validate(definition.to_json()) == definition


def test_every_word_makes_what_the_checks_accept() -> None:
    count = inline("$.a + 1", ref="count", input={"a": 1})

    definition = workflow("everything")(
        count,
        jq(".a | length", input={"a": count.output("result")}),
        set_variable("remember", total=count.output("result"), ref="a variable may be called ref"),
        http("POST", "https://example.com/", headers={"X-Key": "1"}, body={"a": variable("total")}),
        http("GET", "https://example.com/", ref="http_2", request={"readTimeOut": 100}),
        wait(duration="2 seconds"),
        wait(until="2030-01-31 12:00", ref="wait_2"),
        wait(ref="signal"),
        do_while("$.loop['iteration'] < $.limit", noop("body"), input={"limit": 3}),
        for_each([1, 2], simple("one", input={"item": "${each.output.loopItem}"}), ref="each"),
        sub_workflow("shipping", version=3, ref="ship", input={"a": 1}),
        switch_script("$.a > 1 ? 'x' : 'y'", {"x": [noop("case_x")]}, ref="by_script", input={"a": 1}),
        task("a_type_of_our_own", "own", optional=True),
        switch("${ship.status}", {"FAILED": [terminate("FAILED", reason="no", output={"a": 1}, ref="stop")]}),
        terminate(),
    )

    assert validate(definition) == []
    assert WorkflowDef.model_validate(definition.to_json()) == definition


def test_a_part_knows_the_expressions_that_read_it() -> None:
    part = simple("charge", ref="c")

    assert part.output() == "${c.output}"
    assert part.output("a.b[0]") == "${c.output.a.b[0]}"
    assert part.output("[0]") == "${c.output[0]}"
    assert part.input("a") == "${c.input.a}"
    assert part.status == "${c.status}"
    assert workflow_input() == "${workflow.input}"
    assert variable("v") == "${workflow.variables.v}"


def test_a_fork_puts_out_what_its_join_does() -> None:
    assert fork([noop("x")], ref="f").output("x") == "${f_join.output.x}"


def test_a_field_that_a_task_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match=r"no field retries; see"):
        simple("charge", retries=3)


def test_parts_can_be_used_in_more_than_one_definition() -> None:
    part = simple("charge")

    assert workflow("a")(part).tasks == workflow("b")(part).tasks
