"""Files of executions: announced, uploaded and downloaded through signed addresses, whole or in parts.

A workflow hands on a handle, `conductor://file/<id>`. Whoever acts for the execution that owns a file may change it;
whoever acts for one of its family (itself, those above and below it) may read it. The content is kept in the store of
payloads below the execution's folder, each upload under a new name: who reads never sees half of one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO, TypeVar

from app.errors import (
    AccessForbidden,
    ExecutionNotFound,
    FileNotFound,
    FilesNotKept,
    FileTooLarge,
    InvalidInput,
    OperationError,
    WrongState,
)
from app.operations import signatures
from app.operations.signatures import Grant, Signed, Transfer
from app.runtime.clock import new_id
from app.runtime.engine import Engine
from app.runtime.payload import Writing
from app.store import executions, files
from app.store.files import FileRow, PartRow
from app.store.unit_of_work import Session

HANDLE = "conductor://file/"
"""What the handle of a file begins with; its id follows."""
MOST_PARTS = 10_000
_FOLDER = "files"
_PIECE = 1024**2
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_CONTENT_TYPE = re.compile(rf'{_TOKEN}/{_TOKEN}( *; *{_TOKEN}=({_TOKEN}|"[ !#-\[\]-~]*"))*')
_ANY_CONTENT = "application/octet-stream"
T = TypeVar("T")


class UploadStatus(StrEnum):
    """How far a file is."""

    UPLOADING = "UPLOADING"  #: announced; content may come, and come again
    UPLOADED = "UPLOADED"  #: complete, and never changed from then on


@dataclass(frozen=True, slots=True)
class Content:
    """A file that is read, and what is told of it."""

    row: FileRow
    file: BinaryIO

    def pieces(self) -> Iterator[bytes]:
        """All of it, piece by piece; then it is closed."""
        with self.file:
            while piece := self.file.read(_PIECE):
                yield piece


def create(
    engine: Engine,
    workflow_id: str,
    *,
    name: str | None = None,
    content_type: str | None = None,
    task_id: str | None = None,
) -> FileRow:
    """Announce a file of an execution, whatever its status.

    Conductor: POST /files.

    Raises:
        FilesNotKept: there is no store for files.
        ExecutionNotFound: there is no such execution.
        InvalidInput: the content type is none.
    """
    _require_store(engine)
    if content_type is not None and not _CONTENT_TYPE.fullmatch(content_type):
        raise InvalidInput(f"{content_type[:100]!r} is no content type, such as application/pdf")
    now = engine.clock()
    made = FileRow(
        new_id(),
        workflow_id,
        task_id,
        name,
        content_type,
        UploadStatus.UPLOADING,
        url=None,
        size=0,
        hash=None,
        upload_id=None,
        created=now,
        updated=now,
    )

    def work(session: Session) -> None:
        # Whoever removes the execution comes before this or after it, and then finds the file.
        if executions.share(session, workflow_id) is None:
            raise ExecutionNotFound(workflow_id)
        if files.by_id(session, made.id) is None:
            files.announce(session, made)

    engine.store.transact(work)
    return made


def get(engine: Engine, workflow_id: str, file_id: str) -> FileRow:
    """What is told of a file, to an execution of its family.

    Raises:
        FilesNotKept: there is no store for files.
        FileNotFound: there is none.
        AccessForbidden: the execution is none of its family.
    """
    _require_store(engine)

    def work(session: Session) -> FileRow:
        row = _found(session, file_id)
        related = files.is_above(session, row.workflow_id, workflow_id) or files.is_above(
            session, workflow_id, row.workflow_id
        )
        if not related:
            raise AccessForbidden(f"execution {workflow_id} is none of the family of file {file_id}")
        return row

    return engine.store.read(work)


def upload_url(engine: Engine, workflow_id: str, file_id: str) -> Signed:
    """An address for the content of a file.

    Raises:
        FilesNotKept, FileNotFound: as `get`.
        AccessForbidden: the execution does not own it.
    """
    row = _owned(engine, workflow_id, file_id)
    return signatures.sign(engine, Transfer.UPLOAD, workflow_id, row.id)


def download_url(engine: Engine, workflow_id: str, file_id: str) -> Signed:
    """An address to read a file at.

    Raises:
        FilesNotKept, FileNotFound, AccessForbidden: as `get`.
        InvalidInput: it is not uploaded.
    """
    row = _uploaded(get(engine, workflow_id, file_id))
    return signatures.sign(engine, Transfer.DOWNLOAD, workflow_id, row.id)


def begin_upload(engine: Engine, signed: Signed, size: int | None = None) -> Upload:
    """Take content for a file, or for a part of one, as a signed address allows. `size`: where it is known before.

    Raises:
        FilesNotKept, FileNotFound: as `get`.
        AccessForbidden: the address is not good, or the execution does not own the file.
        WrongTransfer: the address is good for a download.
        WrongState: it is uploaded.
        FileTooLarge: it would be.
        PayloadUnavailable: the store can't be written.
    """
    _require_store(engine)
    grant = signed.grant
    signatures.check(engine, signed, Transfer.UPLOAD)
    if size is not None and size > engine.settings.file_limit_bytes:
        raise FileTooLarge(engine.settings.file_limit_bytes)
    row = engine.store.read(lambda s: _to_change(s, grant.workflow_id, grant.file_id, grant.upload_id))
    return Upload(engine, grant, engine.payloads.create(_new_path(row)))


class Upload:
    """Content on its way: `write` its pieces and then `finish`, or `abandon` it."""

    def __init__(self, engine: Engine, grant: Grant, writing: Writing) -> None:
        self._engine = engine
        self._grant = grant
        self._writing = writing
        self._settled = False

    def write(self, piece: bytes) -> None:
        """Add a piece.

        Raises:
            FileTooLarge: it is too much.
            PayloadUnavailable: the store can't be written.
        """
        limit = self._engine.settings.file_limit_bytes
        if self._writing.size + len(piece) > limit:
            raise FileTooLarge(limit)
        self._writing.write(piece)

    def finish(self) -> str:
        """All of it is there, and replaces what was uploaded before; its SHA-256, in hexadecimal digits.

        Raises:
            FileNotFound: the file, or its upload in parts, is gone meanwhile.
            WrongState: it was completed meanwhile.
            PayloadUnavailable: the store can't be written.
        """
        engine, grant, writing = self._engine, self._grant, self._writing
        digest = writing.finish()

        self._settled = True

        def work(session: Session) -> str | None:
            row = _to_change(session, grant.workflow_id, grant.file_id, grant.upload_id, lock=True)
            if grant.part is None:
                new = row._replace(url=writing.url, size=writing.size, hash=digest, updated=engine.clock())
                files.save(session, new)
                return row.url
            before = files.part(session, row.id, grant.part)
            files.put_part(session, PartRow(row.id, grant.part, writing.url, writing.size, digest))
            return before and before.url

        def is_done(session: Session) -> bool:
            if grant.part is None:
                return _found(session, grant.file_id).url == writing.url
            part = files.part(session, grant.file_id, grant.part)
            return part is not None and part.url == writing.url

        replaced = _named(engine, writing, work, is_done)
        if replaced is not None:
            engine.payloads.discard([replaced])
        return digest

    def abandon(self) -> None:
        """Nothing of it is to be there, unless `finish` has seen to it."""
        if not self._settled:
            self._writing.abandon()


def confirm(engine: Engine, workflow_id: str, file_id: str) -> FileRow:
    """Say that a file is uploaded: from now on it is read, and never changed.

    Conductor: POST /files/{workflowId}/{fileId}/upload-complete.

    Raises:
        FilesNotKept, FileNotFound, AccessForbidden: as `upload_url`.
        WrongState: it is uploaded already, or nothing has come.
    """
    _require_store(engine)

    def work(session: Session) -> tuple[FileRow, list[str]]:
        row = _to_change(session, workflow_id, file_id, lock=True)
        if row.url is None:
            raise WrongState(f"nothing of file {file_id} was uploaded")
        return _complete(engine, session, row)

    def is_done(session: Session) -> bool:
        return _found(session, file_id).status == UploadStatus.UPLOADED

    done, dropped = engine.store.transact(work, witness=is_done)
    engine.payloads.discard(dropped)
    return done


def open_content(engine: Engine, signed: Signed) -> Content:
    """Read a file as a signed address allows.

    Raises:
        FilesNotKept, FileNotFound, AccessForbidden: as `get`; the address is not good.
        WrongTransfer: the address is good for an upload.
        InvalidInput: it is not uploaded.
        PayloadUnavailable: the store can't be read.
    """
    _require_store(engine)
    signatures.check(engine, signed, Transfer.DOWNLOAD)
    row = _uploaded(get(engine, signed.grant.workflow_id, signed.grant.file_id))
    return Content(row, engine.payloads.open(row.url or ""))


def begin_parts(engine: Engine, workflow_id: str, file_id: str) -> FileRow:
    """Begin an upload in parts; one that was begun before is given up.

    Conductor: POST /files/{workflowId}/{fileId}/multipart.

    Raises:
        FilesNotKept, FileNotFound, AccessForbidden: as `upload_url`.
        WrongState: it is uploaded.
    """
    return _with_upload(engine, workflow_id, file_id, None, new_id())


def part_url(engine: Engine, workflow_id: str, file_id: str, upload_id: str, number: int) -> Signed:
    """An address for a part, from 1; what is put there answers with its ETag.

    Raises:
        FilesNotKept, FileNotFound, AccessForbidden: as `upload_url`; there is no such upload.
        InvalidInput: it is no number of a part.
        WrongState: the file is uploaded.
    """
    _require_store(engine)
    if not 1 <= number <= MOST_PARTS:
        raise InvalidInput(f"{number} is no number of a part: they go from 1 to {MOST_PARTS:,}")
    row = engine.store.read(lambda s: _to_change(s, workflow_id, file_id, upload_id))
    return signatures.sign(engine, Transfer.UPLOAD, workflow_id, row.id, upload_id=upload_id, part=number)


def complete_parts(
    engine: Engine, workflow_id: str, file_id: str, upload_id: str, tags: Sequence[str]
) -> FileRow:
    """Make a file of its parts; `tags`: the ETag of each, in their order.

    Raises:
        FilesNotKept, FileNotFound, AccessForbidden, WrongState: as `part_url`.
        InvalidInput: they are not the parts that have come.
        FileTooLarge: together they are too large.
        PayloadUnavailable: the store can't be read or written.
    """
    _require_store(engine)
    limit = engine.settings.file_limit_bytes

    def read(session: Session) -> tuple[FileRow, list[PartRow]]:
        return _to_change(session, workflow_id, file_id, upload_id), files.parts(session, file_id)

    row, parts = engine.store.read(read)
    came = [(part.number, part.hash) for part in parts]
    if not tags or came != list(enumerate((tag.strip('"') for tag in tags), 1)):
        raise InvalidInput(f"these are not the ETags of the {len(parts):,} parts that have come")
    if sum(part.size for part in parts) > limit:
        raise FileTooLarge(limit)
    writing = engine.payloads.create(_new_path(row))
    try:
        for part in parts:
            for piece in Content(row, engine.payloads.open(part.url)).pieces():
                writing.write(piece)
        digest = writing.finish()
    except BaseException:
        writing.abandon()
        raise

    def work(session: Session) -> tuple[FileRow, list[str]]:
        now = _to_change(session, workflow_id, file_id, upload_id, lock=True)
        done, dropped = _complete(
            engine, session, now._replace(url=writing.url, size=writing.size, hash=digest)
        )
        return done, dropped if now.url is None else [*dropped, now.url]

    def is_done(session: Session) -> bool:
        return _found(session, file_id).url == writing.url

    done, dropped = _named(engine, writing, work, is_done)
    engine.payloads.discard(dropped)
    return done


def abort_parts(engine: Engine, workflow_id: str, file_id: str, upload_id: str) -> None:
    """Give up an upload in parts: what has come of it is deleted.

    Raises:
        FilesNotKept, FileNotFound, AccessForbidden, WrongState: as `part_url`.
    """
    _with_upload(engine, workflow_id, file_id, upload_id, None)


def file_document(row: FileRow) -> dict[str, Any]:
    """Conductor's FileHandle."""
    done = row.status == UploadStatus.UPLOADED
    return {
        "fileHandleId": HANDLE + row.id,
        "fileName": row.name,
        "contentType": row.content_type,
        "fileSize": row.size if done else 0,
        "contentHash": row.hash if done else None,
        "storageType": "CONDUCTOR",
        "uploadStatus": row.status,
        "workflowId": row.workflow_id,
        "taskId": row.task_id,
        "createdAt": row.created,
        "updatedAt": row.updated,
    }


def content_type_of(row: FileRow) -> str:
    """What its content is sent as."""
    return row.content_type or _ANY_CONTENT


def _require_store(engine: Engine) -> None:
    if engine.settings.payload_store_url is None:
        raise FilesNotKept


def _new_path(row: FileRow) -> str:
    # Both ids are ours, whatever a caller has written: the row was found by them.
    return f"{row.workflow_id}/{_FOLDER}/{row.id}.{new_id()}"


def _found(session: Session, file_id: str, lock: bool = False) -> FileRow:
    row = files.by_id(session, file_id, lock=lock)
    if row is None:
        raise FileNotFound(file_id)
    return row


def _owned(engine: Engine, workflow_id: str, file_id: str) -> FileRow:
    _require_store(engine)
    return _of_owner(engine.store.read(lambda s: _found(s, file_id)), workflow_id)


def _of_owner(row: FileRow, workflow_id: str) -> FileRow:
    if row.workflow_id != workflow_id:
        raise AccessForbidden(f"execution {workflow_id} does not own file {row.id}")
    return row


def _to_change(
    session: Session, workflow_id: str, file_id: str, upload_id: str | None = None, lock: bool = False
) -> FileRow:
    """A file that is not uploaded yet; `upload_id`: of the upload in parts that goes on."""
    row = _of_owner(_found(session, file_id, lock), workflow_id)
    if row.status != UploadStatus.UPLOADING:
        raise WrongState(f"file {file_id} is {row.status}: its content does not change any more")
    if upload_id is not None and row.upload_id != upload_id:
        raise FileNotFound(file_id, upload_id)
    return row


def _uploaded(row: FileRow) -> FileRow:
    if row.status != UploadStatus.UPLOADED:
        raise InvalidInput(f"file {row.id} is {row.status}: it can't be read before its upload is complete")
    return row


def _complete(engine: Engine, session: Session, row: FileRow) -> tuple[FileRow, list[str]]:
    """The file as it is from now on, and the URLs of what nothing names any more."""
    done = row._replace(status=UploadStatus.UPLOADED, upload_id=None, updated=engine.clock())
    files.save(session, done)
    return done, _without_parts(session, row)


def _with_upload(
    engine: Engine, workflow_id: str, file_id: str, before: str | None, upload_id: str | None
) -> FileRow:
    _require_store(engine)

    def work(session: Session) -> tuple[FileRow, list[str]]:
        row = _to_change(session, workflow_id, file_id, before, lock=True)
        new = row._replace(upload_id=upload_id, updated=engine.clock())
        files.save(session, new)
        return new, _without_parts(session, row)

    def is_done(session: Session) -> bool:
        return _found(session, file_id).upload_id == upload_id

    row, dropped = engine.store.transact(work, witness=is_done)
    engine.payloads.discard(dropped)
    return row


def _without_parts(session: Session, row: FileRow) -> list[str]:
    urls = [part.url for part in files.parts(session, row.id)]
    files.delete_parts(session, row.id)
    return urls


def _named(
    engine: Engine,
    writing: Writing,
    work: Callable[[Session], T],
    witness: Callable[[Session], bool],
) -> T:
    """Have a row name what was written; it is deleted where it is certain that none does."""
    try:
        return engine.store.transact(work, witness=witness)
    except OperationError:
        writing.abandon()
        raise
