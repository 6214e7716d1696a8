"""`podium up` as somebody in a terminal meets it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.reference import ROOT
from tests.e2e.terminal import Terminal, wait_until

WAITING = str(ROOT / "workflows" / "definitions" / "examples" / "wait_example.json")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal; whatever is left of its processes is ended with the test."""
    opened = Terminal(tmp_path)
    yield opened
    for process in opened.left():
        process.kill()


def test_ctrl_c_leaves_nothing_running_and_the_next_start_goes_on(terminal: Terminal) -> None:
    first = terminal.open("up", "--no-flower", "--concurrency", "1")
    ready = first.wait_for("podium | ready")
    second = terminal.run("up", "--no-flower")
    registered = terminal.run("register", WAITING)
    for_a_signal = terminal.run("start", "wait_example", "--input", '{"duration": "1 hour"}').stdout.strip()
    for_a_time = terminal.run("start", "wait_example", "--input", '{"duration": "5 seconds"}').stdout.strip()
    code = first.ctrl_c()

    assert f"database sqlite:///{terminal.state_dir}/podium.db" in ready
    assert (second.returncode, second.stdout) == (4, "")
    assert f"podium up already runs on {terminal.state_dir} (process {first.process.pid})" in second.stderr
    assert registered.stdout == "registered workflow wait_example version 1\n"
    assert code == 0
    assert first.lines[-1] == "podium | stopped"
    assert terminal.left() == []
    assert terminal.json("status", for_a_signal)["status"] == "RUNNING"

    again = terminal.open("up", "--no-flower", "--concurrency", "1")
    again.wait_for("podium | ready")
    completed = terminal.run("complete", for_a_signal, "pause")
    wait_until("both have completed", lambda: len(terminal.json("list", "--status", "COMPLETED")) == 2)

    assert completed.stdout == "pause is completed\n"
    assert {state["workflowId"] for state in terminal.json("list")} == {for_a_signal, for_a_time}
    assert again.ctrl_c() == 0
    assert terminal.left() == []


def test_as_json_it_says_once_where_everything_is(terminal: Terminal) -> None:
    up = terminal.open("up", "--json", "--concurrency", "1")

    addresses = json.loads(up.wait_for('{"broker"'))

    assert addresses["flower"].startswith("http://127.0.0.1:")
    assert addresses["database"] == f"sqlite:///{terminal.state_dir}/podium.db"
    assert up.ctrl_c() == 0


def test_a_port_of_flower_that_is_of_no_use_is_bad_input(tmp_path: Path) -> None:
    done = Terminal(tmp_path, flower_address="0.0.0.0").run("up")

    assert "Flower would be open to everybody who reaches 0.0.0.0" in done.stderr
    assert done.returncode == 2
