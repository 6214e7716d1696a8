"""What tests say to the API."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from app.bootstrap import Process
from app.runtime.recovery import Sweeper

Json = Any


class Api(httpx.Client):
    """A client of one API process, beside which a sweeper can be run."""

    def __init__(self, url: str, process: Process) -> None:
        super().__init__(base_url=f"{url}/api", timeout=30)
        self.process = process
        self.sweeper = Sweeper(process.engine)

    def register(self, *definitions: Json) -> None:
        """Register workflow definitions."""
        self.put("/metadata/workflow", json=list(definitions)).raise_for_status()

    def start(self, name: str, given: Json | None = None, **more: Json) -> str:
        """Start an execution; its id."""
        answer = self.post("/workflow", json={"name": name, "input": given or {}, **more})
        answer.raise_for_status()
        return answer.text

    def execution(self, execution_id: str) -> Json:
        """An execution."""
        return self.get(f"/workflow/{execution_id}").raise_for_status().json()

    def tasks(self, execution_id: str) -> dict[str, str]:
        """The status of each task by reference, the latest attempt."""
        return {t["referenceTaskName"]: t["status"] for t in self.execution(execution_id)["tasks"]}

    def poll(self, name: str, **params: Json) -> Json:
        """A task, or None."""
        answer = self.get(f"/tasks/poll/{name}", params=params).raise_for_status()
        return answer.json() if answer.status_code == 200 else None

    def batch(self, name: str, **params: Json) -> list[Json]:
        """Tasks."""
        found: list[Json] = self.get(f"/tasks/poll/batch/{name}", params=params).raise_for_status().json()
        return found

    def update(self, task: Json, status: str = "COMPLETED", **more: Json) -> httpx.Response:
        """Answer for a task."""
        body = {"taskId": task["taskId"], "workflowInstanceId": task["workflowInstanceId"], "status": status}
        return self.post("/tasks", json=body | more)

    def until(self, what: Callable[[], Json], seconds: float = 10.0) -> Json:
        """What `what` answers as soon as that is something; the sweeper runs meanwhile."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.sweeper.tick()
            if found := what():
                return found
            time.sleep(0.01)
        raise AssertionError("it did not happen in time")


def simple(name: str, ref: str | None = None, **more: Json) -> Json:
    """A task for an outside worker."""
    return {"name": name, "taskReferenceName": ref or name, "type": "SIMPLE", **more}


def workflow(name: str, *tasks: Json, **more: Json) -> Json:
    """A workflow definition."""
    return {"name": name, "version": 1, "tasks": list(tasks), **more}
