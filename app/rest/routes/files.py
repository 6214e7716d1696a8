"""Files of executions: /files. Their content comes and goes at signed addresses, piece by piece and without a token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import anyio
from fastapi import Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.operations import files
from app.operations.files import HANDLE, Content, content_type_of, file_document
from app.operations.signatures import Grant, Signed, Transfer
from app.rest.addresses import address
from app.rest.answers import (
    NOTHING,
    FileDownloadUrl,
    FileHandle,
    FileUpload,
    FileUploadComplete,
    FileUploadUrl,
    MultipartUpload,
    answers,
)
from app.rest.bodies import INT_MAX, FileUploadRequest, InPath, MultipartCompleteRequest
from app.rest.context import EngineHere, run
from app.rest.errors import Refused
from app.rest.replies import Json, nothing
from app.rest.route import ANYBODY, OPERATOR, router
from app.store.files import FileRow

routes = router("files", "/files")
_PIECE = 1024**2
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BYTES: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/octet-stream": _BINARY}}}
_CONTENT: dict[str, Any] = {
    "response_class": StreamingResponse,
    "responses": {200: {"description": "The content.", "content": {"*/*": _BINARY}}},
}
# Whatever a file is, no browser shows it as a page of ours.
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
}
_ANNOUNCED = ("fileHandleId", "fileName", "contentType", "storageType", "uploadStatus", "createdAt")
_Text = Annotated[str, Query(max_length=500)]
PartInPath = Annotated[int, Path(ge=0, le=INT_MAX)]


@routes.post("", status_code=201, **answers(FileUpload))
def create(engine: EngineHere, request: Request, given: FileUploadRequest) -> Response:
    """Announce a file of an execution; where its content is to be put."""
    row = files.create(
        engine,
        given.workflow_id,
        name=given.file_name,
        content_type=given.content_type,
        task_id=given.task_id,
    )
    signed = files.upload_url(engine, row.workflow_id, row.id)
    document = {"uploadUrl": _url(request, signed), "uploadUrlExpiresAt": _ms(signed)}
    return Json(_some(row, *_ANNOUNCED) | document, 201)


def _signed(
    path: tuple[str, str], op: str, exp: str, kid: str, sig: str, upload_id: str = "", part_number: str = ""
) -> Signed:
    # What can't be read was not signed here either: there is no key without a name.
    transfer, key_id = (Transfer(op), kid) if op in list(Transfer) else (Transfer.UPLOAD, "")
    part = _number(part_number)
    return Signed(Grant(transfer, *path, _number(exp), upload_id or None, part or None), key_id, sig)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


@routes.put("/content/{workflow_id}/{file_id}", status_code=204, openapi_extra=ANYBODY | _BYTES, **NOTHING)
async def bring(
    engine: EngineHere,
    request: Request,
    workflow_id: InPath,
    file_id: InPath,
    op: _Text = "",
    exp: _Text = "",
    kid: _Text = "",
    sig: _Text = "",
    upload_id: Annotated[str, Query(alias="uploadId", max_length=255)] = "",
    part_number: Annotated[str, Query(alias="partNumber", max_length=10)] = "",
) -> Response:
    """Put the content of a file, or a part of it, at the address that was given for it; answers with its ETag."""
    signed = _signed((workflow_id, file_id), op, exp, kid, sig, upload_id, part_number)
    size = request.headers.get("content-length")
    upload = await run(files.begin_upload, engine, signed, None if size is None else _number(size))
    try:
        async for piece in _pieces(request):
            await run(upload.write, piece)
        digest = await run(upload.finish)
    except BaseException as error:
        with anyio.CancelScope(shield=True):
            await run(upload.abandon)
        if isinstance(error, ClientDisconnect):
            raise Refused(400, "the content ended before its end") from None
        raise
    return Response(status_code=204, headers={"ETag": f'"{digest}"'})


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body, in pieces that are worth a thread."""
    gathered = bytearray()
    async for chunk in request.stream():
        gathered += chunk
        if len(gathered) >= _PIECE:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


class _Download(StreamingResponse):
    """A file that is closed once it has gone out, or whoever wanted it has gone."""

    def __init__(self, content: Content, headers: dict[str, str]) -> None:
        super().__init__(content.pieces(), headers=headers)
        self._file = content.file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


@routes.get("/content/{workflow_id}/{file_id}", openapi_extra=ANYBODY, **_CONTENT)
def fetch(
    engine: EngineHere,
    workflow_id: InPath,
    file_id: InPath,
    op: _Text = "",
    exp: _Text = "",
    kid: _Text = "",
    sig: _Text = "",
) -> Response:
    """The content of a file, at the address that was given for it."""
    content = files.open_content(engine, _signed((workflow_id, file_id), op, exp, kid, sig))
    name = quote(content.row.name or content.row.id, safe="", errors="replace")
    headers = _SAFE | {
        "Content-Type": content_type_of(content.row),
        "Content-Length": str(content.row.size),
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
    }
    return _Download(content, headers)


@routes.get("/{workflow_id}/{file_id}/upload-url", openapi_extra=OPERATOR, **answers(FileUploadUrl))
def upload_url(engine: EngineHere, request: Request, workflow_id: InPath, file_id: InPath) -> Response:
    """Another address to put the content of a file at."""
    return _upload_url(request, files.upload_url(engine, workflow_id, file_id))


@routes.post("/{workflow_id}/{file_id}/upload-complete", **answers(FileUploadComplete))
def confirm(engine: EngineHere, workflow_id: InPath, file_id: InPath) -> Response:
    """Say that a file is uploaded: from now on it is read, and never changed."""
    return _complete(files.confirm(engine, workflow_id, file_id))


@routes.get("/{workflow_id}/{file_id}/download-url", **answers(FileDownloadUrl))
def download_url(engine: EngineHere, request: Request, workflow_id: InPath, file_id: InPath) -> Response:
    """An address to read a file at, for an execution of its family."""
    signed = files.download_url(engine, workflow_id, file_id)
    return Json(_handle(signed) | {"downloadUrl": _url(request, signed), "expiresAt": _ms(signed)})


@routes.get("/{workflow_id}/{file_id}", **answers(FileHandle))
def get(engine: EngineHere, workflow_id: InPath, file_id: InPath) -> Response:
    """What is told of a file, for an execution of its family."""
    return Json(file_document(files.get(engine, workflow_id, file_id)))


@routes.post("/{workflow_id}/{file_id}/multipart", **answers(MultipartUpload))
def begin_parts(engine: EngineHere, workflow_id: InPath, file_id: InPath) -> Response:
    """Begin an upload in parts; one that was begun before is given up."""
    row = files.begin_parts(engine, workflow_id, file_id)
    return Json({"fileHandleId": HANDLE + row.id, "uploadId": row.upload_id})


@routes.get(
    "/{workflow_id}/{file_id}/multipart/{upload_id}/part/{part_number}",
    openapi_extra=OPERATOR,
    **answers(FileUploadUrl),
)
def part_url(
    engine: EngineHere,
    request: Request,
    workflow_id: InPath,
    file_id: InPath,
    upload_id: InPath,
    part_number: PartInPath,
) -> Response:
    """An address to put a part at, from 1 on."""
    return _upload_url(request, files.part_url(engine, workflow_id, file_id, upload_id, part_number))


@routes.post("/{workflow_id}/{file_id}/multipart/{upload_id}/complete", **answers(FileUploadComplete))
def complete_parts(
    engine: EngineHere,
    workflow_id: InPath,
    file_id: InPath,
    upload_id: InPath,
    given: MultipartCompleteRequest,
) -> Response:
    """Make a file of the parts that have come: their ETags, in their order."""
    return _complete(files.complete_parts(engine, workflow_id, file_id, upload_id, given.part_etags))


@routes.delete("/{workflow_id}/{file_id}/multipart/{upload_id}", status_code=204, **NOTHING)
def abort_parts(engine: EngineHere, workflow_id: InPath, file_id: InPath, upload_id: InPath) -> Response:
    """Give up an upload in parts; what has come of it is deleted."""
    files.abort_parts(engine, workflow_id, file_id, upload_id)
    return nothing(204)


def _url(request: Request, signed: Signed) -> str:
    grant = signed.grant
    given: dict[str, Any] = {
        "op": grant.transfer.value,
        "exp": grant.expires,
        "kid": signed.key_id,
        "sig": signed.signature,
    }
    if grant.upload_id is not None:
        given |= {"uploadId": grant.upload_id, "partNumber": grant.part}
    path = f"/files/content/{quote(grant.workflow_id, safe='')}/{quote(grant.file_id, safe='')}"
    return f"{address(request, path)}?{urlencode(given)}"


def _ms(signed: Signed) -> int:
    return signed.grant.expires * 1000


def _handle(signed: Signed) -> dict[str, Any]:
    return {"fileHandleId": HANDLE + signed.grant.file_id}


def _upload_url(request: Request, signed: Signed) -> Json:
    return Json(_handle(signed) | {"uploadUrl": _url(request, signed), "expiresAt": _ms(signed)})


def _complete(row: FileRow) -> Json:
    return Json(_some(row, "fileHandleId", "uploadStatus", "contentHash"))


def _some(row: FileRow, *names: str) -> dict[str, Any]:
    document = file_document(row)
    return {name: document[name] for name in names}
