"""Files where the database, the store or another caller stumbles: a row never names what is not there."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import psycopg
import pytest
import s3fs
from sqlalchemy import update

from app.errors import AccessForbidden, FileNotFound, StoreUnavailable, WrongState
from app.operations import files, retention
from app.operations.files import Upload, UploadStatus
from app.runtime.clock import now_ms
from app.store import compensations
from app.store.files import FileRow
from app.store.tables import file
from tests.runtime.harness import Harness
from tests.runtime.work import TASK_DEFS
from workflows.builder import simple, workflow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "payloads"


@pytest.fixture
def keeping(harness: Harness, folder: Path) -> Harness:
    """A harness whose executions may have files."""
    return harness.keep_payloads(str(folder))


def started(harness: Harness) -> str:
    definition = workflow("flow")(simple("work", ref="a")).to_json()
    harness.register({"workflows": [definition], "taskDefs": TASK_DEFS})
    return harness.start("flow", {})


def announced(harness: Harness) -> FileRow:
    return files.create(harness.engine, started(harness))


def begun(harness: Harness, row: FileRow, *pieces: bytes) -> Upload:
    signed = files.upload_url(harness.engine, row.workflow_id, row.id)
    upload = files.begin_upload(harness.engine, signed)
    for piece in pieces:
        upload.write(piece)
    return upload


def confirmed(harness: Harness, row: FileRow) -> FileRow:
    return files.confirm(harness.engine, row.workflow_id, row.id)


def content(harness: Harness, row: FileRow) -> bytes:
    signed = files.download_url(harness.engine, row.workflow_id, row.id)
    return b"".join(files.open_content(harness.engine, signed).pieces())


def parts(harness: Harness, row: FileRow, *contents: bytes) -> tuple[str, list[str]]:
    upload_id = files.begin_parts(harness.engine, row.workflow_id, row.id).upload_id or ""
    tags = []
    for number, each in enumerate(contents, 1):
        signed = files.part_url(harness.engine, row.workflow_id, row.id, upload_id, number)
        upload = files.begin_upload(harness.engine, signed)
        upload.write(each)
        tags.append(upload.finish())
    return upload_id, tags


def kept(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def no_answer(harness: Harness, times: int) -> None:
    """The answers to the next commits get lost: they were carried out."""
    lost = itertools.chain(itertools.repeat(True, times), itertools.repeat(False))

    def point(name: str) -> None:
        if name == "after commit" and next(lost):
            raise psycopg.OperationalError("the connection is gone")

    harness.here.point = point


def test_whoever_finishes_last_has_the_content(keeping: Harness, folder: Path) -> None:
    row = announced(keeping)
    one, two = begun(keeping, row, b"one"), begun(keeping, row, b"two", b" and more")

    two.finish()
    one.finish()

    assert confirmed(keeping, row).size == 3
    assert content(keeping, row) == b"one"
    assert len(kept(folder)) == 1


def test_an_upload_that_ends_after_the_file_was_complete_is_deleted(keeping: Harness, folder: Path) -> None:
    row = announced(keeping)
    one, two = begun(keeping, row, b"one"), begun(keeping, row, b"two")
    one.finish()
    confirmed(keeping, row)

    with pytest.raises(WrongState, match="is UPLOADED: its content does not change any more"):
        two.finish()

    assert content(keeping, row) == b"one"
    assert len(kept(folder)) == 1


def test_a_reader_goes_on_while_its_file_is_removed_and_finds_nothing_afterwards(keeping: Harness) -> None:
    row = announced(keeping)
    begun(keeping, row, b"x" * 3 * 1024**2).finish()
    confirmed(keeping, row)
    signed = files.download_url(keeping.engine, row.workflow_id, row.id)
    reading = files.open_content(keeping.engine, signed).pieces()
    first = next(reading)
    keeping.drain()

    retention.remove(keeping.engine, row.workflow_id)

    assert len(first + b"".join(reading)) == 3 * 1024**2
    with pytest.raises(FileNotFound):
        files.open_content(keeping.engine, signed)


@pytest.mark.parametrize("times", [1, 2])
def test_a_commit_without_an_answer_is_carried_out_once(keeping: Harness, folder: Path, times: int) -> None:
    row = announced(keeping)
    upload = begun(keeping, row, b"content")
    no_answer(keeping, times)
    upload.finish()
    no_answer(keeping, times)
    assert confirmed(keeping, row).status == UploadStatus.UPLOADED
    assert content(keeping, row) == b"content"

    row = announced(keeping)
    upload_id, tags = parts(keeping, row, b"con", b"tent")
    no_answer(keeping, times)
    files.complete_parts(keeping.engine, row.workflow_id, row.id, upload_id, tags)
    assert content(keeping, row) == b"content"
    assert len(kept(folder)) == 2


def test_a_file_that_is_complete_before_the_lost_answer_was_missed_keeps_its_content(
    keeping: Harness, folder: Path
) -> None:
    row = announced(keeping)
    begun(keeping, row, b"before").finish()
    upload = begun(keeping, row, b"content")

    def point(name: str) -> None:
        if name == "after commit":
            keeping.here.point = None
            with keeping.store.engine.begin() as connection:
                connection.execute(update(file).values(status=UploadStatus.UPLOADED))
            raise psycopg.OperationalError("the connection is gone")

    keeping.here.point = point
    upload.finish()

    assert content(keeping, row) == b"content"
    assert len(kept(folder)) == 1


def test_what_may_have_been_committed_is_not_deleted(
    keeping: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = announced(keeping)
    upload = begun(keeping, row, b"content")

    def gone(*_: Any, **__: Any) -> None:
        raise psycopg.OperationalError("the database is gone")

    def point(name: str) -> None:
        if name == "after commit":
            monkeypatch.setattr("app.store.files.by_id", gone)
            gone()

    keeping.here.point = point
    with pytest.raises(StoreUnavailable):
        upload.finish()
    upload.abandon()

    keeping.here.point = None
    monkeypatch.undo()
    confirmed(keeping, row)
    assert content(keeping, row) == b"content"


def test_a_compensation_reads_the_files_of_what_it_undoes(keeping: Harness) -> None:
    undo = simple("work", ref="undo")
    parts = simple("work", ref="a", compensation=[undo]), simple("fatal", ref="broken")
    broken = {"name": "broken", "retryCount": 0}
    keeping.register({"workflows": [workflow("undone")(*parts).to_json()], "taskDefs": [*TASK_DEFS, broken]})
    execution_id = keeping.start("undone", {})
    row = files.create(keeping.engine, execution_id)
    stranger = started(keeping)
    keeping.drain()

    undoing = keeping.store.read(lambda s: compensations.latest(s, execution_id))

    assert undoing is not None
    assert files.get(keeping.engine, undoing.id, row.id).id == row.id
    with pytest.raises(AccessForbidden):
        files.get(keeping.engine, stranger, row.id)


def test_pruning_takes_files_and_parts_along(keeping: Harness, folder: Path) -> None:
    row = announced(keeping)
    begun(keeping, row, b"content").finish()
    parts(keeping, row, b"a", b"b")
    keeping.drain()
    # Ids tell when they were made, by the clock of the machine.
    keeping.now = now_ms() + 86_400_000

    assert retention.prune(keeping.engine, 60).executions == 1

    assert kept(folder) == []
    with keeping.store.engine.connect() as connection:
        for table in ("file", "file_part"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0


def test_files_are_kept_in_s3_as_well(harness: Harness, bucket: str) -> None:
    harness.keep_payloads(f"s3://{bucket}/here")
    large = [bytes([n]) * 1024**2 for n in range(7)]
    row = announced(harness)
    begun(harness, row, b"first").finish()
    begun(harness, row, *large).finish()
    begun(harness, row, *large).abandon()
    confirmed(harness, row)
    in_parts = announced(harness)
    upload_id, tags = parts(harness, in_parts, b"".join(large), b"end")
    files.complete_parts(harness.engine, in_parts.workflow_id, in_parts.id, upload_id, tags)

    assert content(harness, row) == b"".join(large)
    assert content(harness, in_parts) == b"".join(large) + b"end"
    assert len(_objects(bucket)) == 2
    harness.drain()
    for one in (row, in_parts):
        retention.remove(harness.engine, one.workflow_id)
    assert _objects(bucket) == []


def _objects(bucket: str) -> Any:
    system = s3fs.S3FileSystem()
    system.invalidate_cache()
    return system.find(bucket)
