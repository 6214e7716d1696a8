"""Where secrets stand in a task's input, how their values get there at the moment of use, and how they are hidden again.

The recorded input keeps the text `${workflow.secrets.NAME}`. Only where a definition itself has put a secret is one
put in its place, and only one that it names there: text that comes from data is never taken for a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Any

NAME = re.compile(r"\$\{\s*(?:\$\.)?workflow\.secrets\.([A-Za-z0-9_-]+)\s*\}")
HIDDEN = "***"
_SHORTEST = 4
"""Shorter values are not looked for in what comes back: they would be found in every number."""


@dataclass(frozen=True, slots=True)
class Place:
    """A text of the input that names secrets."""

    at: tuple[str | int, ...]
    """Keys and positions from the input down to it."""
    names: frozenset[str]


def places(value: Json, at: tuple[str | int, ...] = ()) -> Iterator[Place]:
    """All places of a value, as it stands in a definition, that name secrets."""
    if isinstance(value, str):
        names = frozenset(NAME.findall(value))
        if names:
            yield Place(at, names)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from places(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*at, index))


def revealed(given: Json, where: Sequence[Place], value_of: Callable[[str], str]) -> Json:
    """A copy of a recorded input with the values of its secrets; `given` stays as it is."""
    for place in where:
        given = _replaced(given, place.at, place.names, value_of)
    return given


def _replaced(
    value: Json, at: tuple[str | int, ...], names: frozenset[str], value_of: Callable[[str], str]
) -> Json:
    if not at:
        if not isinstance(value, str):
            return value
        return NAME.sub(lambda m: value_of(m[1]) if m[1] in names else m[0], value)
    key, rest = at[0], at[1:]
    if isinstance(value, dict) and key in value:
        return {**value, key: _replaced(value[key], rest, names, value_of)}
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return [_replaced(item, rest, names, value_of) if n == key else item for n, item in enumerate(value)]
    return value


def hider(values: Sequence[str]) -> Callable[[Json], Json]:
    """A function that gives a JSON value back with `***` for each of these values in its texts."""
    wanted = sorted({value for value in values if len(value) >= _SHORTEST}, key=len, reverse=True)
    if not wanted:
        return lambda value: value
    pattern = re.compile("|".join(map(re.escape, wanted)))

    def hide(value: Json) -> Json:
        if isinstance(value, str):
            return pattern.sub(HIDDEN, value)
        if isinstance(value, dict):
            return {hide(key): hide(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [hide(item) for item in value]
        return value

    return hide
