"""Searches look at so many rows and no more, and tell how far that was; on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from app.store import find
from app.store.find import Condition, Found
from app.store.unit_of_work import Store
from tests.store.rows import NOW, add, task_row, workflow_row
from tests.store.test_plans import _plan, filled

__all__ = ["filled"]

STATUS_FAILED = Condition("status", "=", "FAILED")


def insert(store: Store, count: int, **fields: Any) -> list[str]:
    """Executions, one each second; their ids, the newest first."""
    ids = []
    for number in range(count):
        made = NOW + number * 1000
        digits = f"{made:012x}"
        ids.append(f"{digits[:8]}-{digits[8:]}-7000-8000-{number:012x}")
        given = {"correlation_id": f"c{number}", "input": f'{{"n":"n{number}n"}}', **fields}
        add(store, workflow_row(id=ids[-1], created=made, updated=made, **given))
    return ids[::-1]


def found(store: Store, *alternatives: list[Condition], start: int = 0, size: int = 10) -> Found:
    return store.read(
        lambda s: find.find_executions(s, alternatives, oldest_first=False, start=start, size=size)
    )


def ids_of(page: Found) -> list[str]:
    return [row.id for row in page.rows]


def contains(word: str) -> Condition:
    return Condition("", "contains", word)


@pytest.fixture
def scan(monkeypatch: pytest.MonkeyPatch) -> int:
    """As many candidates are looked at."""
    monkeypatch.setattr(find, "SCAN", 6)
    monkeypatch.setattr(find, "_shapes", {})
    return 6


def test_a_text_is_found_in_input_output_and_reason_in_any_case(store: Store) -> None:
    *_, oldest = insert(store, 3)
    add(store, workflow_row(id="x", output='{"who":"Ada Lovelace"}', reason="no stock"))

    assert ids_of(found(store, [contains("N0N")])) == [oldest]
    assert ids_of(found(store, [contains("lovelace")])) == ["x"]
    assert ids_of(found(store, [contains("No Stock")])) == ["x"]
    assert ids_of(found(store, [contains("ada*lace")])) == ["x"]
    assert ids_of(found(store, [contains("100%")])) == []


def test_a_text_is_found_as_it_was_written_though_json_escapes_it(store: Store) -> None:
    add(store, workflow_row(id="x", input='{"said":"\\"no\\" is C:\\\\tmp"}'))

    assert ids_of(found(store, [contains('"no" is')])) == ["x"]
    assert ids_of(found(store, [contains("C:\\tmp")])) == ["x"]
    assert ids_of(found(store, [contains('{"said"')])) == ["x"]


def test_what_is_masked_is_not_found_by_its_text(store: Store) -> None:
    with store.engine.connect() as connection:
        content = '{"workflow":{"maskedFields":["card"]}}'
        connection.execute(text("INSERT INTO program VALUES ('m', :content, 0)"), {"content": content})
    add(store, workflow_row(id="x", name="payment", program_id="m", input='{"card":"4111"}'))
    add(store, task_row(id="t", workflow_id="x", input='{"card":"4111"}', reason="no answer"))
    add(store, workflow_row(id="y"), task_row(id="u", workflow_id="y", input='{"parcel":"8222"}'))

    assert ids_of(found(store, [contains("4111")])) == []
    assert ids_of(found(store, [contains("payment")])) == ["x"]

    def of_tasks(word: str) -> list[str]:
        alternatives = [[contains(word)]]
        page = store.read(lambda s: find.find_tasks(s, alternatives, oldest_first=False, start=0, size=10))
        return ids_of(page)

    assert of_tasks("4111") == []
    assert of_tasks("no answer") == ["t"]
    assert of_tasks("8222") == ["u"]


def test_a_search_says_how_far_it_has_looked_when_there_is_more(store: Store, scan: int) -> None:
    ids = insert(store, scan + 4)

    page = found(store, [contains("n0n")])

    assert (ids_of(page), page.total, page.looked_to) == ([], 0, ids[scan - 1])


def test_a_time_before_which_it_was_started_moves_what_is_looked_at(store: Store, scan: int) -> None:
    ids = insert(store, 2 * scan)
    minute = 60_000
    add(
        store, *(workflow_row(id=f"{0x7FFFFFFF:08x}-{n:04x}", created=NOW + 10 * minute) for n in range(scan))
    )

    page = found(store, [Condition("created", "<", NOW + minute), contains(f"n{scan}n")])

    assert ids_of(page) == [ids[scan - 1]]


def test_nothing_is_said_where_an_index_answers_or_all_was_looked_at(store: Store, scan: int) -> None:
    insert(store, scan - 1, status="FAILED")
    add(store, *(workflow_row(id=f"z{number}") for number in range(scan)))

    assert found(store, [STATUS_FAILED]).looked_to is None
    assert found(store, [STATUS_FAILED, contains("nowhere")]).looked_to is None
    assert found(store, [contains("nowhere")]).looked_to is not None


def test_alternatives_are_one_list_without_repetitions(store: Store) -> None:
    ids = insert(store, 4, status="FAILED")
    both = [STATUS_FAILED], [Condition("correlation_id", "=", "c1"), Condition("name", "=", "order")]

    assert ids_of(found(store, *both)) == ids
    assert ids_of(found(store, *both, start=1, size=2)) == ids[1:3]
    assert found(store, *both).total == 4


def test_the_count_is_capped_and_goes_on_with_the_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "COUNTED", 3)
    ids = insert(store, 5)

    first, last = found(store, [], size=2), found(store, [], start=4, size=2)

    assert (ids_of(first), first.total) == (ids[:2], 3)
    assert (ids_of(last), last.total) == (ids[4:], 5)


@pytest.mark.parametrize(
    ("conditions", "index"),
    [
        ([STATUS_FAILED], "workflow_status_id_ix"),
        ([Condition("name", "=", "order 7"), Condition("priority", ">", 3)], "workflow_name_id_ix"),
        ([Condition("correlation_id", "=", "c7"), STATUS_FAILED], "workflow_correlation_id_ix"),
        ([Condition("parent_id", "=", "w100001")], "workflow_parent_id_ix"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_index_finds_the_candidates(filled: Store, conditions: list[Condition], index: str) -> None:
    shape = find._shape(find._EXECUTIONS, [conditions], False)
    with filled.engine.connect() as connection:
        plan = _plan(connection, shape.count)

    assert any(index in line for line in plan), plan
