"""Files of executions: announced, put at signed addresses without a token, whole or in parts, and read by the family."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import http.client
import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from app.bootstrap import connect
from app.operations import retention
from app.operations.access import Role, create_key
from app.runtime.payload import Payloads
from config.settings import Settings
from tests.rest.client import Api, simple, workflow
from tests.rest.conftest import serving

HANDLE = "conductor://file/"
CONTENT = bytes(range(256)) * 4_000
LIMIT = 3 * 1024**2
PARENT = workflow(
    "parent",
    {
        "name": "child",
        "taskReferenceName": "sub",
        "type": "SUB_WORKFLOW",
        "subWorkflowParam": {"name": "child", "version": 1},
    },
)
Json = Any


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where files are kept."""
    return tmp_path / "payloads"


@pytest.fixture
def keeping(settings: Settings, store: Path) -> Settings:
    """Of API processes that keep files of at most 3 MiB."""
    return dataclasses.replace(settings, payload_store_url=str(store), file_limit_bytes=LIMIT)


@pytest.fixture
def files(keeping: Settings) -> Iterator[Api]:
    """An API that keeps files, with an execution's definition and that of one with a sub-workflow."""
    with serving(keeping) as (process, url), Api(url, process) as api:
        api.register(workflow("child", simple("work")), PARENT, workflow("other", simple("work")))
        yield api


@pytest.fixture
def owner(files: Api) -> str:
    """The id of an execution."""
    return files.start("other")


def announce(api: Api, execution_id: str, **more: Json) -> Json:
    return api.post("/files", json={"workflowId": execution_id} | more).raise_for_status().json()


def id_of(file: Json) -> str:
    handle: str = file["fileHandleId"]
    assert handle.startswith(HANDLE)
    return handle.removeprefix(HANDLE)


def uploaded(api: Api, execution_id: str, content: bytes = CONTENT, **more: Json) -> str:
    """The id of a file that is there."""
    file = announce(api, execution_id, **more)
    assert httpx.put(file["uploadUrl"], content=content).status_code == 204
    api.post(f"/files/{execution_id}/{id_of(file)}/upload-complete").raise_for_status()
    return id_of(file)


def download_url(api: Api, execution_id: str, file_id: str) -> str:
    url: str = (
        api.get(f"/files/{execution_id}/{file_id}/download-url").raise_for_status().json()["downloadUrl"]
    )
    return url


def changed(url: str, **more: str | None) -> str:
    """An address with other parameters; None: without."""
    given = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()} | more
    return f"{url.partition('?')[0]}?{urlencode({k: v for k, v in given.items() if v is not None})}"


def kept(store: Path) -> list[Path]:
    return sorted(path for path in store.rglob("*") if path.is_file())


def test_a_file_goes_from_announced_to_uploaded_to_read(files: Api, owner: str, store: Path) -> None:
    file = announce(files, owner, fileName="report.pdf", contentType="application/pdf", taskId="t-1")
    assert set(file) == {
        "fileHandleId",
        "fileName",
        "contentType",
        "storageType",
        "uploadStatus",
        "uploadUrl",
        "uploadUrlExpiresAt",
        "createdAt",
    }
    assert (file["storageType"], file["uploadStatus"]) == ("CONDUCTOR", "UPLOADING")
    at = f"/files/{owner}/{id_of(file)}"
    assert files.get(at).json()["fileSize"] == 0

    put = httpx.put(file["uploadUrl"], content=CONTENT)
    assert (put.status_code, put.content) == (204, b"")
    done = files.post(f"{at}/upload-complete").json()

    digest = hashlib.sha256(CONTENT).hexdigest()
    assert done == {
        "fileHandleId": file["fileHandleId"],
        "uploadStatus": "UPLOADED",
        "contentHash": digest,
    }
    told = files.get(at).json()
    assert told["updatedAt"] >= told["createdAt"]
    del told["createdAt"], told["updatedAt"]
    assert told == done | {
        "fileName": "report.pdf",
        "contentType": "application/pdf",
        "fileSize": len(CONTENT),
        "storageType": "CONDUCTOR",
        "workflowId": owner,
        "taskId": "t-1",
    }
    answer = httpx.get(download_url(files, owner, id_of(file)))
    assert answer.content == CONTENT
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert [path.parent for path in kept(store)] == [store / owner / "files"]


def test_another_upload_replaces_the_first_until_it_is_said_to_be_complete(
    files: Api, owner: str, store: Path
) -> None:
    file = announce(files, owner)
    httpx.put(file["uploadUrl"], content=b"first")
    again = files.get(f"/files/{owner}/{id_of(file)}/upload-url").json()
    assert again["fileHandleId"] == file["fileHandleId"]
    httpx.put(again["uploadUrl"], content=b"second")
    assert len(kept(store)) == 1

    assert files.post(f"/files/{owner}/{id_of(file)}/upload-complete").status_code == 200

    assert httpx.put(file["uploadUrl"], content=b"third").status_code == 409
    assert files.post(f"/files/{owner}/{id_of(file)}/upload-complete").status_code == 409
    assert files.post(f"/files/{owner}/{id_of(file)}/multipart").status_code == 409
    assert httpx.get(download_url(files, owner, id_of(file))).content == b"second"
    assert len(kept(store)) == 1


def test_a_file_of_which_nothing_came_is_neither_complete_nor_read(files: Api, owner: str) -> None:
    file = announce(files, owner)
    at = f"/files/{owner}/{id_of(file)}"

    assert files.post(f"{at}/upload-complete").status_code == 409
    assert files.get(f"{at}/download-url").status_code == 400


def test_an_empty_file_is_a_file(files: Api, owner: str) -> None:
    answer = httpx.get(download_url(files, owner, uploaded(files, owner, b"")))

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/octet-stream"


def test_a_file_of_an_execution_that_has_ended_is_taken_and_goes_with_it(
    files: Api, owner: str, store: Path
) -> None:
    files.delete(f"/workflow/{owner}").raise_for_status()
    file_id = uploaded(files, owner)
    url = download_url(files, owner, file_id)
    assert httpx.get(url).content == CONTENT

    files.delete(f"/workflow/{owner}/remove").raise_for_status()

    assert kept(store) == []
    assert files.get(f"/files/{owner}/{file_id}").status_code == 404
    assert httpx.get(url).status_code == 404
    assert files.post("/files", json={"workflowId": owner}).status_code == 404


def test_an_upload_that_outlives_its_execution_leaves_nothing(files: Api, owner: str, store: Path) -> None:
    file = announce(files, owner)

    def content() -> Iterator[bytes]:
        yield CONTENT
        files.delete(f"/workflow/{owner}").raise_for_status()
        retention.remove(files.process.engine, owner)
        yield CONTENT

    assert httpx.put(file["uploadUrl"], content=content()).status_code == 404
    assert kept(store) == []


# who


@pytest.fixture
def family(files: Api) -> tuple[str, str]:
    """The ids of an execution and of its sub-workflow."""
    parent = files.start("parent")
    return parent, files.execution(parent)["tasks"][0]["subWorkflowId"]


def test_those_above_and_below_read_a_file_and_change_nothing(files: Api, family: tuple[str, str]) -> None:
    for mine, other in (family, reversed(family)):
        file_id = uploaded(files, mine)
        assert files.get(f"/files/{other}/{file_id}").json()["workflowId"] == mine
        assert httpx.get(download_url(files, other, file_id)).content == CONTENT

        begun = id_of(announce(files, mine))
        at = f"/files/{other}/{begun}"
        assert files.get(at).status_code == 200
        upload = files.post(f"/files/{mine}/{begun}/multipart").json()["uploadId"]
        assert [
            files.get(f"{at}/upload-url").status_code,
            files.post(f"{at}/upload-complete").status_code,
            files.post(f"{at}/multipart").status_code,
            files.get(f"{at}/multipart/{upload}/part/1").status_code,
            files.post(f"{at}/multipart/{upload}/complete", json={"partETags": ["x"]}).status_code,
            files.delete(f"{at}/multipart/{upload}").status_code,
        ] == [403] * 6


def test_two_sub_workflows_of_one_execution_do_not_read_each_others_files(files: Api) -> None:
    files.register(
        workflow("twins", *({**PARENT["tasks"][0], "taskReferenceName": ref} for ref in ("one", "two")))
    )
    twins = files.start("twins")
    one = files.execution(twins)["tasks"][0]["subWorkflowId"]
    files.update(files.poll("work"))
    files.until(lambda: len(files.execution(twins)["tasks"]) == 2)
    two = files.execution(twins)["tasks"][1]["subWorkflowId"]
    file_id = uploaded(files, one)

    assert files.get(f"/files/{two}/{file_id}").status_code == 403
    assert files.get(f"/files/{twins}/{file_id}").status_code == 200


def test_a_stranger_is_refused_and_what_is_not_there_is_not_found(files: Api, owner: str) -> None:
    stranger, file_id = files.start("other"), uploaded(files, owner)

    for other in (stranger, "no-such-execution"):
        assert files.get(f"/files/{other}/{file_id}").status_code == 403
        assert files.get(f"/files/{other}/{file_id}/download-url").status_code == 403
    assert files.get(f"/files/{owner}/no-such-file").status_code == 404
    assert files.get(f"/files/{owner}/no-such-file/upload-url").status_code == 404
    assert files.post(f"/files/{owner}/no-such-file/upload-complete").status_code == 404
    assert files.post("/files", json={"workflowId": "no-such-execution"}).status_code == 404


def test_a_viewer_reads_and_an_operator_uploads(keeping: Settings) -> None:
    process = connect(keeping)
    keys = {role: create_key(process.engine, role, role) for role in Role}
    process.close()
    with serving(keeping) as (process, url), Api(url, process) as api:

        def as_(role: Role) -> dict[str, str]:
            body = {"keyId": keys[role].id, "keySecret": keys[role].secret}
            return {"X-Authorization": api.post("/token", json=body).json()["token"]}

        api.headers = as_(Role.ADMIN)
        api.register(workflow("other", simple("work")))
        owner = api.start("other")
        api.headers = as_(Role.OPERATOR)
        file_id, begun = uploaded(api, owner), id_of(announce(api, owner))
        api.headers = as_(Role.VIEWER)

        assert api.post("/files", json={"workflowId": owner}).status_code == 403
        assert api.get(f"/files/{owner}/{begun}/upload-url").status_code == 403
        assert api.get(f"/files/{owner}/{file_id}").status_code == 200
        # Without the token, too.
        assert httpx.get(download_url(api, owner, file_id)).content == CONTENT


# signatures


def test_any_api_process_takes_what_another_has_signed(files: Api, owner: str, keeping: Settings) -> None:
    with serving(keeping) as (process, url), Api(url, process) as other:
        for one, two in itertools.permutations((files, other)):
            file = announce(one, owner)
            elsewhere = file["uploadUrl"].replace(f":{one.base_url.port}/", f":{two.base_url.port}/")
            assert elsewhere != file["uploadUrl"]
            assert httpx.put(elsewhere, content=b"content").status_code == 204
            two.post(f"/files/{owner}/{id_of(file)}/upload-complete").raise_for_status()

            url = download_url(two, owner, id_of(file))
            back = url.replace(f":{two.base_url.port}/", f":{one.base_url.port}/")
            assert httpx.get(back).content == b"content"


def test_an_address_is_good_for_what_it_was_signed_for_alone(files: Api, owner: str) -> None:
    url, mine = announce(files, owner)["uploadUrl"], uploaded(files, owner, b"mine")
    read = download_url(files, owner, mine)
    file_id = urlsplit(url).path.rpartition("/")[2]
    later = str(int(parse_qs(urlsplit(url).query)["exp"][0]) + 3600)
    forged = {
        "no signature": url.partition("?")[0],
        **{f"without {name}": changed(url, **{name: None}) for name in ("op", "exp", "kid", "sig")},
        "another signature": changed(url, sig="A" * 43),
        "half of it": changed(url, sig=parse_qs(urlsplit(url).query)["sig"][0][:20]),
        "no ASCII": changed(url, sig="\u00fc\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")),
        "another key": changed(url, kid="x"),
        "a later end": changed(url, exp=later),
        "no number": changed(url, exp="soon"),
        "a huge number": changed(url, exp="9" * 400),
        "a negative number": changed(url, exp="-1"),
        "another file": url.replace(file_id, mine),
        "a part": changed(url, uploadId="x", partNumber="1"),
        "the other way": changed(url, op="download"),
        "another word": changed(url, op="delete"),
    }

    assert {
        name: httpx.put(each, content=b"x").status_code for name, each in forged.items()
    } == dict.fromkeys(forged, 403)
    # Parts are put, and read as a whole.
    del forged["a part"]
    assert {name: httpx.get(each).status_code for name, each in forged.items()} == dict.fromkeys(forged, 403)
    assert httpx.put(read, content=b"x").status_code == 405
    assert httpx.get(url).status_code == 405
    assert httpx.get(read).content == b"mine"


def test_an_address_is_over_after_its_time(files: Api, owner: str) -> None:
    engine = files.process.engine
    file_id = uploaded(files, owner)
    url, read = announce(files, owner)["uploadUrl"], download_url(files, owner, file_id)
    clock = engine.clock
    engine.clock = lambda: clock() + 61_000
    try:
        assert httpx.put(url, content=b"x").status_code == 403
        assert httpx.get(read).status_code == 403
        assert httpx.get(download_url(files, owner, file_id)).status_code == 200
    finally:
        engine.clock = clock


def test_keys_are_replaced_and_what_was_signed_before_stays_good(files: Api, owner: str) -> None:
    engine = files.process.engine
    engine.settings = replace(engine.settings, file_url_seconds=40 * 86_400)
    url = announce(files, owner)["uploadUrl"]
    clock = engine.clock
    engine.clock = lambda: clock() + 31 * 86_400_000
    try:
        newer = announce(files, owner)["uploadUrl"]
        assert parse_qs(urlsplit(newer).query)["kid"] != parse_qs(urlsplit(url).query)["kid"]
        assert httpx.put(url, content=b"x").status_code == 204
        assert httpx.put(newer, content=b"x").status_code == 204
    finally:
        engine.clock = clock


def test_addresses_are_those_that_clients_can_reach(files: Api, owner: str) -> None:
    engine = files.process.engine
    engine.settings = replace(engine.settings, api_url="https://podium.example.com/")

    url = announce(files, owner)["uploadUrl"]

    assert url.startswith(f"https://podium.example.com/api/files/content/{owner}/")
    payload = files.get("/workflow/externalstoragelocation").json()
    assert payload["uri"] == f"https://podium.example.com/api/external/payload/{payload['path']}"


# parts


def parts(api: Api, execution_id: str, file_id: str, *contents: bytes) -> tuple[str, list[str]]:
    """The id of an upload, and the ETags of its parts."""
    at = f"/files/{execution_id}/{file_id}/multipart"
    upload = api.post(at).raise_for_status().json()["uploadId"]
    tags = []
    for number, content in enumerate(contents, 1):
        url = api.get(f"{at}/{upload}/part/{number}").raise_for_status().json()["uploadUrl"]
        tags.append(httpx.put(url, content=content).raise_for_status().headers["etag"])
    return upload, tags


def test_a_file_comes_in_parts(files: Api, owner: str, store: Path) -> None:
    file_id = id_of(announce(files, owner, contentType="video/mp4"))
    upload, tags = parts(files, owner, file_id, CONTENT, b"", CONTENT[:7])

    done = files.post(f"/files/{owner}/{file_id}/multipart/{upload}/complete", json={"partETags": tags})

    whole = CONTENT + CONTENT[:7]
    assert done.json()["contentHash"] == hashlib.sha256(whole).hexdigest()
    assert httpx.get(download_url(files, owner, file_id)).content == whole
    assert len(kept(store)) == 1


def test_a_part_that_comes_again_replaces_the_first(files: Api, owner: str, store: Path) -> None:
    file_id = id_of(announce(files, owner))
    upload, (tag,) = parts(files, owner, file_id, b"first")
    at = f"/files/{owner}/{file_id}/multipart/{upload}"
    url = files.get(f"{at}/part/1").json()["uploadUrl"]
    again = httpx.put(url, content=b"second").headers["etag"]
    assert len(kept(store)) == 1

    assert files.post(f"{at}/complete", json={"partETags": [tag]}).status_code == 400
    assert files.post(f"{at}/complete", json={"partETags": [again.strip('"')]}).status_code == 200
    assert httpx.get(download_url(files, owner, file_id)).content == b"second"


def test_parts_that_did_not_come_or_are_too_many_make_no_file(files: Api, owner: str, store: Path) -> None:
    file_id = id_of(announce(files, owner))
    half = b"x" * (LIMIT // 2)
    upload, tags = parts(files, owner, file_id, half, half + b"yz")
    at = f"/files/{owner}/{file_id}/multipart/{upload}"

    for wrong in ([], tags[:1], tags[::-1], [*tags, tags[0]], ["x", "y"]):
        assert files.post(f"{at}/complete", json={"partETags": wrong}).status_code == 400
    assert files.post(f"{at}/complete", json={"partETags": tags}).status_code == 413
    assert files.get(f"/files/{owner}/{file_id}").json()["uploadStatus"] == "UPLOADING"
    assert len(kept(store)) == 2
    assert [files.get(f"{at}/part/{number}").status_code for number in (0, 10_001)] == [400, 400]


def test_an_upload_in_parts_is_given_up_by_its_end_or_another_one(
    files: Api, owner: str, store: Path
) -> None:
    file_id = id_of(announce(files, owner))
    first, tags = parts(files, owner, file_id, b"first")
    at = f"/files/{owner}/{file_id}/multipart"
    url = files.get(f"{at}/{first}/part/2").json()["uploadUrl"]
    second, _ = parts(files, owner, file_id, b"second")
    assert len(kept(store)) == 1

    assert files.delete(f"{at}/{second}").status_code == 204

    assert kept(store) == []
    assert httpx.put(url, content=b"late").status_code == 404
    for gone in (first, second, "no-such"):
        assert files.get(f"{at}/{gone}/part/1").status_code == 404
        assert files.post(f"{at}/{gone}/complete", json={"partETags": tags}).status_code == 404
        assert files.delete(f"{at}/{gone}").status_code == 404
    assert kept(store) == []


# what nobody sends who means well


def test_what_is_too_large_is_refused_and_nothing_of_it_stays(files: Api, owner: str, store: Path) -> None:
    url = announce(files, owner)["uploadUrl"]

    announced = httpx.put(url, content=b"x" * (LIMIT + 1))
    unannounced = httpx.put(url, content=(b"x" * 65_536 for _ in range(100)))

    assert announced.status_code == 413
    assert "PODIUM_FILE_LIMIT_BYTES" in announced.json()["message"]
    assert unannounced.status_code == 413
    assert kept(store) == []
    assert httpx.put(url, content=b"x" * LIMIT).status_code == 204


def test_a_file_may_be_larger_than_a_json_body(files: Api, owner: str) -> None:
    engine = files.process.engine
    engine.payload_limit = 1_000

    assert httpx.get(download_url(files, owner, uploaded(files, owner))).content == CONTENT


def test_content_that_breaks_off_is_not_kept(files: Api, owner: str, store: Path) -> None:
    file = announce(files, owner)

    def broken() -> Iterator[bytes]:
        yield CONTENT
        raise ConnectionError

    with pytest.raises(ConnectionError):
        httpx.put(file["uploadUrl"], content=broken(), headers={"content-length": str(2 * len(CONTENT))})

    files.until(lambda: kept(store) == [])
    assert files.post(f"/files/{owner}/{id_of(file)}/upload-complete").status_code == 409


def test_a_file_is_closed_when_who_reads_it_goes_away(
    files: Api, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = uploaded(files, owner, bytes(LIMIT))
    opened, open_it = list[BinaryIO](), Payloads.open

    def open_and_tell(payloads: Payloads, url: str) -> BinaryIO:
        opened.append(open_it(payloads, url))
        return opened[-1]

    monkeypatch.setattr(Payloads, "open", open_and_tell)
    address = files.get(f"/files/{owner}/{file_id}/download-url").json()["downloadUrl"]

    with httpx.stream("GET", address) as answer:
        assert answer.status_code == 200

    deadline = time.monotonic() + 10
    while not opened[0].closed:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_downloaded_is_never_shown_as_a_page(files: Api, owner: str) -> None:
    name = 'a"; evil=x\r\nSet-Cookie: a=b; \u00fc/../\\<b>.html'
    file_id = uploaded(files, owner, b"<script>alert(1)</script>", fileName=name, contentType="text/html")

    answer = httpx.get(download_url(files, owner, file_id))

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert "set-cookie" not in answer.headers
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith("attachment; filename*=UTF-8''a%22%3B%20evil%3Dx%0D%0ASet-Cookie")
    assert "/" not in disposition
    assert files.get(f"/files/{owner}/{file_id}").json()["fileName"] == name


@pytest.mark.parametrize(
    "type_",
    ["text", "text/html\r\nSet-Cookie: a=b", "text/html, x/y", "a/b; c", "\u00fc/x", "", "/", "a/b;c=\x00"],
)
def test_a_content_type_that_is_none_is_refused(files: Api, owner: str, type_: str) -> None:
    answer = files.post("/files", json={"workflowId": owner, "contentType": type_})

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "id_", ["..", "../..", "%2e%2e%2f%2e%2e", "..%5c..", "a/b", "/etc/passwd", "x" * 300, "%00"]
)
def test_paths_are_no_ids(files: Api, owner: str, store: Path, id_: str) -> None:
    file_id = uploaded(files, owner)

    for path in (
        f"/api/files/{id_}/{file_id}",
        f"/api/files/{owner}/{id_}/upload-url",
        f"/api/files/content/{id_}/{id_}",
    ):
        # httpx would take the dots away.
        connection = http.client.HTTPConnection("127.0.0.1", files.base_url.port or 0, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", path)
            assert 400 <= connection.getresponse().status < 500
    assert files.post("/files", json={"workflowId": id_}).status_code in (400, 404)
    assert [path.parent.parent.name for path in kept(store)] == [owner]


def test_a_store_that_lost_a_file_says_so(files: Api, owner: str, store: Path) -> None:
    file_id = uploaded(files, owner)
    for path in kept(store):
        path.unlink()

    answer = httpx.get(download_url(files, owner, file_id))

    assert (answer.status_code, "it is not there" in answer.json()["message"]) == (404, True)


def test_a_store_that_can_not_be_written_is_503_and_is_tried_again(
    files: Api, owner: str, store: Path
) -> None:
    store.write_text("a file where the folder should be")
    url = announce(files, owner)["uploadUrl"]
    assert httpx.put(url, content=b"x", timeout=30).status_code == 503

    store.unlink()
    assert httpx.put(url, content=b"x").status_code == 204


def test_without_a_store_there_are_no_files(api: Api) -> None:
    for answer in (
        api.post("/files", json={"workflowId": "x"}),
        api.get("/files/x/y"),
        api.get("/files/x/y/upload-url"),
        api.put("/files/content/x/y", content=b"x"),
        api.get("/files/content/x/y"),
        api.post("/files/x/y/multipart"),
        api.delete("/files/x/y/multipart/z"),
    ):
        assert answer.status_code == 404
        assert "PODIUM_PAYLOAD_STORE_URL" in answer.json()["message"]
