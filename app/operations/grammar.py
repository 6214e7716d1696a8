"""Conductor's language of searches: `status = 'RUNNING' AND (workflowType IN (a,b) OR startTime > 1700000000000)`.

A query becomes alternatives, each a list of conditions that hold together: what is in the same alternative is answered
by the same index.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from itertools import product
from typing import Any, cast

from app.errors import InvalidInput
from app.store.find import Condition, Operator

MOST_CONDITIONS = 20
MOST_ALTERNATIVES = 20
NUMBERS = frozenset({"version", "priority", "created", "updated", "ended", "scheduled", "started"})
_TOKEN = re.compile(
    r"""\s*(?: (?P<quoted>'[^']*'|"[^"]*") | (?P<mark><=|>=|!=|[=<>:(),]) | (?P<word>[^\s()=<>!:,'"]+) )""",
    re.VERBOSE,
)
_VALUE = re.compile(r"""\s*('[^']*'|"[^"]*"|[^\s()]+)""")
_ITEM = re.compile(r"""\s*('[^']*'|"[^"]*"|[^,()'"]+)\s*([,)])""")
_WORDS = ("IN", "BETWEEN", "IS", "STARTS_WITH")

Alternatives = list[list[Condition]]


def parse(
    query: str,
    fields: Mapping[str, str],
    *,
    spread: Collection[str] = (),
    statuses: frozenset[str] = frozenset(),
) -> Alternatives:
    """The alternatives of a query; of an empty one: one without conditions.

    fields: what can be asked for, and its column.
    spread: columns of which an index serves one value at a time: a list of values becomes alternatives.
    statuses: all that there are: `status != COMPLETED` is a list of the others.

    Raises:
        InvalidInput: it can't be read, names a field that there is not, or has too many conditions.
    """
    if query.strip() in ("", "*"):
        return [[]]
    return _spread(_Parser(query, fields, statuses).parse(), spread)


class _Parser:
    def __init__(self, query: str, fields: Mapping[str, str], statuses: frozenset[str]) -> None:
        self._query, self._fields, self._statuses = query, fields, statuses
        self._at = 0
        self._conditions = 0

    def parse(self) -> Alternatives:
        found = self._either()
        if (rest := self._rest()) != "":
            raise InvalidInput(f"query: AND or OR is expected before {rest!r}")
        return found

    def _either(self) -> Alternatives:
        found = self._all()
        while self._take("OR"):
            found = found + self._all()
            self._few(found)
        return found

    def _all(self) -> Alternatives:
        found = self._one()
        while self._take("AND"):
            found = [left + right for left, right in product(found, self._one())]
            self._few(found)
        return found

    def _one(self) -> Alternatives:
        if self._take("("):
            found = self._either()
            if not self._take(")"):
                raise InvalidInput(f"query: ')' is expected before {self._rest()!r}")
            return found
        self._conditions += 1
        if self._conditions > MOST_CONDITIONS:
            raise InvalidInput(f"query: at most {MOST_CONDITIONS} conditions")
        return [self._condition()]

    def _few(self, found: Alternatives) -> None:
        if len(found) > MOST_ALTERNATIVES:
            raise InvalidInput(f"query: its ORs make more than {MOST_ALTERNATIVES} alternatives")

    def _condition(self) -> list[Condition]:
        begin = self._at
        field, operator = self._next(), self._next().upper()
        if operator not in ("=", ":", "!=", "<", "<=", ">", ">=", *_WORDS):
            self._at = begin
            raise InvalidInput(
                f"query: {self._rest()!r} is no condition; write field = value, !=, <, >, or field IN (a,b)"
            )
        column = self._fields.get(field)
        if column is None:
            raise InvalidInput(f"query: there is no field {field!r}; there are {', '.join(self._fields)}")
        if operator == "IN":
            return [self._in(field, column)]
        if operator == "IS":
            negated = self._take("NOT")
            if not self._take("NULL"):
                raise InvalidInput(f"query: NULL or NOT NULL is expected before {self._rest()!r}")
            return [Condition(column, "not null" if negated else "null", None)]
        if operator == "BETWEEN":
            lowest = self._value(field, column)
            if not self._take("AND"):
                raise InvalidInput(f"query: AND is expected before {self._rest()!r}")
            return [
                Condition(column, ">=", lowest),
                Condition(column, "<=", self._value(field, column)),
            ]
        value = self._value(field, column)
        if operator == "STARTS_WITH":
            return [Condition(column, "like", f"{value}*")]
        return [self._compared(column, "=" if operator == ":" else operator, value)]

    def _compared(self, column: str, operator: str, value: Any) -> Condition:
        if column not in NUMBERS and "*" in value and operator == "=":
            return Condition(column, "like", value)
        if column == "status" and operator == "!=" and value in self._statuses:
            return Condition(column, "in", sorted(self._statuses - {value}))
        return Condition(column, cast(Operator, operator), value)

    def _in(self, field: str, column: str) -> Condition:
        if column in NUMBERS:
            raise InvalidInput(f"query: {field} is a number; compare it with =, < or >")
        values: list[str] = []
        end = "," if self._take("(") else ""
        while end == ",":
            matched = _ITEM.match(self._query, self._at)
            end = matched[2] if matched else ""
            if matched:
                values.append(_bare(matched[1]))
                self._at = matched.end()
        if end != ")" or not values:
            raise InvalidInput(f"query: {field} IN is followed by a list, (a,b), and not by {self._rest()!r}")
        return Condition(column, "in", values)

    def _value(self, field: str, column: str) -> Any:
        matched = _VALUE.match(self._query, self._at)
        if matched is None:
            raise InvalidInput(f"query: a value of {field} is expected before {self._rest()!r}")
        self._at = matched.end()
        value = _bare(matched[1])
        if column not in NUMBERS:
            return value
        if not value.isdecimal() or len(value) > 15:
            raise InvalidInput(
                f"query: {field} is a number (times: milliseconds since the epoch), not {value!r}"
            )
        return int(value)

    def _next(self) -> str:
        matched = _TOKEN.match(self._query, self._at)
        if matched is None:
            return ""
        self._at = matched.end()
        return matched[0].strip()

    def _take(self, word: str) -> bool:
        """Whether this comes next; it is passed over then."""
        begin = self._at
        if self._next().upper() == word:
            return True
        self._at = begin
        return False

    def _rest(self) -> str:
        return self._query[self._at :].strip()[:50]


def _spread(found: Alternatives, columns: Collection[str]) -> Alternatives:
    """Lists of values as alternatives, as long as there are not too many."""
    for number, conditions in enumerate(found):
        for condition in conditions:
            if condition.operator != "in" or condition.column not in columns:
                continue
            each = [Condition(condition.column, "=", value) for value in condition.value]
            others = [other for other in conditions if other is not condition]
            spread = [[one, *others] for one in each]
            if len(found) - 1 + len(spread) <= MOST_ALTERNATIVES:
                return _spread([*found[:number], *spread, *found[number + 1 :]], columns)
    return found


def _bare(value: str) -> str:
    return value.strip().strip("'\"")
