"""Pages of executions: filters together, never more looked at than a page may cost."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.store import executions, pages
from app.store.unit_of_work import Store
from tests.store.rows import _WORKFLOW


def _id(number: int) -> str:
    return f"01a207c2-{number:04x}-7000-8000-000000000000"


@pytest.fixture
def filled(store: Store) -> Store:
    """120 executions: every third failed, of two definitions, half of them with a correlation id."""
    for number in range(120):
        failed = number % 3 == 0
        row = _WORKFLOW._replace(
            id=_id(number),
            name="order" if number % 2 else "parcel",
            version=1 + number % 4,
            status="FAILED" if failed else "COMPLETED",
            correlation_id=f"c{number}" if number % 2 else None,
            reason=f"100% of Stock {number} is gone" if failed else None,
        )
        store.transact(lambda s, row=row: executions.insert_workflow(s, row))  # type: ignore[misc]
    return store


def _numbers(page: pages.Page) -> list[int]:
    return [int(row.id[9:13], 16) for row in page.rows]


def _page(store: Store, limit: int = 5, **filters: str | int | None) -> pages.Page:
    return store.read(lambda s: pages.page(s, limit, filters))


def test_pages_are_the_newest_first_and_go_on_before_the_last(filled: Store) -> None:
    first = _page(filled)
    second = _page(filled, before=first.rows[-1].id)

    assert _numbers(first) == [119, 118, 117, 116, 115]
    assert _numbers(second) == [114, 113, 112, 111, 110]


def test_the_page_before_an_execution_is_newest_first_too(filled: Store) -> None:
    assert _numbers(_page(filled, after=_id(114))) == [119, 118, 117, 116, 115]
    assert _numbers(_page(filled, limit=2, after=_id(114))) == [116, 115]


def test_filters_hold_together(filled: Store) -> None:
    assert _numbers(_page(filled, name="order", status="FAILED")) == [117, 111, 105, 99, 93]
    assert _numbers(_page(filled, name="order", status="COMPLETED", version=2)) == [113, 109, 101, 97, 89]
    assert _numbers(_page(filled, correlation_id="c117", status="FAILED")) == [117]
    assert _numbers(_page(filled, correlation_id="c117", status="COMPLETED")) == []


def test_text_is_found_in_reasons_names_and_ids_whatever_its_case(filled: Store) -> None:
    assert _numbers(_page(filled, text="stock 117")) == [117]
    assert _numbers(_page(filled, text="PARCEL")) == [118, 116, 114, 112, 110]
    assert _numbers(_page(filled, text="0077-7000")) == [119]


def test_signs_of_patterns_are_text(filled: Store) -> None:
    assert _numbers(_page(filled, limit=1, text="100%")) == [117]
    assert _numbers(_page(filled, text="%")) == [117, 114, 111, 108, 105]
    assert _numbers(_page(filled, text="or_er")) == []


def test_a_page_that_looked_far_enough_says_how_far(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "SCAN", 30)

    first = _page(filled, text="c95")
    second = _page(filled, text="c89", before=first.looked_back_to)

    assert _numbers(first) == [95]
    assert first.looked_back_to == _id(90)
    assert _numbers(second) == [89]


def test_a_page_that_has_seen_all_has_nothing_more(filled: Store) -> None:
    assert _page(filled, text="no such thing").looked_back_to is None


def test_an_unknown_status_finds_nothing(filled: Store) -> None:
    assert _page(filled, status="'; DROP TABLE workflow; --").rows == []


def test_counts_are_by_status_and_capped(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "COUNTED", 50)

    counts = filled.read(pages.capped_counts)

    assert counts["FAILED"] == 40
    assert counts["COMPLETED"] == 51
    assert counts["RUNNING"] == 0


def test_counts_of_filters_look_at_all_statuses(filled: Store) -> None:
    tallies = filled.read(lambda s: pages.tallies(s, {"name": "order", "status": "FAILED"}))

    assert tallies == {"FAILED": 20, "COMPLETED": 40}


def test_an_id_is_found_by_its_beginning(filled: Store) -> None:
    rows = filled.read(lambda s: pages.by_id_prefix(s, _id(7)[:13], 10))

    assert [row.id for row in rows] == [_id(7)]


def test_no_page_reads_the_whole_table(filled: Store) -> None:
    asked: list[dict[str, str | int | None]] = [
        {"status": "FAILED"},
        {"name": "order"},
        {"correlation_id": "c1"},
        {"parent_id": "p"},
    ]
    for filters in asked:
        filled.read(lambda s, filters=filters: pages.page(s, 5, filters))  # type: ignore[misc]
    with filled.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            for found, _reach in pages._statements.values():
                compiled = found.clause.compile(dialect=connection.dialect)
                plan = connection.execute(
                    text(f"EXPLAIN QUERY PLAN {compiled}".replace("?", "NULL"))
                ).fetchall()
                assert not [line for line in plan if line[3] == "SCAN workflow"], (found.name, plan)
