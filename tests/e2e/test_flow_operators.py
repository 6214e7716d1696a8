"""Forks, loops and switches, inside of each other, on real workers."""

from __future__ import annotations

from collections import Counter

from tests.e2e.flow import Flow, statuses
from tests.e2e.platforms import everywhere
from workflows.builder import do_while, for_each, fork, noop, simple, switch, switch_script, workflow_input
from workflows.status import TaskStatus, WorkflowStatus


def until(ref: str, count: int) -> str:
    """The condition of a loop with that many iterations."""
    return f"$.{ref}.iteration < {count}"


@everywhere
def test_what_follows_a_fork_sees_all_branches(flow: Flow) -> None:
    add = simple("flow.add", ref="sum", input={"a": "${left.output.n}", "b": "${right.output.n}"})

    execution = flow.run(
        flow.mark("before"), fork([flow.mark("left", {"n": 1})], [flow.mark("right", {"n": 2})]), add
    )

    assert execution.output == {"sum": 3}
    assert flow.runs() == flow.once("before", "left", "right")
    assert execution.get("fork_join").output["left"] == {"ref": "left", "n": 1}


@everywhere
def test_nested_forks_join_from_the_inside_out(flow: Flow) -> None:
    inner = fork([flow.mark("a1"), flow.mark("a2")], [flow.mark("b")], [flow.mark("c")], ref="inner")
    outer = fork([flow.mark("before"), inner, flow.mark("after")], [flow.mark("beside")], ref="outer")

    execution = flow.run(outer, flow.mark("last"))

    assert execution.status is WorkflowStatus.COMPLETED
    refs = [line.split()[0] for line in flow.lines()]
    assert Counter(refs) == Counter(["a1", "a2", "b", "c", "before", "after", "beside", "last"])
    assert refs.index("a1") < refs.index("a2") < refs.index("after")
    assert max(refs.index("b"), refs.index("c")) < refs.index("after")
    assert refs[-1] == "last"


@everywhere
def test_a_fork_in_a_loop_runs_once_in_each_iteration(flow: Flow) -> None:
    body = fork([flow.mark("a")], [flow.mark("b1"), flow.mark("b2")])

    execution = flow.run(do_while(until("loop", 3), body, ref="loop"), flow.mark("last"))

    expected = [f"{ref}__{n}" for n in (1, 2, 3) for ref in ("a", "b1", "b2")]
    assert flow.runs() == flow.once(*expected, "last")
    assert execution.get("loop").output["iteration"] == 3
    assert execution.get("loop").output["2"]["b2"] == {"ref": "b2__2"}


@everywhere
def test_loops_in_a_fork_run_side_by_side_and_are_joined(flow: Flow) -> None:
    left = do_while(until("left", 2), flow.mark("l"), ref="left")
    right = do_while(until("right", 4), flow.mark("r"), ref="right")

    execution = flow.run(fork([left], [right]), flow.mark("last"))

    assert execution.status is WorkflowStatus.COMPLETED
    expected = [f"l__{n}" for n in (1, 2)] + [f"r__{n}" for n in (1, 2, 3, 4)]
    assert flow.runs() == flow.once(*expected, "last")
    assert flow.lines()[-1] == "last 0"


@everywhere
def test_loops_in_loops_count_each_for_itself(flow: Flow) -> None:
    inner = do_while(until("inner", 3), flow.mark("work"), ref="inner")

    execution = flow.run(
        do_while(until("outer", 2), flow.mark("before"), inner, ref="outer"), flow.mark("last")
    )

    work = [f"work__{outer}__{inner}" for outer in (1, 2) for inner in (1, 2, 3)]
    assert flow.runs() == flow.once("before__1", "before__2", *work, "last")
    assert execution.get("outer").iteration == 2


@everywhere
def test_a_switch_in_a_branch_runs_one_case_and_the_join_waits_for_it(flow: Flow) -> None:
    chosen = switch(
        workflow_input("size"),
        {"big": [flow.mark("big1"), flow.mark("big2")], "none": []},
        default=[flow.mark("small")],
    )
    name = flow.define(fork([chosen], [flow.mark("beside")]), flow.mark("last"))

    for size in ("big", "tiny", "none"):
        flow.podium.start(name, {"size": size}).wait(timeout=30)

    runs = flow.runs()
    assert runs == {"big1 0": 1, "big2 0": 1, "small 0": 1, "beside 0": 3, "last 0": 3}
    assert flow.lines().index("big2 0") < flow.lines().index("last 0")


def test_a_switch_by_script_and_a_case_that_does_nothing(flow: Flow) -> None:
    chosen = switch_script(
        "$.n > 10 ? 'many' : 'few'",
        {"many": [flow.mark("many")], "few": [noop()]},
        input={"n": workflow_input("n")},
    )

    execution = flow.run(chosen, flow.mark("last"), input={"n": 3})

    assert execution.get("switch").output["selectedCase"] == "few"
    assert statuses(execution)["noop"] is TaskStatus.COMPLETED
    assert flow.runs() == flow.once("last")


def test_a_loop_over_a_list_hands_out_its_elements(flow: Flow) -> None:
    each = for_each(workflow_input("names"), flow.mark("work", {"name": "${loop.output.loopItem}"}))

    execution = flow.run(each, flow.mark("last"), input={"names": ["ada", "grace"]})

    output = execution.get("loop").output
    assert [output[n]["work"]["name"] for n in ("1", "2")] == ["ada", "grace"]


def test_a_loop_over_an_empty_list_runs_nothing(flow: Flow) -> None:
    flow.run(for_each([], flow.mark("work")), flow.mark("last"))

    assert flow.runs() == flow.once("last")


@everywhere
def test_switches_loops_and_forks_in_each_other(flow: Flow) -> None:
    odd = fork([flow.mark("x")], [flow.mark("y")], ref="odd")
    even = do_while(until("again", 2), flow.mark("z"), ref="again")
    chosen = switch_script(
        "$.n % 2 ? 'odd' : 'even'",
        {"odd": [odd], "even": [even]},
        input={"n": "${rounds.output.iteration}"},
    )
    rounds = do_while(until("rounds", 4), chosen, flow.mark("round"), ref="rounds")

    execution = flow.run(fork([rounds], [flow.mark("beside")]), flow.mark("last"))

    assert execution.status is WorkflowStatus.COMPLETED
    odds = [f"{ref}__{n}" for n in (1, 3) for ref in ("x", "y")]
    evens = [f"z__{n}__{i}" for n in (2, 4) for i in (1, 2)]
    assert flow.runs() == flow.once(*odds, *evens, *(f"round__{n}" for n in (1, 2, 3, 4)), "beside", "last")
