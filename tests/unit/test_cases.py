"""docs/reference/cases.md names a test for each case, and each of them is there."""

from __future__ import annotations

import re

from app.reference import ROOT
from workflows.model import TaskDef, WorkflowDef
from workflows.operator import operators

PAGE = ROOT / "docs" / "reference" / "cases.md"
ROW = re.compile(r"^\| `?(\w+)`? \| .* \| \[(.+)\]\((\S+)\) \|$", re.MULTILINE)
AUDITABLE = {"ownerApp", "createTime", "updateTime", "createdBy", "updatedBy"}
ABOUT = {
    "WorkflowDef": {
        # Names, and what no engine reads.
        *(
            "name",
            "description",
            "tasks",
            "inputParameters",
            "outputParameters",
            "schemaVersion",
            "ownerEmail",
        ),
        *("metadata", "variables", "failureWorkflowVersion", "enforceSchema", "cacheConfig"),
        # What changes are told of: tests/events/test_listeners.py.
        *("workflowStatusListenerEnabled", "workflowStatusListenerSink"),
    },
    "TaskDef": {
        *("name", "description", "ownerEmail", "inputKeys", "outputKeys", "isolationGroupId", "baseType"),
        *("executionNameSpace", "taskStatusListenerEnabled", "rateLimitFrequencyInSeconds"),
    },
}


def named() -> list[tuple[str, str, str]]:
    found = ROW.findall(PAGE.read_text())
    assert len(found) == len(
        re.findall(r"^\| (?!operator|setting|operation|---)", PAGE.read_text(), re.MULTILINE)
    )
    return found


def test_each_test_that_is_named_is_there() -> None:
    missing = []
    for _, test, path in named():
        text = (PAGE.parent / path).read_text()
        if f"def {test}(" not in text and f'"{test}": (' not in text:
            missing.append((test, path))

    assert missing == []


def test_each_operator_has_a_case() -> None:
    assert set(operators().keys()) - {what for what, _, _ in named()} == set()


def test_each_setting_has_a_case_or_is_known_to_do_nothing() -> None:
    cases = {what for what, _, _ in named()}

    for model in (WorkflowDef, TaskDef):
        settings = {field.alias or name for name, field in model.model_fields.items()}
        assert settings - cases - AUDITABLE - ABOUT[model.__name__] == set()
    assert {"startDelay", "optional", "permissive", "asyncComplete", "cacheConfig", "onStateChange"} <= cases
