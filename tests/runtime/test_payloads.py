"""Inputs and outputs that are kept outside of their rows, without anybody who reads them knowing, on both databases."""

from __future__ import annotations

import dataclasses
import secrets
from pathlib import Path
from typing import Any

import orjson
import pytest
import s3fs

from app.errors import PayloadUnavailable
from app.operations import control, outside, payloads, retention
from app.operations.conductor import get_workflow
from app.operations.query import list_executions
from app.runtime.clock import id_before, now_ms
from app.runtime.payload import load
from tests.runtime.harness import Harness
from tests.runtime.work import TASK_DEFS
from workflows.builder import Part, do_while, fork, inline, simple, sub_workflow, switch, workflow
from workflows.status import WorkflowStatus


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "payloads"


@pytest.fixture
def keeping(harness: Harness, folder: Path) -> Harness:
    """A harness in which everything but an empty object is kept outside."""
    return keep(harness, str(folder))


def keep(harness: Harness, url: str | None, inline_bytes: int = 2) -> Harness:
    return harness.keep_payloads(url, inline_bytes)


def run(harness: Harness, name: str, *parts: Part, **others: list[Part]) -> str:
    documents = [workflow(one)(*some).to_json() for one, some in {name: list(parts), **others}.items()]
    harness.register({"workflows": documents, "taskDefs": TASK_DEFS})
    execution_id = harness.start(name, {"order": 42})
    harness.drain()
    return execution_id


def parts() -> list[Part]:
    """Of everything that reads what another has put out."""
    return [
        simple("work", ref="a", input={"order": "${workflow.input.order}"}),
        inline("$.n * 2", ref="double", input={"n": "${a.output.n}"}),
        switch("${a.output.case}", {"a": [simple("work", ref="is_a")]}, default=[simple("far", ref="other")]),
        fork(
            [simple("flaky", ref="left", input={"x": "${double.output.result}"})],
            [simple("work", ref="right")],
        ),
        do_while(
            "$.loop['iteration'] < 3", simple("work", ref="body", input={"i": "${loop.output.iteration}"})
        ),
        sub_workflow("inner", ref="child", input={"few": "${body.output.few}"}),
        simple(
            "work", ref="end", input={"all": ["${fork_join.output}", "${loop.output}", "${child.output}"]}
        ),
    ]


INNER = [simple("work", ref="in", input={"few": "${workflow.input.few}"})]


def document(harness: Harness, execution_id: str) -> Any:
    found = get_workflow(harness.engine, execution_id)
    tasks = {each["referenceTaskName"]: (each["inputData"], each["outputData"]) for each in found["tasks"]}
    # Ids of executions are others each time.
    return orjson.loads(orjson.dumps([found["input"], found["output"], tasks["end"][1], tasks["loop"][1]]))


def test_a_flow_does_the_same_wherever_its_payloads_are(harness: Harness, folder: Path) -> None:
    plain = run(harness, "plain", *parts(), inner=INNER)
    keep(harness, str(folder))
    kept = run(harness, "kept", *parts())

    assert harness.execution(kept).status == WorkflowStatus.COMPLETED
    assert document(harness, kept) == document(harness, plain)
    stored = [text for row in harness.rows(kept) for text in (row.input, row.output)]
    assert all(text in (None, "{}") or text.startswith(f"@{folder}/{kept}/") for text in stored)
    assert not [row for row in harness.rows(plain) if (row.output or "").startswith("@")]


def test_what_is_small_stays_in_its_row(harness: Harness, folder: Path) -> None:
    keep(harness, str(folder), inline_bytes=10_000)

    run(harness, "flow", *parts(), inner=INNER)

    assert not folder.exists()


def test_what_was_kept_is_found_when_the_setting_is_another_one(keeping: Harness) -> None:
    execution_id = run(keeping, "flow", *parts(), inner=INNER)
    keep(keeping, None)

    control.rerun(keeping.engine, execution_id, task="end")
    keeping.drain()

    assert keeping.execution(execution_id).status == WorkflowStatus.COMPLETED


def test_an_outside_worker_is_handed_the_whole_and_gives_it_back(keeping: Harness) -> None:
    run_to_worker = [simple("elsewhere", ref="a", input={"order": "${workflow.input.order}"})]
    keeping.register({"workflows": [workflow("flow")(*run_to_worker).to_json()], "taskDefs": TASK_DEFS})
    execution_id = keeping.start("flow", {"order": {"items": list(range(100))}})

    (handed,) = outside.hand_out(keeping.engine, "elsewhere", "me")
    assert handed.input == {"order": {"items": list(range(100))}}
    result = outside.TaskResult(handed.row.id, outside.ResultStatus.COMPLETED, {"many": "x" * 1000})
    outside.update(keeping.engine, result)

    assert get_workflow(keeping.engine, execution_id)["output"] == {"many": "x" * 1000}


def test_removing_an_execution_removes_what_was_kept_for_it(keeping: Harness, folder: Path) -> None:
    execution_id = run(keeping, "flow", *parts(), inner=INNER)
    assert len(list(folder.iterdir())) == 2

    retention.remove(keeping.engine, execution_id)

    assert list(folder.iterdir()) == []


def test_a_list_fetches_nothing(keeping: Harness, folder: Path) -> None:
    execution_id = run(keeping, "flow", *parts(), inner=INNER)
    for file in folder.rglob("*.json"):
        file.unlink()

    assert execution_id in [each.id for each in list_executions(keeping.engine)]
    with pytest.raises(PayloadUnavailable, match=r"can't be read: it is not there"):
        get_workflow(keeping.engine, execution_id)


def test_a_store_that_can_not_be_written_stores_nothing(harness: Harness, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file where the folder should be")
    harness.register({"workflows": [workflow("flow")(simple("work", ref="a")).to_json()], "taskDefs": []})
    keep(harness, str(tmp_path / "file"))

    with pytest.raises(PayloadUnavailable, match="can't be written"):
        harness.start("flow", {"order": 42})

    assert harness.executions() == []


def test_s3_is_a_store_as_well(harness: Harness, bucket: str) -> None:
    keep(harness, f"s3://{bucket}/here")

    execution_id = run(harness, "flow", simple("work", ref="a", input={"order": "${workflow.input.order}"}))

    row = harness.rows(execution_id)[0]
    assert row.input.startswith(f"@s3://{bucket}/here/{execution_id}/")
    assert load(row.input) == {"order": 42}
    retention.remove(harness.engine, execution_id)
    assert s3fs.S3FileSystem().find(bucket) == []


def brought(harness: Harness, age_days: float) -> str:
    """The path of what a client brought that long ago."""
    engine = harness.engine
    path = f"clients/{id_before(engine.clock() - int(age_days * 86_400_000))}-7000-8000-{secrets.token_hex(6)}.json"
    payloads.bring(engine, path, {"old": True})
    return path


def test_beat_deletes_what_clients_brought_long_ago(
    keeping: Harness, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    execution_id = run(keeping, "flow", *parts(), inner=INNER)
    of_executions = set(folder.rglob("*.json"))
    for _ in range(5):
        brought(keeping, age_days=8)
    young = folder / brought(keeping, age_days=6)
    keeper = retention.Keeper(keeping.engine)

    left = []
    for _ in range(4):
        keeper.tick()
        left.append(len(set(folder.rglob("*.json")) - of_executions))

    assert left == [4, 2, 1, 1]
    assert young.exists()
    keeping.now += 2 * 86_400_000
    keeper.tick()
    assert set(folder.rglob("*.json")) == of_executions
    assert keeping.execution(execution_id).status == WorkflowStatus.COMPLETED


def test_pruning_deletes_what_clients_brought_unless_it_is_of_one_definition(
    keeping: Harness, folder: Path
) -> None:
    paths = [folder / brought(keeping, age_days=8) for _ in range(3)]

    assert retention.prune(keeping.engine, 0, name="flow").payloads == 0
    assert retention.prune(keeping.engine, 0, dry_run=True).payloads == 3
    assert all(path.exists() for path in paths)
    assert retention.prune(keeping.engine, 0).payloads == 3
    assert not any(path.exists() for path in paths)
    assert retention.prune(keeping.engine, 0).payloads == 0


def test_a_store_that_does_not_answer_keeps_beat_from_nothing_else(
    keeping: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution_id = run(keeping, "flow", *parts(), inner=INNER)
    keeping.engine.settings = dataclasses.replace(keeping.engine.settings, retention_seconds=60)
    # Ids tell when they were made, by the clock of the machine.
    keeping.now = now_ms() + 86_400_000
    monkeypatch.setattr(keeping.engine.payloads, "names", _refusing)
    keeper = retention.Keeper(keeping.engine)

    with pytest.raises(PayloadUnavailable):
        keeper.tick()
    assert keeper.tick()
    assert execution_id not in {row.id for row in keeping.executions()}


def _refusing(_folder: str) -> list[str]:
    raise PayloadUnavailable("no")
