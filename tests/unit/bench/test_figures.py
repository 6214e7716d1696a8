from __future__ import annotations

import pytest

from bench.measure import Result, Spread
from bench.podium import PodiumPostgres, PodiumSqlite
from bench.report import aims, as_text, table, written_into
from bench.systems import PlainCelery, Run
from bench.workloads import WORKLOADS, Workload

_BY_NAME = {workload.name: workload for workload in WORKLOADS}


def result(workload: Workload, system: str, *seconds: float, start_seconds: float = 1.0) -> Result:
    runs = [Run(start_seconds, start_seconds / 2, second, {"bytes": 1000.0 * second}) for second in seconds]
    return Result(workload, system, runs)


def test_a_ratio_compares_runs_of_the_same_round_so_that_a_slow_minute_does_not_count() -> None:
    fork = _BY_NAME["fork"]
    # In the second round everything took ten times as long.
    plain = result(fork, PlainCelery.name, 4.0, 40.0, 4.0)
    ours = result(fork, PodiumSqlite.name, 2.0, 20.0, 1.0)
    assert ours.ratio(plain) == Spread(median=2.0, least=2.0, greatest=4.0)


def test_steps_a_second_are_of_all_executions_with_the_least_and_the_greatest() -> None:
    sequential = result(_BY_NAME["sequential"], PlainCelery.name, 10.0, 5.0, 8.0)
    assert sequential.steps_per_second == Spread(median=250.0, least=200.0, greatest=400.0)


def test_a_counter_is_given_for_each_step_and_is_missing_where_a_system_has_none() -> None:
    sequential = result(_BY_NAME["sequential"], PlainCelery.name, 10.0)
    assert sequential.per_step("bytes") == 10_000 / 2000
    assert sequential.per_step("writes") is None


def test_an_aim_is_met_or_missed_by_the_median_of_the_ratios() -> None:
    sequential = _BY_NAME["sequential"]
    measured = [
        result(sequential, PlainCelery.name, 10.0),
        result(sequential, PodiumSqlite.name, 2.0),
        result(sequential, PodiumPostgres.name, 4.0),
    ]
    assert [(aim.system, aim.measured, aim.met) for aim in aims(measured, {})] == [
        (PodiumSqlite.name, 5.0, True),
        (PodiumPostgres.name, 2.5, False),
    ]


def test_starting_is_judged_by_what_one_process_starts_alone_on_the_machine() -> None:
    start = result(_BY_NAME["start"], PodiumSqlite.name, 8.0, start_seconds=4.0)
    (aim,) = aims([start], {PodiumSqlite.name: Spread(1250.0, 900.0, 1300.0)})
    assert (aim.measured, aim.met) == (1250.0, True)


def test_starting_beside_workers_is_told_by_the_time_the_starts_took_and_not_by_the_end_of_the_work() -> None:
    start = result(_BY_NAME["start"], PodiumSqlite.name, 8.0, start_seconds=1.6)
    assert start.starts_per_second.median == 1250.0
    assert start.milliseconds_cpu_per_start == 0.4


def test_a_chain_whose_steps_grow_dearer_with_its_length_misses_its_aim() -> None:
    short, long = _BY_NAME["chain_1000"], _BY_NAME["chain_10000"]
    linear = aims([result(short, PodiumSqlite.name, 1.0), result(long, PodiumSqlite.name, 10.0)], {})
    square = aims([result(short, PodiumSqlite.name, 1.0), result(long, PodiumSqlite.name, 100.0)], {})
    assert [aim.met for aim in linear] == [True]
    assert [(aim.measured, aim.met) for aim in square] == [(10.0, False)]


def test_figures_replace_what_stood_between_the_marks_of_a_page_and_nothing_else() -> None:
    page = "# Benchmarks\n<!-- figures -->\nold\n<!-- end of figures -->\nwords\n"
    once = written_into(page, "new")
    assert once == "# Benchmarks\n<!-- figures -->\n\n```text\nnew\n```\n\n<!-- end of figures -->\nwords\n"
    assert written_into(once, "new") == once


def test_a_page_without_marks_is_refused_and_not_overwritten() -> None:
    with pytest.raises(ValueError, match="<!-- end of figures -->"):
        written_into("<!-- figures -->", "new")


def test_the_table_says_the_median_the_spread_and_the_ratio_of_each_system() -> None:
    sequential = _BY_NAME["sequential"]
    measured = [
        result(sequential, PlainCelery.name, 10.0, 20.0, 40.0),
        result(sequential, PodiumSqlite.name, 2.0, 4.0, 8.0),
    ]
    lines = as_text({"python": "3.11"}, [table(measured)]).splitlines()
    assert lines[0] == "python     3.11"
    (row,) = (line for line in lines if PodiumSqlite.name in line)
    assert [cell.strip() for cell in row.split("|")][3:6] == ["500", "250-1,000", "5.00"]
