"""Static checks of forks, joins and ends: what would hang, and what never runs."""

from __future__ import annotations

import pytest

from tests.unit.workflows.parts import AGAIN, a, found
from workflows.builder import (
    Part,
    do_while,
    for_each,
    fork,
    noop,
    switch,
    task,
    terminate,
    workflow,
)
from workflows.validation import validate


class TestReachability:
    def test_tasks_behind_a_terminate_never_run(self) -> None:
        assert found(terminate(), a("x"), a("y")) == [("warning", "unreachable-task", "tasks[1]")]

    def test_tasks_behind_a_switch_whose_cases_all_terminate_never_run(self) -> None:
        ends = switch("1", {"a": [terminate(ref="t1")]}, default=[noop(), terminate(ref="t2")])

        assert found(ends, switch("1", {"a": [a("x")]}, ref="s2")) == [
            ("warning", "unreachable-task", "tasks[1]")
        ]

    def test_tasks_behind_a_terminate_in_one_case_do_run(self) -> None:
        assert not found(switch("1", {"a": [terminate()]}), a("x"))
        assert not found(for_each("${workflow.input.list}", terminate()), a("x"))

    def test_a_loop_that_always_terminates_is_the_end(self) -> None:
        assert found(do_while(AGAIN, terminate()), a("x")) == [("warning", "unreachable-task", "tasks[1]")]


def fork_of(*branches: list[Part]) -> Part:
    lists = [[t for part in branch for t in part.tasks] for branch in branches]
    return task("FORK_JOIN", "fork", fork_tasks=lists)


def join_of(*refs: str) -> Part:
    return task("JOIN", "join", join_on=list(refs))


class TestJoins:
    def test_a_fork_is_followed_by_a_join(self) -> None:
        two = fork_of([a("x")], [a("y")])

        assert found(two) == [("error", "fork-without-join", "tasks[0]")]
        assert found(two, a("z"), join_of("x", "y")) == [("error", "fork-without-join", "tasks[0]")]
        assert found(do_while(AGAIN, two), join_of()) == [
            ("error", "fork-without-join", "tasks[0].loopOver[0]"),
            ("error", "empty-join", "tasks[1].joinOn"),
        ]
        assert not found(two, join_of("x", "y"))

    def test_a_join_waits_for_something(self) -> None:
        assert found(fork_of([a("x")], [a("y")]), join_of()) == [("error", "empty-join", "tasks[1].joinOn")]

    def test_a_join_on_an_unknown_reference_is_an_error_that_names_the_nearest(self) -> None:
        findings = validate(workflow("w")(fork_of([a("left")], [a("right")]), join_of("left", "rihgt")))

        assert [(f.rule, f.path) for f in findings] == [("unknown-join", "tasks[1].joinOn[1]")]
        assert findings[0].fix.startswith("Did you mean 'right'?")

    @pytest.mark.parametrize("ref", ["later", "join"])
    def test_a_join_on_what_can_only_run_afterwards_is_an_error(self, ref: str) -> None:
        assert found(fork_of([a("x")], [a("y")]), join_of("x", ref), a("later")) == [
            ("error", "join-never-runs", "tasks[1].joinOn[1]")
        ]

    def test_a_join_on_what_runs_in_one_case_only_is_an_error(self) -> None:
        branch = [switch("1", {"a": [a("x")]})]

        assert found(fork_of(branch, [a("y")]), join_of("x", "y")) == [
            ("error", "join-may-hang", "tasks[1].joinOn[0]")
        ]
        assert not found(fork_of(branch, [a("y")]), join_of("switch", "y"))

    def test_a_join_on_a_case_is_fine_where_all_other_cases_end_the_execution(self) -> None:
        branch = [switch("1", {"a": [a("x")]}, default=[terminate()])]

        assert not found(fork_of(branch, [a("y")]), join_of("x", "y"))

    def test_a_join_inside_the_same_case_is_fine(self) -> None:
        assert not found(switch("1", {"a": [fork_of([a("x")], [a("y")]), join_of("x", "y")]}))

    def test_a_join_and_what_it_waits_for_are_in_the_same_loop(self) -> None:
        looping = do_while(AGAIN, a("x"))

        assert found(fork_of([looping], [a("y")]), join_of("x", "y")) == [
            ("error", "join-across-loops", "tasks[1].joinOn[0]")
        ]
        assert not found(fork_of([looping], [a("y")]), join_of("loop", "y"))
        assert found(a("z"), do_while(AGAIN, fork_of([a("x")], [a("y")]), join_of("x", "y", "z"))) == [
            ("error", "join-across-loops", "tasks[1].loopOver[1].joinOn[2]")
        ]

    def test_forks_in_loops_and_loops_in_forks_and_switches_in_branches_are_fine(self) -> None:
        inner = fork(
            [a("x"), switch("1", {"a": [a("s")]})], [do_while(AGAIN, a("y"), ref="deep")], ref="inner"
        )

        assert not found(fork([do_while(AGAIN, inner)], [a("z")]))
