"""Schedules: which slots are fired, once each, whoever looks and whenever."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from app.errors import InvalidInput, ScheduleNotFound, WorkflowNotFound, WrongState
from app.operations import schedules
from app.store.unit_of_work import Store
from tests.runtime.harness import Harness
from workflows.builder import simple, workflow
from workflows.errors import InvalidDocument
from workflows.schedules import read_schedule

NOON = int(datetime(2026, 6, 1, 12, 0, tzinfo=UTC).timestamp() * 1000)
MINUTE = 60_000
EVERY_MINUTE: dict[str, Any] = {
    "name": "s",
    "cronExpression": "0 * * * * *",
    "startWorkflowRequest": {"name": "clean", "input": {"what": "carts"}, "correlationId": "nightly"},
}


@pytest.fixture(autouse=True)
def at_noon(harness: Harness) -> None:
    harness.now = NOON
    harness.register({"workflows": [workflow("clean")(simple("work", ref="a")).to_json()]})


def _at(harness: Harness, milliseconds: int) -> None:
    """Beat looks at this time after noon, as often as there is something to do."""
    harness.now = NOON + milliseconds
    while schedules.fire_due(harness.engine):
        pass


def _slots(harness: Harness) -> list[int | None]:
    """Minutes after noon of the slots that were fired, in their order."""
    found = reversed(schedules.list_firings(harness.engine, limit=1000))
    return [None if row.slot is None else (row.slot - NOON) // MINUTE for row in found]


def test_a_slot_starts_the_workflow_with_what_it_is(harness: Harness) -> None:
    schedules.save(harness.engine, EVERY_MINUTE)

    _at(harness, MINUTE - 1)
    assert harness.executions() == []
    _at(harness, MINUTE + 200)

    (execution,) = harness.executions()
    (firing,) = schedules.list_firings(harness.engine)
    assert json.loads(execution.input) == {
        "what": "carts",
        "_startedByScheduler": "s",
        "_scheduledTime": NOON + MINUTE,
        "_executedTime": NOON + MINUTE + 200,
        "_executionId": firing.id,
        "_schedulerCron": "0 * * * * *",
    }
    assert (execution.correlation_id, execution.created_by) == ("nightly", "schedule s")
    assert (firing.slot, firing.workflow_id, firing.status) == (NOON + MINUTE, execution.id, "EXECUTED")
    harness.drain()
    assert harness.execution(execution.id).status == "COMPLETED"


def test_two_beats_fire_a_slot_once(harness: Harness) -> None:
    for n in range(8):
        schedules.save(harness.engine, EVERY_MINUTE | {"name": f"s{n}"})
    harness.now = NOON + MINUTE
    barrier = threading.Barrier(2)

    def beat() -> None:
        barrier.wait()
        schedules.fire_due(harness.engine)

    beats = [threading.Thread(target=beat) for _ in range(2)]
    for thread in beats:
        thread.start()
    for thread in beats:
        thread.join()

    assert len(harness.executions()) == 8
    assert sorted(row.schedule for row in schedules.list_firings(harness.engine)) == [
        f"s{n}" for n in range(8)
    ]


def test_a_beat_that_dies_before_its_commit_leaves_the_slot_to_the_next(
    harness: Harness, store: Store
) -> None:
    schedules.save(harness.engine, EVERY_MINUTE)

    def die(point: str) -> None:
        if point == "before commit":
            raise SystemExit

    store.fault = die
    with pytest.raises(SystemExit):
        _at(harness, MINUTE)
    store.fault = lambda _point: None
    assert harness.executions() == []

    _at(harness, MINUTE + 300)

    assert _slots(harness) == [1]


def test_after_a_stop_of_beat_the_slots_it_missed_are_left_out(harness: Harness) -> None:
    schedules.save(harness.engine, EVERY_MINUTE)
    _at(harness, MINUTE)
    _at(harness, 10 * MINUTE + 30_000)
    _at(harness, 11 * MINUTE)

    assert _slots(harness) == [1, 10, 11]


def test_with_catch_up_every_slot_is_fired(harness: Harness) -> None:
    schedules.save(harness.engine, EVERY_MINUTE | {"runCatchupScheduleInstances": True})
    _at(harness, MINUTE)
    _at(harness, 10 * MINUTE + 30_000)

    assert _slots(harness) == list(range(1, 11))


def test_a_slot_that_is_an_hour_late_is_not_fired(harness: Harness) -> None:
    schedules.save(harness.engine, EVERY_MINUTE | {"cronExpression": "0 0 13 * * *"})
    _at(harness, 120 * MINUTE)

    assert _slots(harness) == []
    assert schedules.get(harness.engine, "s").next_at == NOON + (24 + 1) * 60 * MINUTE


def test_no_slot_is_before_the_start_or_after_the_end(harness: Harness) -> None:
    window = {"scheduleStartTime": NOON + 3 * MINUTE, "scheduleEndTime": NOON + 5 * MINUTE}
    schedules.save(harness.engine, EVERY_MINUTE | window)
    for minute in range(1, 8):
        _at(harness, minute * MINUTE)

    assert _slots(harness) == [3, 4, 5]
    assert schedules.get(harness.engine, "s").next_at is None


def test_a_paused_schedule_fires_nothing_and_goes_on_from_when_it_is_resumed(harness: Harness) -> None:
    schedules.save(harness.engine, EVERY_MINUTE | {"runCatchupScheduleInstances": True})
    _at(harness, MINUTE)
    schedules.pause(harness.engine, "s", actor="anna", reason="stocktaking")
    _at(harness, 5 * MINUTE + 1)
    row = schedules.get(harness.engine, "s")
    assert (row.paused, row.reason, row.next_at) == (1, "stocktaking", None)
    schedules.resume(harness.engine, "s", actor="anna")
    _at(harness, 6 * MINUTE)

    assert _slots(harness) == [1, 6]
    with pytest.raises(WrongState, match="not paused"):
        schedules.resume(harness.engine, "s")


def test_a_schedule_is_run_out_of_turn_paused_or_not(harness: Harness) -> None:
    schedules.save(harness.engine, EVERY_MINUTE | {"paused": True})

    execution_id = schedules.run_now(harness.engine, "s", actor="anna")

    (firing,) = schedules.list_firings(harness.engine, schedule="s")
    assert (firing.workflow_id, firing.slot) == (execution_id, None)
    assert json.loads(harness.execution(execution_id).input)["_scheduledTime"] == NOON


def test_several_expressions_of_a_schedule_each_name_their_slots(harness: Harness) -> None:
    both = [
        {"cronExpression": "0 */10 * * * *", "zoneId": "UTC"},
        {"cronExpression": "0 5 14 * * *", "zoneId": "Europe/Berlin"},
    ]
    schedules.save(harness.engine, EVERY_MINUTE | {"cronExpression": None, "cronSchedules": both})
    for minute in range(1, 21):
        _at(harness, minute * MINUTE)

    assert _slots(harness) == [5, 10, 20]


def test_a_workflow_that_can_not_be_started_is_recorded_and_the_next_slot_comes(harness: Harness) -> None:
    request = {"name": "claen"}
    schedules.save(harness.engine, EVERY_MINUTE | {"startWorkflowRequest": request})
    _at(harness, MINUTE)

    (firing,) = schedules.list_firings(harness.engine)
    assert (firing.status, firing.workflow_id, firing.slot) == ("FAILED", None, NOON + MINUTE)
    assert "Did you mean 'clean'" in (firing.reason or "")
    assert schedules.get(harness.engine, "s").next_at == NOON + 2 * MINUTE
    with pytest.raises(WorkflowNotFound):
        schedules.run_now(harness.engine, "s")


def test_a_schedule_that_is_saved_again_counts_from_then(harness: Harness) -> None:
    schedules.save(harness.engine, EVERY_MINUTE)
    harness.now = NOON + 10 * MINUTE + 1
    schedules.save(harness.engine, EVERY_MINUTE | {"cronExpression": "0 */5 * * * *"})
    _at(harness, 15 * MINUTE)

    assert _slots(harness) == [15]
    assert [row.name for row in schedules.list_schedules(harness.engine)] == ["s"]
    assert schedules.list_schedules(harness.engine, workflow_name="other") == []


def test_a_removed_schedule_fires_nothing(harness: Harness) -> None:
    schedules.save(harness.engine, EVERY_MINUTE)
    schedules.remove(harness.engine, "s", actor="anna")
    _at(harness, MINUTE)

    assert harness.executions() == []
    with pytest.raises(ScheduleNotFound):
        schedules.remove(harness.engine, "s")


def test_old_firings_are_deleted_as_new_ones_come(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    schedules.save(harness.engine, EVERY_MINUTE)
    for minute in range(1, 4):
        _at(harness, minute * MINUTE)
    # Ids have the time of the real clock, which the harness does not move.
    monkeypatch.setattr(schedules, "id_before", lambda _ms: schedules.LAST)
    _at(harness, 4 * MINUTE)

    assert len(schedules.list_firings(harness.engine)) <= 1


def test_the_next_slots_are_shown_ahead(harness: Harness) -> None:
    engine = harness.engine
    assert schedules.preview(engine, "0 0 * * * *", limit=2) == [NOON + 60 * MINUTE, NOON + 120 * MINUTE]
    end = NOON + 2 * MINUTE
    assert schedules.preview(engine, "0 * * * * *", end=end) == [NOON + MINUTE, end]
    with pytest.raises(InvalidInput, match="has 2 fields"):
        schedules.preview(engine, "0 0")


@pytest.mark.parametrize(
    ("changes", "place", "problem"),
    [
        ({"cronExpression": None}, "cronExpression", "it is missing"),
        ({"cronExpression": "0 0 25 * * *"}, "cronExpression", "Bad hour"),
        ({"zoneId": "Mars"}, "cronExpression", "no time zone 'Mars'"),
        ({"cronSchedules": [{"cronExpression": "x"}]}, "cronSchedules[0]", "has 1 fields"),
        ({"scheduleStartTime": 2, "scheduleEndTime": 1}, "scheduleEndTime", "before scheduleStartTime"),
        ({"startWorkflowRequest": {"name": ""}}, "startWorkflowRequest.name", "at least 1"),
        (
            {"startWorkflowRequest": {"name": "a", "idempotencyKey": "k"}},
            "startWorkflowRequest.idempotencyKey",
            "leave it out",
        ),
    ],
)
def test_a_schedule_with_an_error_is_refused_with_its_place(
    changes: dict[str, Any], place: str, problem: str
) -> None:
    with pytest.raises(InvalidDocument, match=problem) as caught:
        read_schedule(EVERY_MINUTE | changes)

    assert [found for found, _ in caught.value.problems] == [place]


@pytest.mark.parametrize(
    ("night", "slots"),
    [
        # 02:30 does not come: an hour later, once.
        ("2026-03-28T12:00", ["2026-03-29T01:30", "2026-03-30T00:30", "2026-03-31T00:30"]),
        # 02:30 comes twice: the first time.
        ("2026-10-24T12:00", ["2026-10-25T00:30", "2026-10-26T01:30", "2026-10-27T01:30"]),
    ],
)
@pytest.mark.parametrize("caught_up", [False, True])
def test_a_night_in_which_the_clocks_change_has_one_slot(
    harness: Harness, night: str, slots: list[str], caught_up: bool
) -> None:
    harness.now = _utc(night)
    at_night = {"cronExpression": "0 30 2 * * *", "zoneId": "Europe/Berlin"}
    schedules.save(harness.engine, EVERY_MINUTE | at_night | {"runCatchupScheduleInstances": caught_up})

    # Beat stands still for three days, or looks every ten minutes.
    step = 72 * 60 * MINUTE if caught_up else 10 * MINUTE
    for at in range(harness.now, _utc(night) + 72 * 60 * MINUTE + 1, step):
        _at(harness, at - NOON)

    fired = [row.slot for row in reversed(schedules.list_firings(harness.engine))]
    assert fired == [_utc(slot) for slot in slots]
    assert len(harness.executions()) == 3


def _utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
