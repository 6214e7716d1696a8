"""Pages and tables of the documentation that are made from code.

`python -m app.reference` writes them: docs/reference/errors.md, docs/reference/rest.md, and in README.md what stands between
`<!-- made: … -->` and `<!-- end -->`.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

from app.rest.reference import rest_page
from config.database import DatabaseUrlError
from config.settings import Settings, SettingsError
from tasks.errors import TerminalError
from workflows.errors import PodiumError
from workflows.operator import operators

ROOT = Path(__file__).parents[1]
_PACKAGES = ("app", "tasks", "workflows")
_OTHERS = (SettingsError, DatabaseUrlError, TerminalError)
_OPENING = """\
# Errors

Whatever Podium raises on purpose is a `PodiumError`; a base is there for each `except` that somebody would write.
The message says what happened, where, and what to do; what a program needs is in attributes. This page is made from the
classes by `python -m app.reference`.
"""
_OUTSIDE = """\
## Outside of the tree

The settings are below everything of ours, and a worker task's error is the task's own:
"""


def errors_page() -> str:
    """The page of all errors, as Markdown."""
    _import_all()
    tree = "\n".join(_tree(PodiumError, ""))
    parts = [_OPENING, f"```\nPodiumError\n{tree}\n```\n"]
    parts += [_entry(error) for error in _below(PodiumError)]
    parts += ["", _OUTSIDE, *(_entry(error) for error in _OTHERS)]
    return "\n".join(parts) + "\n"


def operators_table() -> str:
    """One row for each operator."""
    link = "docs/reference/operators.md"
    rows = [
        f"| [{name}]({link}#{name.lower()}) | {_summary(type(operator))} |"
        for name, operator in operators().items()
        if name == operator.type
    ]
    return "\n".join(["| Operator | |", "| --- | --- |", *rows])


def settings_table() -> str:
    """One row for each variable."""
    rows = [
        f"| `{variable.name}` | {f'`{variable.default}`' if variable.default else ''} | {variable.doc} |"
        for variable in Settings.variables()
    ]
    return "\n".join(["| Variable | Default | |", "| --- | --- | --- |", *rows])


TABLES = {"operators": operators_table, "settings": settings_table}


def with_tables(page: str) -> str:
    """The page with its tables made anew."""
    for name, table in TABLES.items():
        begin, end = f"<!-- made: {name} -->\n", "<!-- end -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}{table()}\n{end}{rest.partition(end)[2]}"
    return page


def _import_all() -> None:
    for package in _PACKAGES:
        path = importlib.import_module(package).__path__
        for found in pkgutil.walk_packages(path, f"{package}."):
            # Programs that run when they are imported, and the scripts of Alembic.
            if not found.name.endswith("__main__") and ".migrations." not in found.name:
                importlib.import_module(found.name)


def _children(error: type[Exception]) -> list[type[Exception]]:
    ours = [c for c in error.__subclasses__() if c.__module__.split(".")[0] in _PACKAGES]
    return sorted(ours, key=lambda c: c.__name__)


def _below(error: type[Exception]) -> Iterator[type[Exception]]:
    for child in _children(error):
        yield child
        yield from _below(child)


def _tree(error: type[Exception], indent: str) -> Iterator[str]:
    children = _children(error)
    for child in children:
        last = child is children[-1]
        yield f"{indent}{'└──' if last else '├──'} {child.__name__}"
        yield from _tree(child, indent + ("    " if last else "│   "))


def _entry(error: type[Exception]) -> str:
    return f"- **{error.__name__}** (`{error.__module__}`): {_summary(error)}"


def _summary(documented: type) -> str:
    paragraph = (inspect.getdoc(documented) or "").split("\n\n")[0]
    return " ".join(paragraph.split())


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(with_tables(readme.read_text(encoding="utf-8")), encoding="utf-8")
    (ROOT / "docs" / "reference" / "errors.md").write_text(errors_page(), encoding="utf-8")
    (ROOT / "docs" / "reference" / "rest.md").write_text(rest_page(), encoding="utf-8")
