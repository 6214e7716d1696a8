"""Findings, definitions and operators as tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from rich.table import Table

from app.cli.render import duration, moment, status_text, table, text
from app.store.schemas import SchemaRow
from workflows.model import TaskDef
from workflows.operator import Finding, Operator
from workflows.reference import summary


@dataclass(frozen=True, slots=True)
class FileFinding:
    """A finding of a workflow definition, or about a file that can't be read (`workflow` is None)."""

    file: str
    workflow: str | None
    finding: Finding


def findings_table(findings: Iterable[FileFinding], several: bool) -> Table:
    """One line for each finding. `several`: there are several files, so each line names its own."""
    made = table(*(["file"] if several else []), "path", "severity", "what", "fix", whole=["severity"])
    for one in findings:
        made.add_row(
            *([text(one.file)] if several else []),
            text(one.finding.path),
            status_text(one.finding.severity),
            text(one.finding.message),
            text(one.finding.fix),
        )
    return made


def finding_document(one: FileFinding) -> dict[str, Any]:
    """A finding as JSON."""
    found = one.finding
    return {
        "file": one.file,
        "workflow": one.workflow,
        "path": found.path,
        "severity": found.severity,
        "rule": found.rule,
        "message": found.message,
        "fix": found.fix,
    }


def definitions_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """One line for each version of a workflow definition."""
    made = table("name", "version", "tasks", "registered", "description", right=["version", "tasks"])
    for row in rows:
        made.add_row(
            text(row["name"]),
            str(row["version"]),
            str(row["tasks"]),
            moment(row["createTime"]),
            text(row["description"]),
        )
    return made


def task_definitions_table(definitions: Iterable[TaskDef]) -> Table:
    """One line for each task definition."""
    made = table("name", "retries", "delay", "retry logic", "timeout", "description", right=["retries"])
    for one in definitions:
        made.add_row(
            text(one.name),
            str(one.retry_count),
            duration(one.retry_delay_seconds * 1000),
            str(one.retry_logic),
            duration(one.timeout_seconds * 1000) if one.timeout_seconds else "",
            text(one.description),
        )
    return made


def schemas_table(rows: Iterable[SchemaRow]) -> Table:
    """One line for each version of a schema."""
    made = table("name", "version", "type", "changed", right=["version"])
    for row in rows:
        kind = orjson.loads(row.content).get("type")
        made.add_row(text(row.name), str(row.version), text(kind), moment(row.updated))
    return made


def operators_table(operators: Iterable[Operator]) -> Table:
    """One line for each operator."""
    made = table("type", "", whole=["type"])
    for operator in operators:
        made.add_row(operator.type, summary(operator))
    return made


def operator_document(operator: Operator) -> dict[str, Any]:
    """An operator as JSON: what it is for, and the JSON schema of its fields."""
    return {
        "type": operator.type,
        "aliases": list(operator.aliases),
        "summary": summary(operator),
        "fields": operator.spec.model_json_schema(by_alias=True),
        "examples": [{"title": example.title, "task": example.task} for example in operator.examples],
    }
