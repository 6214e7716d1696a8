"""What is run: one definition for each kind of flow, all short."""

from __future__ import annotations

from typing import Any

from workflows.builder import (
    Part,
    do_while,
    fork,
    simple,
    sub_workflow,
    switch,
    task,
    wait,
    workflow,
    workflow_input,
)
from workflows.model import WorkflowDef

# Lost attempts count too: none is to be the last.
_PATIENT = {"retryCount": 1000, "retryDelaySeconds": 0}
TASK_DEFS: list[dict[str, Any]] = [
    {"name": "soak.step", **_PATIENT},
    {"name": "soak.flaky", **_PATIENT, "retryDelaySeconds": 1},
    {
        "name": "soak.slow",
        **_PATIENT,
        "timeoutSeconds": 1,
        "responseTimeoutSeconds": 1,
        "timeoutPolicy": "RETRY",
    },
    {"name": "soak.enter", **_PATIENT},
]


def step(ref: str, **given: Any) -> Part:
    """A step of 100 ms."""
    return simple("soak.step", ref=ref, input=given)


def enter(ref: str) -> Part:
    """A step whose effect is committed with it."""
    return simple("soak.enter", ref=ref)


def _dynamic() -> list[Part]:
    given = {"forkTaskName": "soak.step", "forkTaskInputs": [{"n": 1}, {"n": 2}, {"n": 3}]}
    return [task("FORK_JOIN_DYNAMIC", "spread", input=given), task("JOIN", "gather")]


DEFINITIONS: dict[str, WorkflowDef] = {
    definition.name: definition
    for definition in (
        workflow("soak_child")(step("c1"), enter("c2")),
        workflow("soak_sequence")(*(step(f"s{n}") for n in range(6)), enter("last")),
        workflow("soak_fork")(
            fork([step("a1"), step("a2")], [step("b1")], [enter("c1"), step("c2")]), enter("last")
        ),
        workflow("soak_dynamic")(step("first"), *_dynamic(), enter("last")),
        workflow("soak_loop")(
            do_while("$.loop['iteration'] < 3", step("in1"), enter("in2"), ref="loop"),
            step("last"),
        ),
        workflow("soak_switch")(
            step("first"),
            switch(workflow_input("case"), {"a": [step("x1")], "b": [enter("y1")]}, default=[step("z1")]),
            enter("last"),
        ),
        workflow("soak_parent")(
            step("first"),
            fork([sub_workflow("soak_child", ref="sub1")], [sub_workflow("soak_child", ref="sub2")]),
            enter("last"),
        ),
        workflow("soak_wait")(step("first"), wait(duration="1 seconds"), enter("last")),
        workflow("soak_human")(step("first"), task("HUMAN", "human"), enter("last")),
        workflow("soak_flaky")(simple("soak.flaky", ref="flaky"), enter("last")),
        workflow("soak_slow")(simple("soak.slow", ref="slow"), enter("last")),
    )
}

EXPECTED: dict[str, set[str]] = {
    "soak_child": {"c1", "c2"},
    "soak_sequence": {*(f"s{n}" for n in range(6)), "last"},
    "soak_fork": {"a1", "a2", "b1", "c1", "c2", "fork_join", "last"},
    "soak_dynamic": {"first", *(f"_soak.step_{n}" for n in range(3)), "gather", "last"},
    "soak_loop": {*(f"in{n}__{i}" for n in (1, 2) for i in (1, 2, 3)), "loop", "last"},
    "soak_switch": {"first", "switch", "last"},
    "soak_parent": {"first", "sub1", "sub2", "fork_join", "last"},
    "soak_wait": {"first", "wait", "last"},
    "soak_human": {"first", "human", "last"},
    "soak_flaky": {"flaky", "last"},
    "soak_slow": {"slow", "last"},
}
"""What must have ended well in an execution that has completed."""
