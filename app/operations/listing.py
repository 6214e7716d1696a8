"""Lists of executions for people: any filters, bounded work, and how many there are in each status."""

from __future__ import annotations

from dataclasses import dataclass

from app.runtime.engine import Engine
from app.store import pages
from app.store.ids import first_id, time_of
from app.store.pages import ListedRow
from app.store.unit_of_work import Session

COUNTED, SCANNED = pages.COUNTED, pages.SCAN
_SHORT_ID = 8


@dataclass(frozen=True, slots=True)
class Filters:
    """What executions are to be found; None: any. Times are milliseconds since the epoch (UTC)."""

    status: str | None = None
    name: str | None = None
    version: int | None = None
    correlation_id: str | None = None
    parent_id: str | None = None
    text: str | None = None
    """Part of an id, a name, a correlation id or a reason."""
    created_from: int | None = None
    created_to: int | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of executions, newest first."""

    rows: tuple[ListedRow, ...]
    before: str | None
    """Given as `before`, the next page begins after this id; None: there is none."""
    looked_back_to: int | None
    """Where the page is not full because it looked far enough: how far, in ms since the epoch."""


def list_page(
    engine: Engine, filters: Filters, *, before: str | None = None, after: str | None = None, limit: int = 50
) -> Listing:
    """A page of executions that fit all filters, newest first.

    before: the id after which the page begins; after: the id before which it ends. Neither: the newest.
    """
    asked = _asked(filters) | {"before": before, "after": after}

    def work(session: Session) -> Listing:
        page = pages.page(session, limit, asked)
        rows = page.rows
        if before is None and after is None and filters.text and len(filters.text) >= _SHORT_ID:
            # An id that was pasted is found however old it is.
            known = {row.id for row in rows}
            found = pages.by_id_prefix(session, filters.text.strip().lower(), limit)
            rows = [row for row in found if row.id not in known and _fits(row, filters)] + rows
        if page.looked_back_to is not None:
            return Listing(tuple(rows), page.looked_back_to, time_of(page.looked_back_to))
        more = len(page.rows) == limit or after is not None
        return Listing(tuple(rows), page.rows[-1].id if more and page.rows else None, None)

    return engine.store.read(work)


def count_by_status(engine: Engine, filters: Filters) -> tuple[dict[str, int], bool]:
    """How many executions have which status, and whether that is of the newest `SCANNED` only.

    Without other filters each status is counted up to `COUNTED` + 1.
    """
    asked = {name: value for name, value in _asked(filters).items() if name != "status" and value is not None}
    if not asked:
        return engine.store.read(pages.capped_counts), False
    return engine.store.read(lambda s: pages.tallies(s, asked)), True


def _asked(filters: Filters) -> dict[str, str | int | None]:
    return {
        "status": filters.status,
        "name": filters.name,
        "version": filters.version,
        "correlation_id": filters.correlation_id,
        "parent_id": filters.parent_id,
        "text": filters.text,
        "oldest": None if filters.created_from is None else first_id(filters.created_from),
        "newest": None if filters.created_to is None else first_id(filters.created_to),
    }


def _fits(row: ListedRow, filters: Filters) -> bool:
    return all(
        wanted is None or wanted == found
        for wanted, found in (
            (filters.status, row.status),
            (filters.name, row.name),
            (filters.version, row.version),
            (filters.correlation_id, row.correlation_id),
            (filters.parent_id, row.parent_id),
        )
    )
