"""Executions that have ended are removed and archived; nothing else is; on both databases."""

from __future__ import annotations

import dataclasses
import gzip
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import orjson
import pytest

from app.errors import ExecutionNotFound, InvalidInput, WrongState
from app.operations import control, retention
from app.operations.bulk import bulk
from app.operations.diff import diff
from app.operations.history import history
from app.operations.start import start
from app.store import logs
from app.store.unit_of_work import Store
from config.settings import Settings
from tests.runtime.harness import Harness
from tests.runtime.work import TASK_DEFS
from workflows.builder import Part, simple, sub_workflow, wait, workflow

DAY_MS = 86_400_000


@pytest.fixture
def harness(store: Store) -> Harness:
    """Its clock begins now: ids are made of the real time, and how old an execution is shows in its id."""
    made = Harness(store)
    made.now = int(time.time() * 1000)
    return made


def register(harness: Harness, name: str, *parts: Part) -> None:
    harness.register({"workflows": [workflow(name)(*parts).to_json()], "taskDefs": TASK_DEFS})


def work(ref: str, **given: Any) -> Part:
    return simple("work", ref=ref, input=given)


def ended(harness: Harness, *parts: Part, given: Any = None, name: str = "flow") -> str:
    """The id of an execution that has run to its end."""
    register(harness, name, *(parts or (work("a"), work("b"))))
    execution_id = harness.start(name, given)
    harness.drain()
    return execution_id


def ids(harness: Harness) -> set[str]:
    return {row.id for row in harness.executions()}


def archive_in(harness: Harness, folder: Path) -> None:
    harness.engine.settings = Settings(state_dir=folder, archive_url=str(folder / "kept"))


def test_a_removed_execution_leaves_no_rows_but_the_record_of_it(harness: Harness) -> None:
    register(harness, "inner", work("x"))
    execution_id = ended(harness, work("a"), sub_workflow("inner", ref="sub"))
    assert len(ids(harness)) == 2

    retention.remove(harness.engine, execution_id, actor="ann", reason="a test")

    assert ids(harness) == set()
    assert harness.rows() == []
    found = harness.store.read(lambda s: _audit(s, execution_id))
    assert found == [("remove", "ann", "a test")]
    with pytest.raises(ExecutionNotFound):
        retention.remove(harness.engine, execution_id)


def _audit(session: Any, execution_id: str) -> list[tuple[str, str | None, str | None]]:
    return [(row.operation, row.actor, row.reason) for row in logs.done_to(session, execution_id)]


def test_what_runs_is_not_removed_and_neither_is_a_part_of_it(harness: Harness) -> None:
    register(harness, "inner", work("x"))
    register(harness, "flow", sub_workflow("inner", ref="sub"), wait(ref="hold"))
    execution_id = harness.start("flow", None)
    harness.deliver_all()
    (child,) = ids(harness) - {execution_id}

    with pytest.raises(WrongState, match="terminate it first"):
        retention.remove(harness.engine, execution_id)
    with pytest.raises(WrongState, match=f"is a part of {execution_id}, which is RUNNING"):
        retention.remove(harness.engine, child)

    assert ids(harness) == {execution_id, child}


def test_the_key_of_a_removed_execution_is_free_again(harness: Harness) -> None:
    register(harness, "flow", work("a"))
    first = start(harness.engine, "flow", idempotency_key="order-42")
    harness.drain()
    assert start(harness.engine, "flow", idempotency_key="order-42") == first

    retention.remove(harness.engine, first)

    assert start(harness.engine, "flow", idempotency_key="order-42") != first


def test_an_archive_holds_an_execution_and_what_is_below_it_as_conductors_json(
    harness: Harness, tmp_path: Path
) -> None:
    archive_in(harness, tmp_path)
    register(harness, "inner", work("x"))
    execution_id = ended(harness, work("a", n=1), sub_workflow("inner", ref="sub"), given={"order": 42})

    url = retention.archive(harness.engine, execution_id, actor="ann")

    assert Path(url).parent == tmp_path / "kept"
    lines = [orjson.loads(line) for line in gzip.decompress(Path(url).read_bytes()).splitlines()]
    assert [line["workflowName"] for line in lines] == ["flow", "inner"]
    assert lines[0]["workflowId"] == execution_id
    assert lines[0]["input"] == {"order": 42}
    assert [task["referenceTaskName"] for task in lines[0]["tasks"]] == ["a", "sub"]
    assert execution_id in ids(harness)


def test_an_archive_may_be_in_s3(harness: Harness, bucket: str) -> None:
    harness.engine.settings = Settings(state_dir=Path("unused"), archive_url=f"s3://{bucket}/podium")
    execution_id = ended(harness)

    url = retention.archive(harness.engine, execution_id)

    with fsspec.open(url, "rb", compression="gzip") as file:
        assert orjson.loads(file.read())["workflowId"] == execution_id


def test_an_archive_that_can_not_be_written_keeps_the_execution(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    archive_in(harness, tmp_path)
    execution_id = ended(harness)

    with pytest.raises(InvalidInput, match="can't be written"):
        retention.remove(harness.engine, execution_id, archive=True)

    assert execution_id in ids(harness)


def test_pruning_takes_what_ended_long_ago_and_counts_it_before(harness: Harness, tmp_path: Path) -> None:
    archive_in(harness, tmp_path)
    old = {ended(harness) for _ in range(3)}
    failed = ended(harness, simple("broken", ref="a"), name="fails")
    harness.now += 2 * DAY_MS
    new = ended(harness)
    register(harness, "waits", wait(ref="hold"))
    running = harness.start("waits", None)

    counted = retention.prune(harness.engine, 86_400, dry_run=True)
    assert (counted.executions, ids(harness)) == (4, {*old, failed, new, running})

    done = retention.prune(harness.engine, 86_400, statuses=["COMPLETED"], archive=True)
    assert (done.executions, len(done.files)) == (3, 1)
    assert ids(harness) == {failed, new, running}

    assert retention.prune(harness.engine, 86_400, name="flow").executions == 0
    assert retention.prune(harness.engine, 0).executions == 1
    assert ids(harness) == {new, running}


def test_pruning_goes_in_batches_up_to_its_limit(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(7):
        ended(harness)
    harness.now += DAY_MS

    assert retention.prune(harness.engine, 60, limit=5).executions == 5
    assert retention.prune(harness.engine, 60).executions == 2
    assert ids(harness) == set()


def test_others_write_while_executions_are_pruned(harness: Harness, store: Store) -> None:
    for _ in range(60):
        ended(harness)
    harness.now += DAY_MS
    with ThreadPoolExecutor(1) as pool:
        pruning = pool.submit(retention.prune, harness.engine, 60)
        begun = [start(harness.engine, "flow", {"n": n}) for n in range(10)]
        done = pruning.result(timeout=60)

    assert done.executions == 60
    assert ids(harness) == set(begun)


def test_beat_prunes_by_the_settings_alone(harness: Harness, tmp_path: Path) -> None:
    keeper = retention.Keeper(harness.engine)
    ended(harness)
    harness.now += DAY_MS
    assert not keeper.tick()

    harness.engine.settings = Settings(state_dir=tmp_path, retention_seconds=3600)
    assert keeper.tick()
    assert ids(harness) == set()


def test_beat_tries_an_archive_that_can_not_be_written_once_a_minute(
    harness: Harness, tmp_path: Path
) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    archive_in(harness, tmp_path)
    harness.engine.settings = dataclasses.replace(
        harness.engine.settings, retention_seconds=3600, retention_archive=True
    )
    keeper = retention.Keeper(harness.engine)
    execution_id = ended(harness)
    harness.now += DAY_MS

    with pytest.raises(InvalidInput, match="can't be written"):
        keeper.tick()
    assert not keeper.tick()
    (tmp_path / "kept").unlink()
    harness.now += 60_000

    assert keeper.tick()
    assert execution_id not in ids(harness)


@pytest.mark.parametrize(
    ("older_than", "statuses", "said"),
    [
        (-1, ("COMPLETED",), "must not be negative"),
        (0, ("RUNNING",), "no status of an execution that has ended"),
    ],
)
def test_pruning_refuses_what_makes_no_sense(
    harness: Harness, older_than: float, statuses: tuple[str, ...], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        retention.prune(harness.engine, older_than, statuses=statuses)


def test_one_of_many_that_can_not_be_changed_leaves_the_others_alone(harness: Harness) -> None:
    over = ended(harness)
    register(harness, "waits", wait(ref="hold"))
    running = [harness.start("waits", None) for _ in range(2)]

    done = bulk(harness.engine, "terminate", [*running, over, "no-such"], reason="a test", actor="ann")

    assert done.successful == running
    assert set(done.errors) == {over, "no-such"}
    assert "it has ended" in done.errors[over]
    assert bulk(harness.engine, "remove", [*running, over]).successful == [*running, over]


def test_many_are_not_too_many_and_not_none(harness: Harness) -> None:
    with pytest.raises(InvalidInput, match="at most 1,000"):
        bulk(harness.engine, "pause", [str(n) for n in range(1001)])
    with pytest.raises(InvalidInput, match="0 executions"):
        bulk(harness.engine, "pause", [])
    with pytest.raises(InvalidInput, match="can't be done to many"):
        bulk(harness.engine, "rerun", ["x"])


def test_the_history_tells_every_transition_with_who_made_it(harness: Harness) -> None:
    register(harness, "flow", simple("flaky", ref="a"), wait(ref="hold"))
    execution_id = harness.start("flow", None)
    harness.deliver_all()
    harness.now += 1000
    control.pause(harness.engine, execution_id, actor="ann", reason="lunch")
    harness.now += 1000
    control.resume(harness.engine, execution_id, actor="bob")
    control.terminate(harness.engine, execution_id, "enough", actor="cid")

    told = history(harness.engine, execution_id)

    assert [each.number for each in told] == list(range(1, len(told) + 1))
    assert [each.at for each in told] == sorted(each.at for each in told)
    done = [(each.what, each.actor, each.reason) for each in told if each.ref is None]
    assert done == [
        ("RUNNING", None, None),
        ("pause", "ann", "lunch"),
        ("resume", "bob", None),
        ("terminate", "cid", "enough"),
        ("TERMINATED", None, "enough"),
    ]
    of_a = [(each.what, each.attempt) for each in told if each.ref == "a"]
    assert of_a == [
        ("SCHEDULED", 0),
        ("SCHEDULED", 1),
        ("IN_PROGRESS", 0),
        ("IN_PROGRESS", 1),
        ("FAILED", 0),
        ("COMPLETED", 1),
    ]
    assert history(harness.engine, execution_id, after=3, limit=2) == told[3:5]


def test_the_difference_of_two_executions_is_told_task_by_task(harness: Harness) -> None:
    parts = (work("a", n="${workflow.input.n}"), work("b"))
    one = ended(harness, *parts, given={"n": 1})
    same = ended(harness, *parts, given={"n": 1})
    other = ended(harness, *parts, given={"n": 2, "list": [1, {"deep": True}]})

    assert diff(harness.engine, one, same).changes == ()
    assert diff(harness.engine, one, same).tasks == ()
    found = diff(harness.engine, one, other)
    changed = {change.path: (change.before, change.after) for change in found.changes}
    assert changed["input.n"] == (1, 2)
    assert changed["input.list"] == (None, [1, {"deep": True}])
    (of_a,) = found.tasks
    assert of_a.ref == "a"
    assert {change.path for change in of_a.changes} >= {"input.n"}
