"""`python -m bench` as a whole: it runs every workload on every system, and its figures add up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from bench.stage import SYSTEMS
from bench.workloads import WORKLOADS


def test_a_quick_benchmark_runs_every_workload_on_every_system_that_can(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "-m", "bench", "--quick", "--json", str(figures)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    found = json.loads(figures.read_text())["results"]
    measured = {(each["workload"], each["system"]) for each in found}
    able = {(w.name, kind.name) for w in WORKLOADS for kind in SYSTEMS.values() if kind.can_run(w)}
    assert measured == able
    assert all(each["steps_per_second"]["median"] > 0 for each in found)
    # A step moves bytes through the broker, or through the database, or both.
    assert all(each["runs"][0]["counts"]["bytes"] > 0 for each in found)
    writes = [e["runs"][0]["counts"]["writes"] for e in found if e["system"].startswith("Podium")]
    assert all(count > 0 for count in writes)


def test_a_profile_names_the_functions_that_a_step_goes_through() -> None:
    command = [sys.executable, "-m", "bench", "--profile", "chain_100", "--on", "sqlite"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "app/runtime/engine.py" in done.stdout
    assert "the starter" in done.stdout
