"""One execution for one idempotency key, however many start it at one instant."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.client import Podium
from app.errors import IdempotencyConflict
from config.settings import Settings
from tests.e2e.flow import Flow, wait_for, waiting
from tests.e2e.nodes import REPOSITORY
from tests.e2e.platforms import everywhere
from workflows.builder import wait
from workflows.model import IdempotencyStrategy

STARTERS = 8
REFUSED = "refused"
PROGRAM = """
import os, sys, time
from app.client import Podium
from app.errors import IdempotencyConflict
ready, go, *names = sys.argv[1:]
with Podium() as podium:
    open(ready, "w").close()
    while not os.path.exists(go):
        time.sleep(0.001)
    for strategy, name in zip(("RETURN_EXISTING", "FAIL", "FAIL_ON_RUNNING"), names):
        try:
            print(podium.start(name, idempotency_key="k", idempotency_strategy=strategy).id)
        except IdempotencyConflict:
            print("refused")
"""


def start(podium: Podium, name: str, strategy: str) -> str:
    """The id of the execution, or `REFUSED`."""
    try:
        return podium.start(name, idempotency_key="k", idempotency_strategy=strategy).id
    except IdempotencyConflict:
        return REFUSED


def at_once(podium: Podium, name: str, strategy: str) -> Counter[str]:
    """What each of several threads got that started at one instant."""
    barrier = threading.Barrier(STARTERS)

    def one(_: int) -> str:
        barrier.wait(30)
        return start(podium, name, strategy)

    with ThreadPoolExecutor(STARTERS) as threads:
        return Counter(threads.map(one, range(STARTERS)))


def judge(podium: Podium, name: str, strategy: str, answers: Counter[str]) -> None:
    """One execution was made; the others got it, or were refused."""
    (made,) = podium.executions(name=name)
    total = sum(answers.values())
    expected = {made.id: total} if strategy == "RETURN_EXISTING" else {made.id: 1, REFUSED: total - 1}
    assert answers == expected


@everywhere
@pytest.mark.parametrize("strategy", list(IdempotencyStrategy))
def test_of_threads_that_start_at_one_instant_one_makes_the_execution(flow: Flow, strategy: str) -> None:
    name = flow.define(wait(ref="gate"))

    answers = at_once(flow.podium, name, strategy)

    judge(flow.podium, name, strategy, answers)


def test_of_processes_that_start_at_one_instant_one_makes_the_execution(
    flow: Flow, settings: Settings, tmp_path: Path
) -> None:
    strategies = ("RETURN_EXISTING", "FAIL", "FAIL_ON_RUNNING")
    names = [flow.define(wait(ref="gate")) for _ in strategies]
    go = tmp_path / "go"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path / f"ready{number}"), str(go), *names],
            cwd=REPOSITORY,
            env={"PATH": "/usr/bin:/bin", **settings.environment()},
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    wait_for("all are ready", lambda: len(list(tmp_path.glob("ready*"))) == len(processes), 60)
    go.touch()
    answers = zip(*(process.communicate(timeout=60)[0].split() for process in processes), strict=True)

    for name, strategy, given in zip(names, strategies, answers, strict=True):
        judge(flow.podium, name, strategy, Counter(given))


def test_a_key_is_free_again_after_the_end_where_only_a_running_execution_holds_it(flow: Flow) -> None:
    name = flow.define(wait(ref="gate"))
    first = flow.podium.start(name, idempotency_key="k", idempotency_strategy="FAIL_ON_RUNNING")
    wait_for("it waits", lambda: waiting(first, "gate"))
    assert start(flow.podium, name, "FAIL_ON_RUNNING") == REFUSED
    first.complete("gate")
    first.wait(timeout=30)

    answers = at_once(flow.podium, name, "FAIL_ON_RUNNING")

    (made,) = (state.id for state in flow.podium.executions(name=name) if state.id != first.id)
    assert answers == {made: 1, REFUSED: STARTERS - 1}


def test_after_the_end_an_existing_execution_is_still_the_answer(flow: Flow) -> None:
    name = flow.define(flow.mark("a"))
    first = flow.podium.start(name, idempotency_key="k")
    first.wait(timeout=30)

    assert flow.podium.start(name, idempotency_key="k").id == first.id
    assert start(flow.podium, name, "FAIL") == REFUSED
    assert flow.runs() == flow.once("a")


def test_a_key_counts_for_one_definition(flow: Flow) -> None:
    one, other = flow.define(flow.mark("a")), flow.define(flow.mark("b"))

    first = flow.podium.start(one, idempotency_key="k")
    second = flow.podium.start(other, idempotency_key="k")

    for execution in (first, second):
        execution.wait(timeout=30)
    assert flow.runs() == flow.once("a", "b")
