"""Conductor's language of searches: what is read, and what is refused with the place."""

from __future__ import annotations

import pytest

from app.errors import InvalidInput
from app.operations.grammar import MOST_ALTERNATIVES, Alternatives, parse
from app.store.find import Condition

FIELDS = {
    "status": "status",
    "workflowType": "name",
    "correlationId": "correlation_id",
    "startTime": "created",
}
STATUSES = frozenset(["RUNNING", "COMPLETED", "FAILED"])


def read(query: str) -> list[list[str]]:
    found = parse(query, FIELDS)
    return [[f"{c.column} {c.operator} {c.value}" for c in conditions] for conditions in found]


def spread(query: str) -> Alternatives:
    return parse(query, FIELDS, spread=("name", "status"), statuses=STATUSES)


@pytest.mark.parametrize("query", ["", " ", "*"])
def test_an_empty_query_is_everything(query: str) -> None:
    assert read(query) == [[]]


def test_and_binds_closer_than_or() -> None:
    assert read("status = a AND workflowType = b OR status = c") == [
        ["status = a", "name = b"],
        ["status = c"],
    ]


def test_parentheses_hold_together_what_is_in_them() -> None:
    query = "workflowType = w AND (status = a OR (status = b AND startTime > 5))"

    assert read(query) == [["name = w", "status = a"], ["name = w", "status = b", "created > 5"]]


def test_words_of_the_language_are_read_in_any_case_and_quoted_values_are_never_words() -> None:
    assert read("status = 'a OR b' or workflowType in ('x, y', z)") == [
        ["status = a OR b"],
        ["name in ['x, y', 'z']"],
    ]


@pytest.mark.parametrize(
    ("query", "conditions"),
    [
        ("status:RUNNING", ["status = RUNNING"]),
        ("status != a", ["status != a"]),
        ("startTime BETWEEN 1 AND 2 AND status = a", ["created >= 1", "created <= 2", "status = a"]),
        ("correlationId IS NULL", ["correlation_id null None"]),
        ("correlationId IS NOT NULL", ["correlation_id not null None"]),
        ("workflowType STARTS_WITH ord", ["name like ord*"]),
        ("workflowType = 'ord*'", ["name like ord*"]),
        ("startTime>=1 AND startTime<2", ["created >= 1", "created < 2"]),
        ("correlationId = a:b,c", ["correlation_id = a:b,c"]),
    ],
)
def test_each_operator_of_conductor_is_read(query: str, conditions: list[str]) -> None:
    assert read(query) == [conditions]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("status ~ x", "'status ~ x'"),
        ("colour = red", "'colour'"),
        ("startTime > now", "'now'"),
        ("startTime IN (1,2)", "startTime is a number"),
        ("status = a status = b", "AND or OR is expected before 'status = b'"),
        ("(status = a", r"'\)' is expected before ''"),
        ("status = a)", r"AND or OR is expected before '\)'"),
        ("status IN a", "'a'"),
        ("status IN ()", r"'\)'"),
        ("status =", "a value of status is expected before ''"),
        ("correlationId IS b", "NULL or NOT NULL is expected before 'b'"),
        ("startTime BETWEEN 1 OR 2", "AND is expected before 'OR 2'"),
        (" AND ".join(["status = a"] * 21), "at most 20 conditions"),
        (" AND ".join(["(status = a OR status = b)"] * 5), "more than 20 alternatives"),
    ],
)
def test_what_can_not_be_read_is_refused_with_the_place(query: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        parse(query, FIELDS)


def test_a_list_of_values_becomes_alternatives_which_an_index_serves() -> None:
    found = spread("status IN (a,b) AND workflowType = w")

    assert found == [[Condition("status", "=", value), Condition("name", "=", "w")] for value in ("a", "b")]
    assert len(spread(f"status IN ({','.join('abcdefghijklmnopqrstuvwxyz')})")) == 1 <= MOST_ALTERNATIVES


def test_not_to_have_a_status_is_to_have_one_of_the_others() -> None:
    assert spread("status != COMPLETED") == [
        [Condition("status", "=", "FAILED")],
        [Condition("status", "=", "RUNNING")],
    ]
