"""Definitions from files, text and plain objects.

One document holds one or more definitions, in any of these shapes:

- a workflow definition (an object with `tasks`), or a task definition (with one of the fields that only task
  definitions have, such as `retryCount`);
- a list of them;
- `{"workflow": {...}}`, `{"workflows": [...]}`, `{"taskDef": {...}}`, `{"taskDefs": [...]}`, or several of
  these keys in one object; nothing is guessed here, so a task definition that is only a name needs it.

A YAML file may hold several documents, separated by `---`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from workflows.documents import MAX_BYTES, LineIndex, check_json, parse_text
from workflows.errors import UnreadableDefinition
from workflows.model import TaskDef, WorkflowDef
from workflows.paths import path_of

Json = Any
Loc = tuple[str | int, ...]

_WRAPPERS: dict[str, type[WorkflowDef] | type[TaskDef]] = {
    "workflow": WorkflowDef,
    "workflows": WorkflowDef,
    "taskDef": TaskDef,
    "taskDefs": TaskDef,
}
_TASK_DEF_ONLY = {info.alias for info in TaskDef.model_fields.values()} - {
    info.alias for info in WorkflowDef.model_fields.values()
}
_SYNTAX = {".json": "json", ".yaml": "yaml", ".yml": "yaml"}


@dataclass(frozen=True, slots=True)
class Definitions:
    """What one document defines, in its order."""

    workflows: tuple[WorkflowDef, ...] = ()
    tasks: tuple[TaskDef, ...] = ()
    source: str = "<document>"

    @property
    def workflow(self) -> WorkflowDef:
        """The only workflow definition.

        Raises:
            UnreadableDefinition: there is none, or more than one.
        """
        if len(self.workflows) != 1:
            raise UnreadableDefinition(
                self.source, f"one workflow definition is expected here, it has {len(self.workflows)}"
            )
        return self.workflows[0]


def load(source: str | PathLike[str] | Json, *, max_bytes: int = MAX_BYTES) -> Definitions:
    """Read definitions from a file (a path) or from a JSON value (an object or a list).

    Raises:
        UnreadableDefinition: see `load_file`, `load_document`.
    """
    if isinstance(source, str | PathLike):
        return load_file(source, max_bytes=max_bytes)
    return load_document(source)


def load_file(path: str | PathLike[str], *, max_bytes: int = MAX_BYTES) -> Definitions:
    """Read definitions from a `.json`, `.yaml` or `.yml` file in UTF-8.

    Raises:
        UnreadableDefinition: the file can't be read, or as `load_text`.
    """
    text, syntax = _text_of(Path(path), max_bytes)
    return load_text(text, source=str(path), syntax=syntax, max_bytes=max_bytes)


def read_file(path: str | PathLike[str], *, max_bytes: int = MAX_BYTES) -> list[Json]:
    """Read the JSON values of a `.json`, `.yaml` or `.yml` file, whatever they are; of a list its items.

    Raises:
        UnreadableDefinition: the file can't be read, is no JSON or YAML, too long or too deep.
    """
    text, syntax = _text_of(Path(path), max_bytes)
    documents = parse_text(text, source=str(path), syntax=syntax, max_bytes=max_bytes)
    return [item for found in documents for item in (found if isinstance(found, list) else [found])]


def _text_of(file: Path, max_bytes: int) -> tuple[str, str]:
    """The text of a file, and its syntax."""
    syntax = _SYNTAX.get(file.suffix.lower())
    if syntax is None:
        raise UnreadableDefinition(str(file), "the name of the file must end in .json, .yaml or .yml")
    try:
        with file.open("rb") as stream:
            content = stream.read(max_bytes + 1)
        text = content.decode("utf-8-sig") if len(content) <= max_bytes else ""
    except UnicodeDecodeError as error:
        raise UnreadableDefinition(str(file), f"byte {error.start} is no UTF-8; save it as UTF-8") from error
    except OSError as error:
        raise UnreadableDefinition(str(file), error.strerror or str(error)) from error
    if len(content) > max_bytes:
        raise UnreadableDefinition(str(file), f"it is longer than the {max_bytes:,} bytes that are read")
    return text, syntax


def load_text(
    text: str, *, source: str = "<text>", syntax: str | None = None, max_bytes: int = MAX_BYTES
) -> Definitions:
    """Read definitions from JSON or YAML text.

    `syntax` is `json` or `yaml`; not given: JSON when the text begins with a bracket, else YAML. `source`
    names the text in errors.

    Raises:
        UnreadableDefinition: no JSON or YAML (with line and column), too long or too deep, or no definition:
            then with all problems of all fields (`problems`), each with its path and its line.
    """
    syntax = syntax or ("json" if text.lstrip().startswith(("{", "[")) else "yaml")
    documents = parse_text(text, source=source, syntax=syntax, max_bytes=max_bytes)
    return _read(documents, source, text)


def load_document(document: Json, *, source: str = "<document>") -> Definitions:
    """Read definitions from a JSON value: an object or a list, in one of the shapes above.

    Raises:
        UnreadableDefinition: as `load_text`.
    """
    check_json(document, source)
    return _read([document], source, None)


def _read(documents: list[Json], source: str, text: str | None) -> Definitions:
    workflows: list[WorkflowDef] = []
    tasks: list[TaskDef] = []
    problems: list[tuple[int, Loc, str]] = []
    for number, document in enumerate(documents):
        for loc, kind, value in _definitions(document, ()):
            try:
                if kind is WorkflowDef:
                    workflows.append(WorkflowDef.model_validate(value))
                elif kind is TaskDef:
                    tasks.append(TaskDef.model_validate(value))
                else:
                    problems.append((number, loc, _NEITHER))
            except ValidationError as error:
                problems += [(number, (*loc, *p["loc"]), p["msg"]) for p in error.errors(include_url=False)]
    if problems:
        raise _unreadable(source, text, problems)
    if not workflows and not tasks:
        raise UnreadableDefinition(source, "it holds no definition")
    return Definitions(tuple(workflows), tuple(tasks), source)


def _unreadable(source: str, text: str | None, problems: list[tuple[int, Loc, str]]) -> UnreadableDefinition:
    lines = LineIndex(text) if text is not None else None
    found = []
    for number, loc, message in problems:
        line = lines.line(number, loc) if lines else None
        found.append((path_of(loc), f"{message} (line {line})" if line else message))
    noun = "problem" if len(found) == 1 else "problems"
    listed = "".join(f"\n  {path or 'the document'}: {message}" for path, message in found)
    return UnreadableDefinition(source, f"{len(found)} {noun} in its fields:{listed}", found)


_NEITHER = (
    "neither a workflow definition (which has `tasks`) nor a task definition (which has `retryCount` or the "
    'like); write {"workflow": ...} or {"taskDef": ...} around it'
)


def _definitions(document: Json, loc: Loc) -> Iterator[tuple[Loc, type[BaseModel] | None, Json]]:
    """Each definition in a document: where, of which kind (None: it can't be told), and its JSON."""
    if isinstance(document, list):
        for index, item in enumerate(document):
            yield from _definitions(item, (*loc, index))
    elif isinstance(document, dict) and document and document.keys() <= _WRAPPERS.keys():
        for key, value in document.items():
            if key.endswith("s") and isinstance(value, list):
                yield from (((*loc, key, index), _WRAPPERS[key], item) for index, item in enumerate(value))
            else:
                yield (*loc, key), _WRAPPERS[key], value
    elif isinstance(document, dict) and "tasks" in document:
        yield loc, WorkflowDef, document
    elif isinstance(document, dict) and document.keys() & _TASK_DEF_ONLY:
        yield loc, TaskDef, document
    else:
        yield loc, None, document
