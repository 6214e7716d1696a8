"""Where the section's pages are. Everything is below `/workflows`, where browsers send their credentials on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tornado.web import StaticFileHandler, url

from app.flower import actions, definitions, execution, executions, queues

STATIC = Path(__file__).parent / "static"


class Files(StaticFileHandler):
    """Scripts and styles of the section; a browser asks each time whether its own are the latest."""

    def set_extra_headers(self, path: str) -> None:
        """Modules import each other by name, so no version can be in their addresses."""
        self.set_header("Cache-Control", "no-cache")
        self.set_header("X-Content-Type-Options", "nosniff")


def _route(pattern: str, handler: Any, name: str, **kwargs: Any) -> Any:
    # Of plain tuples Flower drops the arguments when it has a url prefix.
    return url(f"/workflows{pattern}", handler, kwargs or None, name=f"podium-{name}")


HANDLERS = [
    _route(r"", executions.ExecutionsPage, "executions"),
    _route(r"/data/executions", executions.ExecutionRows, "execution-rows"),
    _route(r"/data/counts", executions.ExecutionCounts, "execution-counts"),
    _route(r"/execution/([^/]+)", execution.ExecutionPage, "execution"),
    _route(r"/data/execution/([^/]+)", execution.ExecutionState, "execution-state"),
    _route(r"/data/execution/([^/]+)/payload", execution.ExecutionPayload, "execution-payload"),
    _route(r"/data/execution/([^/]+)/history", execution.ExecutionHistory, "execution-history"),
    _route(r"/data/execution/([^/]+)/difference", execution.ExecutionDifference, "execution-difference"),
    _route(r"/data/execution/([^/]+)/download", execution.ExecutionDownload, "execution-download"),
    _route(r"/data/execution/([^/]+)/task/([^/]+)", execution.TaskDetails, "task-details"),
    _route(r"/data/graph/([^/]+)", execution.ProgramGraph, "program-graph"),
    _route(r"/definitions", definitions.DefinitionsPage, "definitions"),
    _route(r"/definition/([^/]+)", definitions.DefinitionPage, "definition"),
    _route(r"/data/definitions", definitions.DefinitionList, "definition-list"),
    _route(r"/data/definition", definitions.DefinitionDetails, "definition-details"),
    _route(r"/data/figures", definitions.DefinitionFigures, "definition-figures"),
    _route(r"/queues", queues.QueuesPage, "queues"),
    _route(r"/data/queues", queues.QueuesData, "queues-data"),
    _route(r"/actions/execution/([^/]+)/([a-z-]+)", actions.ActOnExecution, "act"),
    _route(r"/actions/bulk/([a-z-]+)", actions.ActOnMany, "bulk"),
    _route(r"/actions/start", actions.StartExecution, "start"),
    _route(r"/static/(.*)", Files, "static", path=str(STATIC)),
]
