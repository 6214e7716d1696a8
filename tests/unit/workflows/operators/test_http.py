"""HTTP against a real server on loopback."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.workflows.orders import OrdersServer
from tests.unit.workflows.run import rules, run, task_of
from workflows.operator import Done, Failed, Outcome, Wait


@pytest.fixture(scope="module")
def orders() -> Iterator[OrdersServer]:
    with OrdersServer() as server:
        yield server


def call(uri: str, **request: Any) -> Outcome:
    return run(task_of("HTTP", inputParameters={"http_request": {"uri": uri, "method": "GET", **request}}))


def echoed(outcome: Outcome) -> dict[str, Any]:
    assert isinstance(outcome, Done)
    body = outcome.output["response"]["body"]
    return {"headers": {name.lower(): value for name, value in body["headers"]}, "body": body["body"]}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/orders/42", {"id": 42, "total": 30.5}),
        ("/list", [1, 2]),
        ("/number", 7.0),
        ("/string", "seven"),
        ("/true", "true"),
        ("/text", "Grüße"),
        ("/empty", None),
    ],
)
def test_a_2xx_response_completes_with_its_body_as_conductor_reads_it(
    orders: OrdersServer, path: str, body: Any
) -> None:
    outcome = call(orders.url + path)

    assert isinstance(outcome, Done)
    assert outcome.output["response"]["body"] == body
    assert type(outcome.output["response"]["body"]) is type(body)
    json.dumps(outcome.output)


def test_the_response_has_status_phrase_and_every_header_as_a_list(orders: OrdersServer) -> None:
    outcome = call(f"{orders.url}/cookies")

    assert isinstance(outcome, Done)
    response = outcome.output["response"]
    assert (response["statusCode"], response["reasonPhrase"]) == (200, "OK")
    assert response["headers"]["Set-Cookie"] == ["session=1", "colour=blue"]


def test_a_redirect_fails_and_is_not_followed(orders: OrdersServer) -> None:
    moved, gone = call(f"{orders.url}/moved"), call(f"{orders.url}/gone")

    assert isinstance(moved, Failed)
    assert isinstance(gone, Failed)
    assert (moved.reason, moved.terminal) == ("No response from the remote service", False)
    assert moved.output["response"]["statusCode"] == 302
    assert gone.reason == "look elsewhere"


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/orders/43", 404, '404 Not Found: "no such order"'),
        ("/broken", 500, "500 Internal Server Error: [no body]"),
    ],
)
def test_4xx_and_5xx_fail_with_the_status_and_the_body(
    orders: OrdersServer, path: str, status: int, words: str
) -> None:
    reason = f"Failed to invoke HTTP task due to: {words}"

    assert call(orders.url + path) == Failed(reason, output={"response": reason, "statusCode": status})


def test_a_server_that_does_not_answer_in_time_fails_the_attempt(orders: OrdersServer) -> None:
    outcome = call(f"{orders.url}/silent", readTimeOut=50)

    assert isinstance(outcome, Failed)
    assert outcome.reason == "Failed to invoke HTTP task due to: ReadTimeout: timed out"
    assert not outcome.terminal


def test_a_refused_connection_fails_the_attempt() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        outcome = call(f"http://127.0.0.1:{unused.getsockname()[1]}/")

    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("Failed to invoke HTTP task due to: ConnectError: ")
    assert outcome.output == {"response": outcome.reason}
    assert not outcome.terminal


def test_a_response_that_is_too_large_fails_for_good(orders: OrdersServer) -> None:
    outcome = call(f"{orders.url}/large", readTimeOut=10_000)

    assert isinstance(outcome, Failed)
    assert "more than 10,485,760 bytes" in outcome.reason
    assert outcome.terminal


def test_a_body_is_sent_as_json_and_text_as_it_is(orders: OrdersServer) -> None:
    as_json = echoed(call(f"{orders.url}/echo", method="post", body={"id": 1}))
    as_text = echoed(
        call(
            f"{orders.url}/echo",
            method="PUT",
            body="a=1&b=2",
            contentType="application/x-www-form-urlencoded",
        )
    )

    assert (as_json["body"], as_json["headers"]["content-type"]) == ('{"id":1}', "application/json")
    assert (as_text["body"], as_text["headers"]["content-type"]) == (
        "a=1&b=2",
        "application/x-www-form-urlencoded",
    )


def test_headers_are_sent_and_stand_above_the_defaults(orders: OrdersServer) -> None:
    sent = echoed(
        call(f"{orders.url}/echo", accept=["text/plain", "*/*"], headers={"X-Count": 3, "X-Tags": ["a", "b"]})
    )
    own = echoed(call(f"{orders.url}/echo", headers={"accept": "text/html"}))

    assert sent["headers"]["accept"] == "text/plain, */*"
    assert sent["headers"]["x-count"] == "3"
    assert own["headers"]["accept"] == "text/html"
    assert "content-type" not in own["headers"]


def test_the_request_may_stand_in_the_inputs_themselves(orders: OrdersServer) -> None:
    flat = run(
        task_of("HTTP", inputParameters={"uri": f"{orders.url}/number", "method": "GET", "headers": None})
    )

    assert isinstance(flat, Done)
    assert flat.output["response"]["body"] == 7


def test_a_connection_is_used_again_and_cookies_are_not(orders: OrdersServer) -> None:
    call(f"{orders.url}/cookies")
    first = orders.seen[-1]["client"]

    again = echoed(call(f"{orders.url}/echo"))

    assert orders.seen[-1]["client"] == first
    assert "cookie" not in again["headers"]


def test_async_complete_waits_with_the_response_as_output(orders: OrdersServer) -> None:
    by_request = call(f"{orders.url}/number", asyncComplete=True)
    by_task = run(
        task_of("HTTP", asyncComplete=True, inputParameters={"uri": f"{orders.url}/number", "method": "GET"})
    )

    assert isinstance(by_request, Wait)
    assert by_request.until_ms is None
    assert by_request.output["response"]["body"] == 7
    assert by_task == by_request


@pytest.mark.parametrize(
    ("request_", "reason", "terminal"),
    [
        (
            {"method": "GET"},
            "Missing HTTP URI.  See documentation for HttpTask for required input parameters",
            False,
        ),
        ({"uri": "http://a.example"}, "No HTTP method specified", False),
        ({"uri": "http://a.example", "method": "BREW"}, "There is no HTTP method 'BREW'", True),
        (
            {"uri": "file:///etc/passwd", "method": "GET"},
            "'file:///etc/passwd' is no http or https address",
            True,
        ),
        (
            {"uri": "http://127.0.0.1:http/", "method": "GET"},
            "Failed to invoke HTTP task due to: InvalidURL",
            True,
        ),
        (
            {"uri": "http://a.example", "method": "GET", "headers": {"X": "a\r\nY: b"}},
            "Failed to invoke HTTP task due to: LocalProtocolError",
            True,
        ),
        (
            {"uri": "http://a.example", "method": "GET", "readTimeOut": "soon"},
            "The HTTP request is malformed: readTimeOut: ",
            True,
        ),
    ],
)
def test_a_request_that_can_not_be_sent_says_why(
    orders: OrdersServer, request_: dict[str, Any], reason: str, terminal: bool
) -> None:
    given = {key: orders.url if value == "http://a.example" else value for key, value in request_.items()}

    outcome = run(task_of("HTTP", inputParameters={"http_request": {}}), {"http_request": given, "x": 1})

    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith(reason)
    assert outcome.terminal is terminal


def test_a_request_is_checked_as_far_as_it_is_known() -> None:
    known = task_of("HTTP", inputParameters={"http_request": {"uri": "ftp://a.example", "method": "BREW"}})
    unknown = task_of("HTTP", inputParameters={"http_request": "${workflow.input.request}"})
    template = task_of(
        "HTTP",
        inputParameters={},
        taskDefinition={"name": "it", "inputTemplate": {"uri": "http://a", "method": "GET"}},
    )

    assert rules(known) == [
        ("http-method", "inputParameters.http_request.method", "error"),
        ("http-uri", "inputParameters.http_request.uri", "error"),
    ]
    assert rules(unknown) == []
    assert rules(template) == []
    assert rules(task_of("HTTP", inputParameters={"uri": "${workflow.input.uri}"})) == [
        ("http-request", "inputParameters", "warning")
    ]
