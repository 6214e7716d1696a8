"""Errors of the language.

PodiumError
├── DefinitionError
│   ├── UnreadableDefinition      the document is no JSON/YAML, or no workflow definition
│   ├── InvalidDefinition         it was read; the static checks found errors
│   └── InvalidDocument           an event handler, schedule or schema with errors
├── ExpressionError               a `${...}` that can't be parsed
├── ScriptError                   a script of a definition (JavaScript, jq) failed
│   ├── ScriptTimeout
│   └── ScriptMemory
└── OperatorError
    ├── IncompleteOperator
    ├── DuplicateOperator
    └── UnknownOperator
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from workflows.operator import Finding


class PodiumError(Exception):
    """Base of every error that Podium raises on purpose."""


class DefinitionError(PodiumError):
    """A workflow or task definition can't be used."""


class UnreadableDefinition(DefinitionError):
    """The document is not JSON or YAML, or not the shape of a definition.

    `problems` holds every wrong field as (path in the document, what is wrong).
    """

    def __init__(self, source: str, problem: str, problems: Sequence[tuple[str, str]] = ()) -> None:
        self.source, self.problem, self.problems = source, problem, tuple(problems)
        super().__init__(f"{source}: {problem}")


class InvalidDefinition(DefinitionError):
    """The static checks found errors; `findings` holds all of them, warnings included."""

    def __init__(
        self, name: str, findings: Sequence[Finding], kind: Literal["workflow", "task"] = "workflow"
    ) -> None:
        self.name, self.findings = name, tuple(findings)
        errors = [f for f in findings if f.severity == "error"]
        lines = "".join(f"\n  {f.path}: {f.message} {f.fix}" for f in errors)
        noun = "error" if len(errors) == 1 else "errors"
        super().__init__(f"{kind} definition {name!r} has {len(errors)} {noun}:{lines}")


class InvalidDocument(DefinitionError):
    """An event handler, a schedule or a schema has errors; `problems` holds each as (path in the document, what is wrong)."""

    def __init__(self, kind: str, name: str, problems: Sequence[tuple[str, str]]) -> None:
        self.kind, self.name, self.problems = kind, name, tuple(problems)
        noun = "error" if len(self.problems) == 1 else "errors"
        lines = "".join(f"\n  {place or kind}: {problem}" for place, problem in self.problems)
        super().__init__(f"{kind} {name!r} has {len(self.problems)} {noun}:{lines}")


class ExpressionError(PodiumError):
    """An expression can't be parsed."""

    def __init__(self, expression: str, problem: str) -> None:
        self.expression, self.problem = expression, problem
        super().__init__(f"expression {expression!r}: {problem}")


_LIGHTEN = "make it do less, or move it into a worker task"


class ScriptError(PodiumError):
    """A script failed, or its result can't be used; the message is the interpreter's."""


class ScriptTimeout(ScriptError):
    """A script used more CPU time than it may."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"the script did not end within {seconds:g} s; {_LIGHTEN}")


class ScriptMemory(ScriptError):
    """A script used more memory than it may."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"the script needs more memory than its {limit // 1024**2} MiB; {_LIGHTEN}")


class OperatorError(PodiumError):
    """An operator can't be registered or found."""


class DuplicateReference(PodiumError):
    """Two tasks of one workflow have the same taskReferenceName. Attribute: `ref`."""

    def __init__(self, ref: str) -> None:
        self.ref = ref
        super().__init__(f"the reference {ref!r} is that of another task; each task needs its own")


class IncompleteOperator(OperatorError):
    """An operator class lacks a part of the contract."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"operator {name} is incomplete: {problem} (see docs/howto/add-an-operator.md)")


class DuplicateOperator(OperatorError):
    """Two operators claim one type."""

    def __init__(self, type_name: str, holder: str) -> None:
        super().__init__(f"task type {type_name!r} is already taken by operator {holder}")


class UnknownOperator(OperatorError):
    """No operator has this type."""

    def __init__(self, type_name: str, known: Sequence[str]) -> None:
        near = difflib.get_close_matches(type_name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known types: {', '.join(known)}"
        super().__init__(f"no operator of type {type_name!r}; {hint}")
