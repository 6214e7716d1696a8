"""Wide forks, long chains."""

from __future__ import annotations

from collections import Counter

from tests.e2e.flow import Flow
from tests.e2e.platforms import everywhere
from workflows.builder import do_while, fork, simple
from workflows.status import WorkflowStatus

WIDTH = 200
LENGTH = 300


@everywhere
def test_a_fork_of_200_runs_each_branch_once(flow: Flow) -> None:
    branches = [[flow.mark(f"b{number}")] for number in range(WIDTH)]

    execution = flow.run(fork(*branches), flow.mark("last"))

    assert execution.status is WorkflowStatus.COMPLETED
    assert flow.runs() == flow.once(*(f"b{number}" for number in range(WIDTH)), "last")
    assert flow.lines()[-1] == "last 0"
    assert len(execution.get("fork_join").output) == WIDTH


@everywhere
def test_a_chain_of_300_steps_hands_its_value_on(flow: Flow) -> None:
    steps = [simple("flow.add", ref="s0", input={"a": 0})]
    for number in range(1, LENGTH):
        steps.append(simple("flow.add", ref=f"s{number}", input={"a": steps[-1].output("sum")}))

    execution = flow.run(*steps)

    assert execution.output == {"sum": LENGTH}
    assert Counter(task.attempt for task in execution.tasks) == {0: LENGTH}


def test_long_branches_of_a_wide_fork_run_side_by_side_and_in_order(flow: Flow) -> None:
    branches = [[flow.mark(f"b{number}_{step}") for step in range(5)] for number in range(30)]

    execution = flow.run(fork(*branches), flow.mark("last"))

    assert execution.status is WorkflowStatus.COMPLETED
    refs = [line.split()[0] for line in flow.lines()]
    assert Counter(refs) == Counter([f"b{n}_{s}" for n in range(30) for s in range(5)] + ["last"])
    for number in range(30):
        own = [ref for ref in refs if ref.startswith(f"b{number}_")]
        assert own == [f"b{number}_{step}" for step in range(5)]


def test_a_loop_of_100_iterations(flow: Flow) -> None:
    execution = flow.run(do_while("$.loop.iteration < 100", flow.mark("work")), flow.mark("last"))

    assert execution.get("loop").iteration == 100
    assert flow.runs() == flow.once(*(f"work__{n}" for n in range(1, 101)), "last")
