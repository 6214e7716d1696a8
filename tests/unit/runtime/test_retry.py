"""The retry policy: Conductor's formulas, and when there is another attempt at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.runtime.retry import attempts_left, deadline, delay_ms, retries
from workflows.builder import Part, fork, simple, workflow
from workflows.model import RetryLogic, TaskDef
from workflows.program import Node, Program
from workflows.status import TaskStatus

NOW = 1_700_000_000_000
INT_MAX = 2**31 - 1


def _node(part: Part, *definitions: TaskDef) -> Node:
    program = Program(workflow("order")(part), {definition.name: definition for definition in definitions})
    return program.node(part.ref)


def _policy(logic: str, delay: int, **fields: int) -> TaskDef:
    return TaskDef(name="charge", retry_logic=RetryLogic(logic), retry_delay_seconds=delay, **fields)


@pytest.mark.parametrize(
    ("logic", "seconds"),
    [
        ("FIXED", [5, 5, 5, 5]),
        ("LINEAR_BACKOFF", [10, 20, 30, 40]),
        ("EXPONENTIAL_BACKOFF", [5, 10, 20, 40]),
    ],
)
def test_the_delay_grows_as_the_logic_says(logic: str, seconds: list[int]) -> None:
    policy = _policy(logic, 5, backoff_scale_factor=2)

    assert [delay_ms(policy, attempt) for attempt in range(4)] == [second * 1000 for second in seconds]


@pytest.mark.parametrize("logic", RetryLogic)
def test_a_delay_of_zero_stays_zero(logic: str) -> None:
    assert [delay_ms(_policy(logic, 0), attempt) for attempt in (0, 9)] == [0, 0]


def test_the_cap_ends_the_growth() -> None:
    policy = _policy("EXPONENTIAL_BACKOFF", 5, max_retry_delay_seconds=12)

    assert [delay_ms(policy, attempt) for attempt in range(4)] == [5000, 10_000, 12_000, 12_000]


@pytest.mark.parametrize("logic", ["LINEAR_BACKOFF", "EXPONENTIAL_BACKOFF"])
@pytest.mark.parametrize("attempt", [40, 62, 63, 100_000])
def test_a_delay_that_overflows_is_the_longest_there_is(logic: str, attempt: int) -> None:
    policy = _policy(logic, INT_MAX)

    assert delay_ms(policy, attempt) == INT_MAX * 1000


def test_the_cap_holds_for_a_delay_that_overflows() -> None:
    policy = _policy("EXPONENTIAL_BACKOFF", 60, max_retry_delay_seconds=3600)

    assert delay_ms(policy, 100_000) == 3_600_000


@given(st.integers(0, 50), st.integers(1, 500), st.integers(1, 10))
def test_jitter_is_added_after_the_cap_and_never_more_than_asked_for(
    attempt: int, jitter: int, cap: int
) -> None:
    policy = _policy("EXPONENTIAL_BACKOFF", 4, max_retry_delay_seconds=cap, backoff_jitter_ms=jitter)
    without = policy.model_copy(update={"backoff_jitter_ms": 0})

    assert 0 <= delay_ms(policy, attempt) - delay_ms(without, attempt) <= jitter


def test_jitter_spreads() -> None:
    policy = _policy("FIXED", 1, backoff_jitter_ms=1000)

    assert len({delay_ms(policy, 0) for _ in range(200)}) > 50


@given(st.sampled_from(RetryLogic), st.integers(0, 100), st.integers(0, 100), st.integers(1, 5))
def test_a_later_attempt_never_waits_less(logic: str, delay: int, attempt: int, scale: int) -> None:
    policy = _policy(logic, delay, backoff_scale_factor=scale)

    assert delay_ms(policy, attempt) <= delay_ms(policy, attempt + 1)


def test_as_many_attempts_follow_the_first_as_the_definition_says() -> None:
    node = _node(simple("charge"), TaskDef(name="charge", retry_count=2))

    assert [attempts_left(node, attempt) for attempt in range(4)] == [True, True, False, False]


@pytest.mark.parametrize(("own", "left"), [(0, False), (1, True), (5, True)])
def test_a_tasks_own_count_comes_before_its_definitions(own: int, left: bool) -> None:
    node = _node(simple("charge", retry_count=own), TaskDef(name="charge", retry_count=0))

    assert attempts_left(node, 0) is left


def test_without_a_definition_there_are_conductors_three_more() -> None:
    node = _node(simple("charge"))

    assert [attempts_left(node, attempt) for attempt in range(4)] == [True, True, True, False]


def test_an_operator_is_not_tried_again_whatever_the_count() -> None:
    program = Program(workflow("order")(fork([simple("charge")], retry_count=5)))

    assert not attempts_left(program.node("fork"), 0)


@pytest.mark.parametrize("status", TaskStatus)
def test_only_what_failed_or_timed_out_is_tried_again(status: TaskStatus) -> None:
    node = _node(simple("charge"), TaskDef(name="charge"))

    again = retries(node, status, attempt=0, first_scheduled=NOW, now=NOW)

    assert again is (status in (TaskStatus.FAILED, TaskStatus.TIMED_OUT))


def test_there_is_no_other_attempt_when_the_count_is_used_up() -> None:
    node = _node(simple("charge"), TaskDef(name="charge", retry_count=1))

    assert retries(node, TaskStatus.FAILED, attempt=0, first_scheduled=NOW, now=NOW)
    assert not retries(node, TaskStatus.FAILED, attempt=1, first_scheduled=NOW, now=NOW)


@pytest.mark.parametrize(("elapsed", "again"), [(9_999, True), (10_000, False), (10_001, False)])
def test_the_total_timeout_counts_from_the_first_attempt(elapsed: int, again: bool) -> None:
    definition = TaskDef(name="charge", total_timeout_seconds=10, response_timeout_seconds=1)
    node = _node(simple("charge"), definition)

    assert retries(node, TaskStatus.FAILED, 0, first_scheduled=NOW, now=NOW + elapsed) is again


@pytest.mark.parametrize(
    ("limits", "operator", "seconds"),
    [
        ({}, False, 3600),
        ({"response_timeout_seconds": 5}, False, 5),
        ({"response_timeout_seconds": 5, "timeout_seconds": 9}, False, 5),
        ({"response_timeout_seconds": 9, "timeout_seconds": 9}, False, 9),
        ({}, True, None),
        ({"response_timeout_seconds": 5, "timeout_seconds": 9}, True, 9),
        # 4 of the 12 seconds were over when it started.
        ({"response_timeout_seconds": 9, "timeout_seconds": 9, "total_timeout_seconds": 12}, False, 8),
        ({"response_timeout_seconds": 9, "total_timeout_seconds": 12}, True, 8),
        ({"response_timeout_seconds": 5, "timeout_seconds": 9, "total_timeout_seconds": 12}, False, 5),
    ],
)
def test_an_attempt_is_overdue_by_the_first_of_its_limits(
    limits: dict[str, int], operator: bool, seconds: int | None
) -> None:
    definition = TaskDef(name="charge", **limits)

    overdue = deadline(definition, started=NOW, first_scheduled=NOW - 4000, operator=operator)

    assert overdue == (None if seconds is None else NOW + seconds * 1000)
