"""The paths inside `${...}`: `ref.output.items[0].name`, and JSONPath for whatever is not that plain.

A path starts with a root, `workflow` or a task reference, or with `$`, the object that holds all of them.
Plain paths (names and indexes only) are read by a loop over their keys; the library is kept for wildcards,
`..`, slices, lists of names and filters, because a read through it costs many times as much.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError
from jsonpath.filter import BaseExpression, RootFilterQuery
from jsonpath.selectors import Filter, IndexSelector, KeysFilter, NameSelector, SingularQuerySelector

from workflows.errors import ExpressionError

Json = Any
Context = Mapping[str, Json]
Root = tuple[str, str | None]

ANY_ROOT = "*"
"""Stands in `roots` for a root that is only known when the path is read."""

ENV_PREFIXES = ("PODIUM_ENV_", "CONDUCTOR_ENV_")
"""`workflow.env.NAME` reads the first of these environment variables that is set, and no other ones."""

_LIBRARY = JSONPathEnvironment()
_NAME = re.compile(r"[^.\[\]()*'\"]+")
_FUNCTION = re.compile(r"\.\s*(\w+)\(\s*\)$")
_INDEX = re.compile(r"-?\d+")
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled path."""

    read: Callable[[Context], Json]
    """The value, which belongs to the context; None where there is none. Raises ExpressionError when a
    recursive descent (`..`) meets data that is nested deeper than 100."""
    roots: frozenset[Root]
    """What it may read: each root with its first field (`output`), or None for all of them."""
    keys: tuple[str | int, ...] | None
    """The keys of a plain path, the root first; None for any other."""


@lru_cache(maxsize=8192)
def compile_path(text: str) -> Path:
    """Compile the text between `${` and `}`.

    Raises:
        ExpressionError: it is not a path.
    """
    source = text.strip()
    function = _FUNCTION.search(source)
    if function and function[1] not in FUNCTIONS:
        raise ExpressionError(text, f"unknown function {function[1]}(); known: {', '.join(FUNCTIONS)}")
    segments = list(_segments(source[: function.start()] if function else source, text))
    path = _plain(segments) if all(plain for plain, _ in segments) else _queried(segments, text)
    if not function:
        return path
    apply, inner = FUNCTIONS[function[1]], path.read
    return Path(lambda context: apply(inner(context)), path.roots, None)


def _segments(source: str, text: str) -> Iterator[tuple[bool, str | int]]:
    """Each segment as (True, key) or, what only the library understands, as (False, its JSONPath)."""
    at = 0
    if source.startswith("$") and source[1:2] in ("", ".", "["):
        at = 1
    elif first := _NAME.match(source):
        yield True, first[0].strip()
        at = first.end()
    else:
        raise ExpressionError(text, "it must begin with 'workflow' or a task reference")
    while at < len(source):
        dots = 2 if source.startswith("..", at) else 1 if source[at] == "." else 0
        at += dots
        if source.startswith("[", at) and dots != 1:
            end = _bracket_end(source, at, text)
            key = None if dots else _bracket_key(source[at + 1 : end].strip())
            yield (True, key) if key is not None else (False, ".." * (dots // 2) + source[at : end + 1])
            at = end + 1
        elif dots and source.startswith("*", at):
            yield False, "." * dots + "*"
            at += 1
        elif dots and (name := _NAME.match(source, at)):
            key = name[0].strip()
            yield (True, key) if dots == 1 else (False, f"..{_quoted(key)}")
            at = name.end()
        else:
            raise ExpressionError(
                text, f"{source[at : at + 1] or 'the end'!r} is unexpected at position {at}; {_HINT}"
            )


_HINT = "write $${...} for text that is no expression"


def _bracket_end(source: str, start: int, text: str) -> int:
    depth, quote, at = 0, "", start
    while at < len(source):
        char = source[at]
        if quote:
            at += char == "\\"
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "[":
            depth += 1
        elif char == "]":
            depth -= 1
            if not depth:
                return at
        at += 1
    raise ExpressionError(text, f"the bracket at position {start} is never closed")


def _bracket_key(content: str) -> str | int | None:
    if _INDEX.fullmatch(content):
        return int(content)
    if quoted := _QUOTED.fullmatch(content):
        return re.sub(r"\\(.)", r"\1", quoted[1] if quoted[1] is not None else quoted[2], flags=re.DOTALL)
    return None


def _quoted(key: str | int) -> str:
    return f"[{key}]" if isinstance(key, int) else "['{}']".format(re.sub(r"([\\'])", r"\\\1", key))


def _plain(segments: list[tuple[bool, str | int]]) -> Path:
    keys = tuple(key for _, key in segments)
    if keys[:2] == ("workflow", "env"):
        return Path(lambda _: _environment(keys[2:]), frozenset({("workflow", "env")}), keys)
    return Path(lambda context: _walk(context, keys), frozenset({_root(keys)}), keys)


def _walk(value: Json, keys: tuple[str | int, ...]) -> Json:
    for key in keys:
        # A string is a sequence too, but `name[0]` is no letter in JSONPath.
        if type(key) is int and not isinstance(value, list):
            return None
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _root(keys: tuple[str | int, ...]) -> Root:
    if not keys or not isinstance(keys[0], str):
        return ANY_ROOT, None
    field = keys[1] if len(keys) > 1 else None
    return keys[0], field if isinstance(field, str) else None


def _environment(keys: tuple[str | int, ...]) -> Json:
    # Only the prefixed variables: a definition must not be able to read the server's passwords.
    found = (os.environ.get(f"{prefix}{keys[0]}") for prefix in ENV_PREFIXES) if keys else ()
    value = next((text for text in found if text is not None), None)
    if value is None or len(keys) == 1:
        return value
    try:
        return _walk(json.loads(value), keys[1:])
    except ValueError:
        return None


def _queried(segments: list[tuple[bool, str | int]], text: str) -> Path:
    source = "$" + "".join(_quoted(segment) if plain else str(segment) for plain, segment in segments)
    try:
        query = _LIBRARY.compile(source)
    except JSONPathError as error:
        problem = str(error).splitlines()[0]
        raise ExpressionError(text, f"{problem}; {_HINT}") from error
    if not isinstance(query, JSONPath):
        raise ExpressionError(text, "it must be one path, not several")
    definite = query.singular_query()

    def read(context: Context) -> Json:
        try:
            found = query.findall(context)
        except JSONPathError as error:
            raise ExpressionError(text, str(error).splitlines()[0]) from error
        return found if not definite else found[0] if found else None

    return Path(read, frozenset(_query_roots(query)), None)


def _query_roots(query: JSONPath) -> Iterator[Root]:
    """The roots of a path and of all absolute paths (`$...`) in its filters."""
    keys: list[str | int] = []
    for segment in query.segments[:2]:
        only = segment.selectors[0] if len(segment.selectors) == 1 else None
        if not str(segment).startswith("[") or not isinstance(only, NameSelector | IndexSelector):
            break
        keys.append(only.name if isinstance(only, NameSelector) else only.index)
    yield _root(tuple(keys))
    for segment in query.segments:
        for selector in segment.selectors:
            if isinstance(selector, Filter | KeysFilter):
                yield from _filter_roots(selector.expression)
            elif isinstance(selector, SingularQuerySelector):
                yield from _query_roots(selector.query)


def _filter_roots(expression: BaseExpression) -> Iterator[Root]:
    if isinstance(expression, RootFilterQuery):
        yield from _query_roots(expression.path)
    for child in expression.children():
        yield from _filter_roots(child)


def _numbers(value: Json) -> list[int | float]:
    items = value if isinstance(value, list) else []
    return [item for item in items if isinstance(item, int | float) and not isinstance(item, bool)]


def _length(value: Json) -> int | None:
    return len(value) if isinstance(value, list | dict | str) else None


def _average(value: Json) -> float | None:
    numbers = _numbers(value)
    return sum(numbers) / len(numbers) if numbers else None


FUNCTIONS: Mapping[str, Callable[[Json], Json]] = {
    "length": _length,
    "size": _length,
    "min": lambda value: min(_numbers(value), default=None),
    "max": lambda value: max(_numbers(value), default=None),
    "sum": lambda value: sum(_numbers(value)) if _numbers(value) else None,
    "avg": _average,
    "keys": lambda value: list(value) if isinstance(value, dict) else None,
    "first": lambda value: value[0] if isinstance(value, list) and value else None,
    "last": lambda value: value[-1] if isinstance(value, list) and value else None,
}
"""What may stand at the end of a path: `items.length()`. They answer None for a value of the wrong kind."""
