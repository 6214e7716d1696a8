"""The page of one execution: its diagram and timeline, live, and everything of each task."""

from __future__ import annotations

from typing import Any

import tornado.web

from app.flower.actions import offered
from app.flower.handler import Json, Page, to_json
from app.operations import outline, query
from app.operations.diff import diff
from app.operations.history import history
from app.runtime.engine import Engine

HISTORY = 200
"""Transitions that are asked for at a time."""


class ExecutionPage(Page):
    """`/workflows/execution/<id>`."""

    template = "podium_execution.html"
    title = "Execution"


class ExecutionState(Json):
    """The state of an execution, without payloads; what a page asks again and again."""

    async def get(self, execution_id: str) -> None:
        """`since`: only tasks that changed since an earlier look."""
        since, user, closed = self.number("since"), self.user_name, self.why_not()

        def work(engine: Engine) -> dict[str, Any]:
            found = outline.get_outline(engine, execution_id, since)
            verbs = [] if closed else offered(engine, user, execution_id)
            return {"execution": found, "verbs": verbs}

        await self.answer(work)


class ProgramGraph(Json):
    """The graph of a program, which never changes."""

    async def get(self, program_id: str) -> None:
        """Nodes and edges; 404 where the program is not stored."""
        found = await self.run(lambda engine: to_json(outline.get_graph(engine, program_id)))
        if found == b"null":
            raise tornado.web.HTTPError(404, "no such program")
        self.set_header("Cache-Control", "private, max-age=86400, immutable")
        self.send(found)


class ExecutionPayload(Json):
    """Input, output and variables of an execution."""

    async def get(self, execution_id: str) -> None:
        """All three, as they are now."""

        def work(engine: Engine) -> dict[str, Any]:
            found = query.get_execution(engine, execution_id)
            return {"input": found.input, "output": found.output, "variables": found.variables}

        await self.answer(work)


class TaskDetails(Json):
    """One attempt of a task."""

    async def get(self, execution_id: str, task_id: str) -> None:
        """With `inFlower`: whether Flower's own page of it exists, and `celeryId`: under which id."""
        found = await self.run(lambda engine: outline.get_task(engine, execution_id, task_id))
        known = self.application.events.state.tasks
        celery_id = next((one for one in (task_id, found.message_id) if one and one in known), None)
        self.send(await self.run(lambda _engine: to_json({"detail": found, "celeryId": celery_id})))


class ExecutionHistory(Json):
    """Every transition of an execution and its tasks, with who made it."""

    async def get(self, execution_id: str) -> None:
        """`after`: the number of the last one of the page before."""
        after = self.number("after") or 0
        await self.answer(lambda engine: history(engine, execution_id, after=after, limit=HISTORY))


class ExecutionDifference(Json):
    """What another execution did otherwise."""

    async def get(self, execution_id: str) -> None:
        """`with`: the id of the other one.

        Raises:
            HTTPError: 400, it is not given.
        """
        other = self.raw("with")
        if other is None:
            raise tornado.web.HTTPError(400, "name the other execution: with=<id>")

        def work(engine: Engine) -> dict[str, Any]:
            found = diff(engine, execution_id, other.strip())
            return {
                "changes": found.changes,
                "tasks": [
                    {
                        "ref": task.ref,
                        "before": task.before and task.before.status,
                        "after": task.after and task.after.status,
                        "changes": task.changes,
                    }
                    for task in found.tasks
                ],
            }

        await self.answer(work)


class ExecutionDownload(Json):
    """Everything of an execution in one file."""

    async def get(self, execution_id: str) -> None:
        """The execution, its tasks with their payload, and its definition."""

        def work(engine: Engine) -> bytes:
            return to_json(
                {
                    "execution": query.get_execution(engine, execution_id),
                    "tasks": query.get_tasks(engine, execution_id),
                }
            )

        body = await self.run(work)
        self.set_header("Content-Disposition", f'attachment; filename="execution-{_safe(execution_id)}.json"')
        self.send(body)


def _safe(text: str) -> str:
    return "".join(character for character in text if character.isalnum() or character == "-")
