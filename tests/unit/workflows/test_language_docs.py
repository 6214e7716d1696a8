"""The reference pages of the language: their examples run, and their tables are complete."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import workflows
from workflows.documents import MAX_BYTES
from workflows.expressions import Template
from workflows.loading import load_text
from workflows.validation import validate

PACKAGE = Path(workflows.__file__).parent
REFERENCE = PACKAGE.parent / "docs" / "reference"
DEFINITIONS = (REFERENCE / "definitions.md").read_text()
EXPRESSIONS = (REFERENCE / "expressions.md").read_text()


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


EXAMPLES = re.findall(r"^\| `(.*\$\{.*)` \| `(.*)` \|$", EXPRESSIONS, re.MULTILINE)


def test_the_page_has_its_examples() -> None:
    assert len(EXAMPLES) == 25


@pytest.mark.parametrize(("written", "resolved"), EXAMPLES)
def test_an_expression_of_the_page_resolves_to_what_it_says(written: str, resolved: str) -> None:
    context = json.loads(blocks(EXPRESSIONS, "json")[0])

    value = Template.compile(written).resolve(context)

    assert json.dumps(value) == json.dumps(json.loads(resolved))


def test_the_definition_is_the_same_in_yaml_and_in_python() -> None:
    namespace: dict[str, Any] = {}

    exec(blocks(DEFINITIONS, "python")[0], namespace)

    assert load_text(blocks(DEFINITIONS, "yaml")[0]).workflow.to_json() == namespace["definition"].to_json()
    assert validate(namespace["definition"]) == []


@pytest.mark.parametrize("example", blocks(DEFINITIONS, "json"))
def test_a_json_example_of_the_page_is_read(example: str) -> None:
    definitions = load_text(example, syntax="json")

    assert definitions.tasks
    assert [finding for workflow in definitions.workflows for finding in validate(workflow)] == []


def test_the_table_of_rules_is_complete() -> None:
    sources = "".join(path.read_text() for path in (PACKAGE / "validation").glob("*.py"))
    rules = {(rule, severity) for severity, rule in re.findall(r'"(error|warning)", "([a-z-]+)"', sources)}

    assert set(re.findall(r"^\| `([a-z-]+)` \| (error|warning) \|", DEFINITIONS, re.MULTILINE)) == rules


def test_the_limits_are_those_of_the_loader() -> None:
    assert f"at most {MAX_BYTES // 1024**2} MiB" in DEFINITIONS
