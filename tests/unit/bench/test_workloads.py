from __future__ import annotations

from typing import Any

import pytest
from celery import Celery

from bench.workloads import WORKLOADS, Workload
from workflows.loading import load
from workflows.validation import validate

_SMALL = [workload.small() for workload in WORKLOADS]


def _names(value: Any) -> list[str]:
    """The worker tasks of a definition or of a canvas, wherever they are."""
    if isinstance(value, list | tuple):
        return [name for item in value for name in _names(item)]
    if not isinstance(value, dict):
        return []
    own = [value[key] for key in ("name", "task") if str(value.get(key, "")).startswith("bench.")]
    return own + _names([item for item in value.values() if not isinstance(item, str)])


@pytest.mark.parametrize("workload", _SMALL, ids=lambda workload: workload.name)
def test_a_workload_is_the_same_work_as_a_definition_and_as_a_plain_canvas(workload: Workload) -> None:
    definition, canvas = workload.definition["tasks"], workload.canvas(Celery(set_as_current=False))
    assert sorted(_names(definition)) == sorted(_names(canvas))
    assert len(_names(definition)) == workload.steps


@pytest.mark.parametrize("workload", _SMALL, ids=lambda workload: workload.name)
def test_a_workloads_definition_passes_the_static_checks(workload: Workload) -> None:
    (definition,) = load(workload.definition).workflows
    assert validate(definition) == []


def test_a_small_workload_keeps_its_name_and_says_its_own_size() -> None:
    fork = next(workload for workload in WORKLOADS if workload.name == "fork")
    assert (fork.title, fork.small().title) == ("100 branches x 20", "20 branches x 5")
    assert fork.small().name == fork.name
