"""The documentation: links lead somewhere, code compiles, definitions are valid, tables are made from the code as it is."""

from __future__ import annotations

import ast
import importlib
import json
import re
from pathlib import Path

import click
import pytest

from app.cli import workflow
from app.reference import ROOT, errors_page, with_tables
from app.rest.reference import rest_page
from workflows.diagram import mermaid
from workflows.loading import load_text
from workflows.validation import validate

README = ROOT / "README.md"
ERRORS = ROOT / "docs" / "reference" / "errors.md"
PAGES = sorted([README, *(ROOT / ".github").rglob("*.md"), *(ROOT / "docs").rglob("*.md")])

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a language, those in lists without their indent."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", code, flags=re.MULTILINE) for indent, code in found]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def names(code: str) -> set[str]:
    """The strings given as `name=` to a decorator."""
    return set(re.findall(r'@app\.task\(name="([^"]+)"', code))


@pages
def test_links_lead_to_files_and_headings(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    broken = []

    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        found = (page.parent / file).resolve() if file else page
        if not found.exists() or (anchor and anchor not in anchors(found)):
            broken.append(target)

    assert not broken


@pages
def test_python_blocks_compile(page: Path) -> None:
    for code in blocks(page, "python"):
        ast.parse(code)


@pages
def test_python_blocks_import_what_there_is(page: Path) -> None:
    for code in blocks(page, "python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module != "__future__":
                module = importlib.import_module(node.module or "")
                assert [name.name for name in node.names if not hasattr(module, name.name)] == []


@pages
def test_commands_and_their_options_exist(page: Path) -> None:
    for line in re.findall(r"^ *\$ podium (.*)$", "".join(blocks(page, "console")), re.MULTILINE):
        command: click.Command = workflow
        options = re.findall(r"(?<= )--[a-z-]+", line)
        for word in line.split():
            if not isinstance(command, click.Group):
                break
            found = command.get_command(click.Context(command), word)
            assert found is not None, f"podium {line}"
            command = found

        known = {option for parameter in command.params for option in parameter.opts}
        assert set(options) <= known, f"podium {line}"


@pages
def test_json_blocks_are_json(page: Path) -> None:
    for code in blocks(page, "json"):
        json.loads(code)


def test_the_definition_of_the_readme_has_no_finding() -> None:
    definition = load_text(blocks(README, "json")[0], syntax="json").workflow

    assert validate(definition) == []


def test_the_picture_of_the_readme_is_that_of_its_definition() -> None:
    definition = load_text(blocks(README, "json")[0], syntax="json").workflow

    assert blocks(README, "mermaid") == [mermaid(definition) + "\n"], (
        "podium compile --format mermaid draws it"
    )


def test_the_readme_shows_every_worker_task_of_its_definition() -> None:
    definition = blocks(README, "json")[0]

    shown = set().union(*(names(code) for code in blocks(README, "python")))

    assert shown == set(re.findall(r'"name": "(parcel\.[^"]+)"', definition))


def test_the_tests_that_the_readme_names_exist() -> None:
    named = re.findall(r"\[([^\]]+)\]\((tests/[^)]*/test_[^)]+\.py)\)", README.read_text())

    missing = [
        (name, file)
        for name, file in named
        if f"def test_{name.replace(' ', '_')}(" not in (ROOT / file).read_text()
    ]

    assert named
    assert not missing


def test_the_tables_of_the_readme_are_current() -> None:
    page = README.read_text()

    assert page == with_tables(page), "write them anew: python -m app.reference"


def test_the_page_of_errors_is_current() -> None:
    assert ERRORS.read_text() == errors_page(), "write it anew: python -m app.reference"


def test_the_page_of_the_rest_api_is_current() -> None:
    page = ROOT / "docs" / "reference" / "rest.md"

    assert page.read_text() == rest_page(), "write it anew: python -m app.reference"


def test_every_decision_is_in_their_index() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text()

    linked = re.findall(r"^\d+\. \[.*\]\((.*\.md)\)$", index, re.MULTILINE)

    assert linked == sorted(page.name for page in folder.glob("0*.md"))


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, todo = set[Path](), [README]

    while todo:
        page = todo.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
            if not target.startswith("http"):
                todo.append((page.parent / target).resolve())

    assert set(PAGES) - reached == set()


def test_the_worker_in_javascript_is_the_one_that_the_tests_run() -> None:
    (shown,) = blocks(ROOT / "docs" / "howto" / "write-a-worker-in-javascript.md", "javascript")

    assert (ROOT / "tests" / "clients" / "scripts" / "node.mjs").read_text().endswith(shown)
