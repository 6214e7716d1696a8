"""One order, three kinds of workers: Celery, Python's SDK and node; started by an event, watched over REST."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from app.client import Podium
from config.settings import Settings
from tests.clients.conftest import SCRIPTS, _node, _python
from tests.e2e.flow import wait_for
from tests.e2e.nodes import REPOSITORY
from tests.localcelery.process import free_port
from workflows.builder import simple, workflow

ORDER = workflow(
    "mixed_order",
    output={"parcel": "${pack.output.parcel}", "tracking": "${ship.output.tracking}"},
)(
    simple("flow.add", ref="total", input={"a": "${workflow.input.goods}", "b": "${workflow.input.postage}"}),
    simple(
        "pack_order",
        ref="pack",
        input={"order_id": "${workflow.input.order_id}", "total": "${total.output.sum}"},
    ),
    simple("ship_order", ref="ship", input={"parcel": "${pack.output.parcel}"}),
)
HANDLER = {
    "name": "orders",
    "event": "redis:orders",
    "active": True,
    "actions": [
        {
            "action": "start_workflow",
            "start_workflow": {
                "name": "mixed_order",
                "correlationId": "${order_id}",
                "input": {"order_id": "${order_id}", "goods": "${goods}", "postage": "${postage}"},
            },
        }
    ],
}


@contextmanager
def running(command: list[str], environment: dict[str, str], folder: Path, log: Path) -> Iterator[Any]:
    """A process with all that it starts, until it is interrupted."""
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def podium(tmp_path: Path) -> Iterator[Podium]:
    """`podium up`, with workers of both SDKs beside it."""
    settings = Settings(
        state_dir=tmp_path / "state",
        imports=("tests.e2e.flow_tasks",),
        api_port=free_port(),
        flower_port=free_port(),
    )
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PODIUM_"))}
    own = {**plain, **settings.environment(), "PYTHONPATH": str(REPOSITORY)}
    theirs = {**plain, "CONDUCTOR_SERVER_URL": f"http://127.0.0.1:{settings.api_port}/api"}
    home = _node("4.0.0")
    # Node looks for packages beside the script.
    shutil.copy(SCRIPTS / "shipper.mjs", home / "shipper.mjs")
    up = [sys.executable, "-m", "app.cli", "up", "--json", "--no-flower"]
    with ExitStack() as stack:
        process = stack.enter_context(running(up, own, REPOSITORY, tmp_path / "up.log"))
        assert process.stdout.readline(), (tmp_path / "up.log").read_text()
        packer = [str(_python("2.0.0")), str(SCRIPTS / "packer.py")]
        stack.enter_context(running(packer, theirs, tmp_path, tmp_path / "packer.log"))
        stack.enter_context(running(["node", "shipper.mjs"], theirs, home, tmp_path / "shipper.log"))
        client = stack.enter_context(Podium(settings))
        yield client


def test_an_event_starts_an_order_that_celery_python_and_node_do_together(podium: Podium) -> None:
    podium.register(ORDER)
    podium.put_event_handler(HANDLER)
    settings = podium.engine.settings
    message = {"order_id": "42", "goods": 120, "postage": 5}
    broker = settings.resolved_event_redis_url
    assert broker is not None
    stream = redis.Redis(unix_socket_path=broker.partition("://")[2].partition("?")[0])
    stream.xadd("orders", {"payload": json.dumps(message), "message_id": "m-42"})
    stream.xadd("orders", {"payload": json.dumps(message), "message_id": "m-42"})
    stream.close()

    with httpx.Client(base_url=f"http://127.0.0.1:{settings.api_port}/api", timeout=30) as rest:

        def ended() -> Any:
            found = rest.get(
                "/workflow/mixed_order/correlated/42", params={"includeClosed": True, "includeTasks": True}
            )
            return [one for one in found.raise_for_status().json() if one["status"] != "RUNNING"]

        (order,) = wait_for("the order has ended", ended, 90)

    assert (order["status"], order["output"]) == ("COMPLETED", {"parcel": "P-42", "tracking": "T-P-42"})
    workers = {task["referenceTaskName"]: task["workerId"] for task in order["tasks"]}
    assert workers["total"].startswith("podium@")
    assert order["tasks"][1]["outputData"] == {"parcel": "P-42", "insured": True}
