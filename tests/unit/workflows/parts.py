"""Small tasks, and what the static checks say about a workflow of them."""

from __future__ import annotations

from typing import Any

from workflows.builder import Part, simple, workflow
from workflows.validation import validate

AGAIN = "$.loop['iteration'] < 3"
"""A loop condition."""


def reads(ref: str, *sources: str, **fields: Any) -> Part:
    """A worker task whose input reads the outputs of other tasks."""
    given = {f"from_{index}": f"${{{source}.output}}" for index, source in enumerate(sources)}
    return simple("work", ref=ref, input=given, **fields)


def a(ref: str) -> Part:
    """A worker task."""
    return simple("work", ref=ref)


def found(*parts: Part, **fields: Any) -> list[tuple[str, str, str]]:
    """The findings about a workflow of these parts, as (severity, rule, path)."""
    findings = validate(workflow("w", **fields)(*parts))
    return [(finding.severity, finding.rule, finding.path) for finding in findings]
