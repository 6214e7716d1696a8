"""The Definitions pages: workflows with versions, diagram and figures; task definitions, event handlers, schedules."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import tornado.web

from app.flower.handler import Json, Page
from app.operations import definitions, events, figures, outline, schedules
from app.operations.schedule_documents import schedule_document
from app.runtime.engine import Engine


class DefinitionsPage(Page):
    """`/workflows/definitions`."""

    template = "podium_definitions.html"
    title = "Definitions"


class DefinitionPage(Page):
    """`/workflows/definition/<name>`."""

    template = "podium_definition.html"
    title = "Definition"


class DefinitionList(Json):
    """All definitions, each with its last day; task definitions, event handlers, schedules."""

    async def get(self) -> None:
        """`workflows`, `tasks`, `handlers`, `schedules`."""
        await self.answer(_registry)


class DefinitionDetails(Json):
    """One version of a definition."""

    async def get(self) -> None:
        """`name`, and `version` (the latest, if not given)."""
        name, version = self.raw("name"), self.number("version")
        if name is None:
            raise tornado.web.HTTPError(400, "name is missing")
        known = name

        def work(engine: Engine) -> dict[str, Any]:
            found = definitions.get_definition(engine, known, version)
            versions = [
                one["version"] for one in definitions.list_definitions(engine) if one["name"] == known
            ]
            graph = outline.get_registered_graph(engine, known, found.version)
            return {"definition": found, "versions": versions, "graph": graph, "now": engine.clock()}

        await self.answer(work)


class DefinitionFigures(Json):
    """How executions of a definition went in the last day."""

    async def get(self) -> None:
        """`name`."""
        name = self.raw("name") or ""
        await self.answer(lambda engine: figures.day_figures(engine, name))


def _registry(engine: Engine) -> dict[str, Any]:
    versions = defaultdict[str, list[dict[str, Any]]](list)
    for one in definitions.list_definitions(engine):
        versions[one["name"]].append(one)
    now = engine.clock()
    glances = engine.store.read(lambda s: {name: figures.glance(s, name, now) for name in versions})
    return {
        "now": now,
        "workflows": [
            {**found[-1], "versions": [one["version"] for one in found], "day": glances[name]}
            for name, found in versions.items()
        ],
        "tasks": definitions.list_task_definitions(engine),
        "handlers": events.list_handlers(engine),
        "schedules": [schedule_document(row) for row in schedules.list_schedules(engine)],
    }
