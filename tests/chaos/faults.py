"""What happens to the nodes of a cluster."""

from __future__ import annotations

from typing import Any

from pytest_celery import CeleryTestNode, CeleryTestWorker

from tests.e2e.platforms import Platform

_FORGET = 'rm -rf "${RABBITMQ_MNESIA_BASE:-/var/lib/rabbitmq/mnesia}"'


def pids(worker: CeleryTestWorker) -> list[int]:
    """The worker's processes; the main one is first."""
    found: list[dict[str, Any]] = worker.get_running_processes_info(["pid", "cmdline", "create_time"])
    own = [row for row in found if "worker" in (row["cmdline"] or ())]
    return [row["pid"] for row in sorted(own, key=lambda row: row["create_time"])]


def send(worker: CeleryTestWorker, signal: str, *to: int) -> None:
    """Send a signal to processes of a worker."""
    code, output = worker.container.exec_run(["kill", f"-{signal}", *map(str, to)])
    assert code == 0, output


def kill_and_restart(node: CeleryTestNode) -> None:
    """SIGKILL with all its children, and a new start."""
    node.kill()
    node.restart()


def lose(broker: CeleryTestNode, platform: Platform) -> None:
    """SIGKILL a broker and start it again with nothing in it."""
    if platform.broker == "rabbitmq":
        broker.container.exec_run(["sh", "-c", _FORGET])
    kill_and_restart(broker)
