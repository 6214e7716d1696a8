"""JSON and YAML text to plain JSON values, guarded: what comes out is JSON, of a bounded size and depth.

YAML is read by its 1.2 core rules (as JSON would be): `yes`, `on` and dates are strings, so a case named `no`
stays a case, and a key is always a string. Keys that occur twice are refused in both, since one of the two
would be lost without a word.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import yaml

from workflows.errors import UnreadableDefinition

if TYPE_CHECKING:
    from yaml import SafeLoader as _SafeLoader
else:
    # libyaml is about ten times as fast, but a wheel may come without it.
    _SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Json = Any

MAX_BYTES = 8 * 1024**2
"""The longest text that is read, in bytes of UTF-8."""
MAX_DEPTH = 100
"""The deepest nesting of lists and objects."""
MAX_VALUES = 1_000_000
"""The most values of a YAML document, aliases written out: a few lines of aliases can stand for billions."""


class _Loader(_SafeLoader):
    """Safe loader of YAML 1.2's core schema."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        self.flatten_mapping(node)
        # An object's keys are strings in JSON: `1:` and `true:` mean the names "1" and "true".
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"(?:{_pattern})$"), list(_first))
# PyYAML's own constructors follow YAML 1.1, where 010 is eight and 1e3 a string.
_Loader.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value))
_Loader.add_constructor("tag:yaml.org,2002:float", lambda _, node: float(node.value))


def parse_text(text: str, *, source: str, syntax: str, max_bytes: int = MAX_BYTES) -> list[Json]:
    """The documents in a text: one for JSON, one or more for YAML (`---` between them).

    `source` names the text in errors; `syntax` is `json` or `yaml`.

    Raises:
        UnreadableDefinition: too long, too deep, no JSON or YAML (with line and column), or no JSON value.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > max_bytes:
        raise UnreadableDefinition(source, f"it has {size:,} bytes; at most {max_bytes:,} are read")
    if syntax == "json":
        return [_parse_json(text, source)]
    return _parse_yaml(text, source)


def _parse_json(text: str, source: str) -> Json:
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise UnreadableDefinition(
            source, f"line {error.lineno}, column {error.colno}: no JSON: {error.msg}"
        ) from error
    except ValueError as error:
        raise UnreadableDefinition(source, str(error)) from error
    except RecursionError as error:
        raise UnreadableDefinition(source, _too_deep()) from error
    check_json(value, source)
    return value


def _unique(pairs: Sequence[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = counts.most_common(1)[0][0]
        raise ValueError(f"the key {twice!r} occurs twice in one object; remove one of the two")
    return value


def _no_number(name: str) -> Json:
    raise ValueError(f"{name} is no JSON number")


def _too_deep() -> str:
    return f"lists and objects are nested deeper than {MAX_DEPTH}"


def _parse_yaml(text: str, source: str) -> list[Json]:
    try:
        # The events are looked at first: composing recurses, and would end on the stack's limit.
        _check_depth(text, source)
        nodes = list(yaml.compose_all(text, Loader=_Loader))
        for node in nodes:
            _check_nodes(node, source)
        values = list(yaml.load_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise UnreadableDefinition(source, f"{where}no YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise UnreadableDefinition(source, f"no YAML: {error}") from error
    for value in values:
        check_json(value, source)
    return values


def _check_depth(text: str, source: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                where = f"line {event.start_mark.line + 1}: " if event.start_mark else ""
                raise UnreadableDefinition(source, where + _too_deep())
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _check_nodes(root: yaml.Node, source: str) -> None:
    """Refuse a key that occurs twice, an alias to what it is part of, and more values than are allowed."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size_of(node: yaml.Node) -> int:
        if id(node) in open_nodes:
            raise UnreadableDefinition(source, f"{_at(node)}: it contains itself by an alias")
        if id(node) not in sizes:
            open_nodes.add(id(node))
            _check_keys(node, source)
            sizes[id(node)] = 1 + sum(size_of(child) for child in _children(node))
            open_nodes.discard(id(node))
        return sizes[id(node)]

    if size_of(root) > MAX_VALUES:
        raise UnreadableDefinition(source, f"its aliases stand for more than {MAX_VALUES:,} values")


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield value


def _check_keys(node: yaml.Node, source: str) -> None:
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise UnreadableDefinition(source, f"{_at(key)}: a key must be a name, not a list or an object")
        if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
            raise UnreadableDefinition(
                source, f"{_at(key)}: the key {key.value!r} occurs twice in one object; remove one of the two"
            )
        seen.add(key.value)


def _at(node: yaml.Node) -> str:
    return f"line {node.start_mark.line + 1}, column {node.start_mark.column + 1}"


def check_json(value: Json, source: str) -> None:
    """Whether a Python value is a JSON value no deeper than allowed.

    Raises:
        UnreadableDefinition: it isn't.
    """
    level, count = [value], 1
    for depth in range(MAX_DEPTH + 1):
        below: list[Json] = []
        for item in level:
            if isinstance(item, dict | list) and depth == MAX_DEPTH:
                raise UnreadableDefinition(source, _too_deep())
            if isinstance(item, dict):
                if not all(isinstance(key, str) for key in item):
                    raise UnreadableDefinition(source, "every key of an object must be a string")
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif not _is_scalar(item):
                raise UnreadableDefinition(source, f"{item!r} is no JSON value")
        level, count = below, count + len(below)
        if count > MAX_VALUES:
            raise UnreadableDefinition(source, f"it holds more than {MAX_VALUES:,} values")


def _is_scalar(value: Json) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int)


class LineIndex:
    """Where the values of a text stand in it. JSON is read as YAML here, which it nearly always is."""

    def __init__(self, text: str) -> None:
        try:
            self._documents = list(yaml.compose_all(text, Loader=_Loader))
        except yaml.YAMLError:
            self._documents = []

    def line(self, number: int, place: Iterable[str | int]) -> int | None:
        """The line (from 1) of a place in the document of this number (from 0), or of what is near above.

        None: unknown.
        """
        if number >= len(self._documents):
            return None
        node = self._documents[number]
        for part in place:
            found = _child(node, part)
            if found is None:
                break
            node = found
        return int(node.start_mark.line) + 1


def _child(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child: yaml.Node = node.value[part]
        return child
    return None
