"""The Executions page: a table with filters that live in the address, and counts by status."""

from __future__ import annotations

from typing import Any

import tornado.web

from app.flower.handler import Json, Page
from app.operations import definitions, listing
from app.operations.listing import Filters
from app.runtime.engine import Engine

LIMITS = (25, 50, 100, 200)


class ExecutionsPage(Page):
    """`/workflows`."""

    template = "podium_executions.html"
    title = "Executions"


class _Filtered(Json):
    def filters(self) -> Filters:
        """The filters of the address."""
        return Filters(
            status=self.raw("status"),
            name=self.raw("name"),
            version=self.number("version"),
            correlation_id=self.raw("correlation"),
            parent_id=self.raw("parent"),
            text=self.raw("text"),
            created_from=self.number("from"),
            created_to=self.number("to"),
        )


class ExecutionRows(_Filtered):
    """One page of executions."""

    async def get(self) -> None:
        """`limit`, `before` and `after` choose the page."""
        limit = self.number("limit") or LIMITS[1]
        if limit not in LIMITS:
            raise tornado.web.HTTPError(400, f"limit must be one of {', '.join(map(str, LIMITS))}")
        filters, before, after = self.filters(), self.raw("before"), self.raw("after")
        await self.answer(
            lambda engine: {
                "now": engine.clock(),
                "page": listing.list_page(engine, filters, before=before, after=after, limit=limit),
            }
        )


class ExecutionCounts(_Filtered):
    """How many executions there are in each status."""

    async def get(self) -> None:
        """`counts`, `capped` (each is counted up to here), `newest` (only that many were looked at, or null)."""
        filters = self.filters()

        def work(engine: Engine) -> dict[str, Any]:
            counts, part = listing.count_by_status(engine, filters)
            return {
                "counts": counts,
                "capped": listing.COUNTED,
                "newest": listing.SCANNED if part else None,
                "names": definitions.list_names(engine),
            }

        await self.answer(work)
