"""Scripts in definitions: JavaScript of INLINE, SWITCH and DO_WHILE, and jq programs.

They run in a sandbox process (`workflows/sandbox.py`) with limits on time and memory and without any input or
output. Each script starts from a fresh global state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from workflows import interpreters, sandbox
from workflows.errors import ScriptError
from workflows.sandbox import Limits

DEFAULT_LIMITS = Limits()
_limits = DEFAULT_LIMITS
VALUE_PARAM = "value-param"
"""The evaluator that is no script: the expression names an input, whose value is the result."""
JAVASCRIPT = ("javascript", "graaljs")
"""Conductor's names of the evaluator for JavaScript."""


def limit(limits: Limits) -> None:
    """Set what every script of this process may use from now on."""
    # Operators run without being handed settings, and a script's limits are those of the process that runs it.
    global _limits
    _limits = limits


def evaluate(expression: str, bindings: Mapping[str, Any], limits: Limits | None = None) -> Any:
    """The completion value of a JavaScript `expression`, with `bindings` as the global `$`.

    The value goes through `JSON.stringify`: `1.0` and `1` are the integer 1, `undefined` and NaN are None, a
    Date is its ISO text, a Map is `{}`. The expression may be a bare one, statements, or a function called at
    once. `limits` not given: those of this process.

    Raises:
        ScriptTimeout: out of time.
        ScriptMemory: out of memory.
        ScriptError: it can't be parsed, it threw, or its value is no JSON (a function, a cycle, a Promise).
    """
    return _parsed(sandbox.call(interpreters.JAVASCRIPT, expression, _document(bindings), limits or _limits))


def holds(value: Any) -> bool:
    """Whether the value of a condition says yes: true, or a number above 0 (Conductor's rule)."""
    return value is True or (isinstance(value, int | float) and value > 0)


def transform(program: str, document: Any, limits: Limits | None = None) -> list[Any]:
    """All results of a jq `program` for a JSON document. `limits` not given: those of this process.

    Raises:
        ScriptTimeout: out of time.
        ScriptMemory: out of memory.
        ScriptError: it can't be compiled, or it failed; the message is jq's.
    """
    results: list[Any] = _parsed(
        sandbox.call(interpreters.JQ, program, _document(document), limits or _limits)
    )
    return results


def javascript_problem(expression: str) -> str | None:
    """What is wrong with the syntax of a JavaScript expression, or None. Nothing is run."""
    return _problem(interpreters.JAVASCRIPT_SYNTAX, expression)


def jq_problem(program: str) -> str | None:
    """What is wrong with the syntax of a jq program, or None. Nothing is run."""
    return _problem(interpreters.JQ_SYNTAX, program)


def as_case(value: Any) -> str:
    """The text that the result of an evaluation is compared with: its JSON, a text as it is."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def evaluator_problem(evaluator: str) -> str | None:
    """Why there is no such evaluator, or None."""
    if evaluator == VALUE_PARAM or evaluator in JAVASCRIPT:
        return None
    if evaluator == "python":
        return "scripts in Python can't be confined; take javascript, or write a worker task in Python"
    return f"there is no evaluator {evaluator!r}; take one of {', '.join((VALUE_PARAM, *JAVASCRIPT))}"


def _document(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError as exc:
        raise ScriptError(f"the input is no JSON value: {exc}") from None


def _problem(kind: bytes, source: str) -> str | None:
    try:
        sandbox.call(kind, source, b"null", DEFAULT_LIMITS)
    except ScriptError as exc:
        return str(exc)
    return None


def _parsed(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as exc:
        raise ScriptError(f"the result is no JSON value: {exc}") from None
