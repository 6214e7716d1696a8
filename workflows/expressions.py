"""`${...}` in definitions: compiled once, resolved against the execution each time a task is reached.

- A string that is one expression keeps the type of what it reads; in a longer string values become text.
- What does not exist is null (`null` in text).
- `$${x}` is the text `${x}`. Braces that don't balance are left as they are. `${}` is the empty string.
- An inner expression is resolved first: `${workflow.input.${workflow.input.key}}`.
- Keys of objects are not evaluated, and a value that was read is never evaluated again.

Two differences from Conductor. Maps and lists in a longer string become compact JSON (`{"a":1}`), not Java's
`{a=1}`, because nothing can read that back; booleans and numbers are JSON too. And a bare name is never an
environment variable of the server: that would let a definition read passwords, and a variable `HOME` would
hide a task called `HOME`. `${workflow.env.NAME}` reads `PODIUM_ENV_NAME` or `CONDUCTOR_ENV_NAME`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from workflows.errors import ExpressionError
from workflows.jsonpaths import ANY_ROOT, Context, Root, compile_path

Json = Any

_Resolve = Callable[[Context], Json]
_SECRET = re.compile(r"\s*(\$\.)?workflow(\.|\[['\"])secrets\b")
_KNOWN_ROOT = re.compile(r"\s*(?:\$\.)?([^.\[\]()*'\"]+)(?:\.([^.\[\]()*'\"]+)(?=[.\[])|[.\[])")
_MAX_NESTING = 32


@dataclass(frozen=True, slots=True)
class Template:
    """A JSON value with expressions in its strings."""

    constant: bool
    """It reads nothing: `resolve` always answers the same."""
    roots: frozenset[Root]
    """Each (root, first field) that it can read: `("workflow", "input")`, `("reserve_ref", "output")`. The
    field is None when it may be any; the root is `"*"` when an inner expression chooses it."""
    _resolve: _Resolve

    @classmethod
    def compile(cls, value: Json) -> Template:
        """Compile a JSON value. Strings are cached.

        Raises:
            ExpressionError: an expression is not a path, or they are nested too deeply.
        """
        if isinstance(value, str):
            return _compile_text(value)
        if isinstance(value, dict):
            return _compile_items(dict(value), {key: cls.compile(item) for key, item in value.items()})
        if isinstance(value, list):
            return _compile_items(list(value), dict(enumerate(cls.compile(item) for item in value)))
        return _constant(value)

    @classmethod
    def object(cls, items: Mapping[str, Template]) -> Template:
        """An object whose values are these templates."""
        return _compile_items(dict.fromkeys(items), dict(items))

    def with_defaults(self, defaults: Mapping[str, Json]) -> Template:
        """This object, with the value of `defaults` for each of its keys that is absent or resolves to null."""
        if not defaults:
            return self
        own, others = self._resolve, Template.compile(dict(defaults))

        def resolve(context: Context) -> Json:
            given, result = others._resolve(context), own(context)
            return given | {k: v for k, v in result.items() if v is not None or k not in given}

        return Template(self.constant and others.constant, self.roots | others.roots, resolve)

    def resolve(self, context: Context) -> Json:
        """The value, every expression replaced by what it reads.

        `context` holds `workflow` (`input`, `output`, `variables`, `workflowId`, …), each reference that has
        run (`input`, `output`, `status`, …) and `CPEWF_TASK_ID`, the id of the task. The answer shares no
        list or object with the context or with the template.

        Raises:
            ExpressionError: `..` met data that is nested deeper than 100.
        """
        return self._resolve(context)


def text_of(value: Json) -> str:
    """A value as it appears inside a longer string: a string as it is, everything else as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def escape(text: str) -> str:
    """The text as a template that resolves to it."""
    return text.replace("${", "$${")


def replace_expressions(text: str, choose: Callable[[str], str | None]) -> str:
    """The text with other expressions in it; `choose` is asked for each one, outer before inner.

    choose: is given an expression as it is written, `${ref.output}`; None leaves it, with those inside it replaced.
    """
    return "".join(
        escape(part) if isinstance(part, str) else _replaced(part, choose) for part in _split(text)
    )


def _replaced(expression: _Expression, choose: Callable[[str], str | None]) -> str:
    chosen = choose(expression.source)
    if chosen is not None:
        return chosen
    inside = (part if isinstance(part, str) else _replaced(part, choose) for part in expression.parts)
    return "${" + "".join(inside) + "}"


def _constant(value: Json) -> Template:
    if isinstance(value, dict | list):
        return Template(True, frozenset(), lambda _: _copy(value))
    return Template(True, frozenset(), lambda _: value)


def _compile_items(value: Any, items: dict[Any, Template]) -> Template:
    for key, item in items.items():
        if item.constant:
            value[key] = item.resolve({})
    changing = [(key, item.resolve) for key, item in items.items() if not item.constant]
    if not changing:
        return _constant(value)

    def resolve(context: Context) -> Json:
        result = _copy(value)
        for key, read in changing:
            result[key] = read(context)
        return result

    return Template(False, frozenset().union(*(item.roots for item in items.values())), resolve)


def _copy(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _copy(item) if isinstance(item, dict | list) else item for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) if isinstance(item, dict | list) else item for item in value]
    return {key: _copy(item) for key, item in value.items()} if isinstance(value, Mapping) else value


@lru_cache(maxsize=8192)
def _compile_text(text: str) -> Template:
    if "${" not in text:
        return _constant(text)
    parts = _split(text)
    templates = [_constant(part) if isinstance(part, str) else _compile_expression(part) for part in parts]
    return templates[0] if len(templates) == 1 else _joined(templates)


def _joined(templates: list[Template]) -> Template:
    if all(template.constant for template in templates):
        return _constant("".join(text_of(template.resolve({})) for template in templates))
    reads = [template.resolve for template in templates]

    def resolve(context: Context) -> str:
        return "".join([text_of(read(context)) for read in reads])

    return Template(False, frozenset().union(*(template.roots for template in templates)), resolve)


@dataclass(frozen=True, slots=True)
class _Expression:
    source: str
    parts: tuple[str | _Expression, ...]


def _compile_expression(expression: _Expression) -> Template:
    prefix = expression.parts[0] if expression.parts and isinstance(expression.parts[0], str) else ""
    nested = [part for part in expression.parts if isinstance(part, _Expression)]
    if _SECRET.match(prefix):
        if nested:
            raise ExpressionError(expression.source, "the name of a secret can't come from an expression")
        # Resolved at the moment of use, so that no secret is ever written down with the task's input.
        return _constant(expression.source)
    if nested:
        return _chosen_path(expression, prefix)
    if not prefix.strip():
        return _constant("")
    path = compile_path(prefix)
    read = path.read
    return Template(False, path.roots, lambda context: _copy(read(context)))


def _chosen_path(expression: _Expression, prefix: str) -> Template:
    """An expression whose path holds other expressions."""
    parts = [_constant(p) if isinstance(p, str) else _compile_expression(p) for p in expression.parts]
    if any("${workflow.secrets" in text_of(part.resolve({})) for part in parts if part.constant):
        raise ExpressionError(expression.source, "a secret can't choose what is read")
    text = _joined(parts)
    known = _KNOWN_ROOT.match(prefix)
    roots = text.roots | {(known[1].strip(), known[2]) if known else (ANY_ROOT, None)}

    def resolve(context: Context) -> Json:
        chosen = text.resolve(context)
        if not chosen.strip():
            return ""
        try:
            path = compile_path(chosen)
        except ExpressionError:
            # What data put together is no path: as in Conductor, that names nothing.
            return None
        return _copy(path.read(context))

    return Template(False, roots, resolve)


def _split(text: str) -> list[str | _Expression]:
    """The pieces of a string: text (escapes undone) and expressions."""
    parts: list[str | _Expression] = []
    at = start = 0
    pending = ""
    while (at := text.find("${", at)) >= 0:
        if at and text[at - 1] == "$" and at > start:
            pending += text[start : at - 1] + "${"
            at = start = at + 2
            continue
        found = _expression_at(text, at)
        if found is None:
            at += 2
            continue
        expression, end = found
        pending += text[start:at]
        parts += [pending, expression] if pending else [expression]
        pending, at, start = "", end, end
    pending += text[start:]
    return [*parts, pending] if pending or not parts else parts


def _expression_at(text: str, start: int, nesting: int = 0) -> tuple[_Expression, int] | None:
    """The expression that begins at `start` and where it ends; None when its brace is never closed."""
    if nesting > _MAX_NESTING:
        raise ExpressionError(text[start : start + 40], f"nested deeper than {_MAX_NESTING}")
    parts: list[str | _Expression] = []
    braces = brackets = 0
    quote = ""
    at = begin = start + 2
    while at < len(text):
        char = text[at]
        if text.startswith("${", at):
            inner = _expression_at(text, at, nesting + 1)
            if inner is None:
                return None
            parts += [text[begin:at], inner[0]] if begin < at else [inner[0]]
            at = begin = inner[1]
            continue
        if quote:
            at += char == "\\"
            quote = "" if char == quote else quote
        elif char in "'\"" and brackets:
            quote = char
        elif char in "[]":
            brackets = max(0, brackets + (1 if char == "[" else -1))
        elif char == "{":
            braces += 1
        elif char == "}" and braces:
            braces -= 1
        elif char == "}":
            parts += [text[begin:at]] if begin < at else []
            return _Expression(text[start : at + 1], tuple(parts)), at + 1
        at += 1
    return None
