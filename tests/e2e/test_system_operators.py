"""The operators that decide or compute: variables, scripts, jq, HTTP, TERMINATE."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.e2e.flow import Flow, attempts, statuses, wait_for, waiting
from tests.e2e.platforms import everywhere
from workflows.builder import (
    fork,
    http,
    inline,
    jq,
    set_variable,
    simple,
    terminate,
    variable,
    wait,
    workflow_input,
)
from workflows.status import TaskStatus, WorkflowStatus


@dataclass
class Service:
    """An HTTP service on the loopback: what it was asked, and how often it is to fail."""

    url: str = ""
    failures: int = 0
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def service() -> Iterator[Service]:
    """A running service."""
    state = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.asked.append((self.command, self.path, dict(self.headers.items()), body))
            failing = len(state.asked) <= state.failures
            answer = json.dumps({"number": len(state.asked)}).encode()
            self.send_response(503 if failing else 201)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing goes to the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield state
        server.shutdown()
        thread.join()


@everywhere
def test_variables_scripts_and_jq_hand_on_values_with_their_types(flow: Flow) -> None:
    doubled = inline("$.n * 2", input={"n": workflow_input("n")})
    picked = jq("{big: (.n > 40), list: [.n, .n + 1]}", input={"n": doubled.output("result")})
    kept = set_variable(answer=picked.output("result"))

    execution = flow.run(
        doubled,
        picked,
        kept,
        input={"n": 21},
        output={"answer": variable("answer")},
        variables={"answer": None},
    )

    assert execution.output == {"answer": {"big": True, "list": [42, 43]}}
    assert execution.state.variables == {"answer": {"big": True, "list": [42, 43]}}


def test_a_script_that_fails_fails_the_execution_with_its_reason(flow: Flow) -> None:
    execution = flow.run(inline("$.nothing.here", input={}), flow.mark("after"))

    assert execution.status is WorkflowStatus.FAILED
    assert statuses(execution) == {"inline": TaskStatus.FAILED_WITH_TERMINAL_ERROR}
    assert "undefined" in (execution.reason or "")


def test_an_http_call_sends_its_request_and_puts_out_the_response(flow: Flow, service: Service) -> None:
    call = http("POST", f"{service.url}/orders", body={"id": workflow_input("id")}, headers={"X-Key": "k"})

    execution = flow.run(call, input={"id": 42}, output={"n": call.output("response.body.number")})

    assert execution.output == {"n": 1}
    assert execution.get("http").output["response"]["statusCode"] == 201
    ((method, path, headers, body),) = service.asked
    assert (method, path, headers["X-Key"], json.loads(body)) == ("POST", "/orders", "k", {"id": 42})


def test_an_http_call_is_retried_as_its_task_definition_says(flow: Flow, service: Service) -> None:
    service.failures = 1
    policy = {"name": "http", "retryCount": 1, "retryDelaySeconds": 0}

    execution = flow.run(http("POST", service.url, task_definition=policy))

    assert execution.status is WorkflowStatus.COMPLETED
    assert attempts(execution, "http") == [TaskStatus.FAILED, TaskStatus.COMPLETED]


def test_an_http_call_without_retries_fails_the_execution(flow: Flow, service: Service) -> None:
    service.failures = 1

    execution = flow.run(http("POST", service.url))

    assert execution.status is WorkflowStatus.FAILED
    assert "503" in (execution.reason or "")
    assert len(service.asked) == 1


@everywhere
def test_terminate_in_a_branch_ends_everything(flow: Flow) -> None:
    end = terminate("COMPLETED", reason="enough", output={"by": "branch"})
    gate = wait(ref="gate")

    execution = flow.start(
        fork([gate, end], [wait(ref="forever"), flow.mark("never")]), flow.mark("never_either")
    )
    wait_for("both branches wait", lambda: waiting(execution, "gate") and waiting(execution, "forever"))
    execution.complete("gate")
    execution.wait(timeout=30)

    assert execution.status is WorkflowStatus.COMPLETED
    assert execution.output == {"by": "branch"}
    assert statuses(execution)["forever"] is TaskStatus.CANCELED
    assert flow.lines() == []


def test_terminate_with_failure_starts_the_failure_workflow(flow: Flow) -> None:
    rescue = flow.define(flow.mark("rescue", {"why": workflow_input("reason")}))

    execution = flow.run(
        simple("flow.echo", ref="first", input={"value": 1}),
        terminate("FAILED", reason="out of stock"),
        failure_workflow=rescue,
    )

    assert (execution.status, execution.reason) == (WorkflowStatus.FAILED, "out of stock")
    other = flow.podium.execution(execution.output["conductor.failure_workflow"])
    assert other.wait(timeout=30).output == {"ref": "rescue", "why": "out of stock"}
