"""The most urgent message is taken first, on Redis too."""

from __future__ import annotations

import copy
import pickle
from bisect import bisect

import pytest

from config.celery import PrioritySteps


@pytest.mark.parametrize(
    "made", [lambda s: s, copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
def test_a_message_is_filed_under_its_step_and_the_highest_step_is_asked_first(made: object) -> None:
    steps = made(PrioritySteps((0, 3, 6, 9)))  # type: ignore[operator]
    # As kombu's Channel.priority does it.
    assert [steps[bisect(steps, n) - 1] for n in range(10)] == [0, 0, 0, 3, 3, 3, 6, 6, 6, 9]
    assert list(iter(steps)) == [9, 6, 3, 0]
