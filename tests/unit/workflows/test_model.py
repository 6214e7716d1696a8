"""The model: Conductor's fields, defaults and constraints, and documents that survive a round trip."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from workflows.model import (
    IdempotencyStrategy,
    JoinMode,
    RetryLogic,
    TaskDef,
    TimeoutPolicy,
    WorkflowDef,
    WorkflowTask,
    WorkflowTimeoutPolicy,
)

EVERY_FIELD: dict[str, Any] = {
    "name": "order",
    "description": "an order",
    "version": 3,
    "tasks": [
        {
            "name": "route",
            "taskReferenceName": "route_ref",
            "description": "by kind",
            "inputParameters": {"kind": "${workflow.input.kind}", "nothing": None, "list": [1, None, 2.5]},
            "type": "SWITCH",
            "evaluatorType": "value-param",
            "expression": "kind",
            "decisionCases": {"gift": [{"name": "wrap", "taskReferenceName": "wrap_ref"}], "digital": []},
            "defaultCase": [{"name": "pack", "taskReferenceName": "pack_ref", "optional": True}],
            "metadata": {"colour": "red"},
        },
        {
            "name": "both",
            "taskReferenceName": "both",
            "type": "FORK_JOIN",
            "forkTasks": [[{"name": "a", "taskReferenceName": "a", "retryCount": 0}], []],
        },
        {
            "name": "j",
            "taskReferenceName": "j",
            "type": "JOIN",
            "joinOn": ["a"],
            "joinMode": "SYNC",
            "joinStatus": "x",
            "defaultExclusiveJoinTask": ["a"],
        },
        {
            "name": "again",
            "taskReferenceName": "again",
            "type": "DO_WHILE",
            "loopCondition": "",
            "loopOver": [{"name": "b", "taskReferenceName": "b", "startDelay": 5, "asyncComplete": True}],
            "items": "${workflow.input.items}",
        },
        {
            "name": "sub",
            "taskReferenceName": "sub",
            "type": "SUB_WORKFLOW",
            "subWorkflowParam": {
                "name": "other",
                "version": 2,
                "taskToDomain": {"*": "eu"},
                "workflowDefinition": {"name": "inline", "tasks": []},
                "idempotencyKey": "k",
                "idempotencyStrategy": "RETURN_EXISTING",
                "priority": "${workflow.input.priority}",
            },
            "permissive": True,
            "rateLimited": False,
            "cacheConfig": {"key": "k", "ttlInSecond": 60},
            "onStateChange": {"onStart": [{"type": "notify", "payload": {"to": "me"}}]},
        },
        {
            "name": "old",
            "taskReferenceName": "old",
            "type": "OLD",
            "dynamicTaskNameParam": "t",
            "caseValueParam": "c",
            "caseExpression": "e",
            "scriptExpression": "s",
            "dynamicForkTasksParam": "f",
            "dynamicForkTasksInputParamName": "i",
            "dynamicForkJoinTasksParam": "d",
            "sink": "conductor",
            "taskDefinition": {"name": "old", "timeoutSeconds": 60, "responseTimeoutSeconds": 30},
        },
    ],
    "inputParameters": ["kind"],
    "outputParameters": {"packed": "${pack_ref.output}"},
    "failureWorkflow": "undo",
    "failureWorkflowVersion": 1,
    "schemaVersion": 2,
    "restartable": False,
    "workflowStatusListenerEnabled": True,
    "workflowStatusListenerSink": "kafka",
    "ownerEmail": "a@example.com",
    "timeoutPolicy": "TIME_OUT_WF",
    "timeoutSeconds": 60,
    "variables": {"count": 0},
    "inputTemplate": {"kind": "gift"},
    "rateLimitConfig": {"rateLimitKey": "k", "concurrentExecLimit": 2, "policy": "REJECT"},
    "inputSchema": {
        "name": "in",
        "version": 1,
        "type": "JSON",
        "data": {"type": "object"},
        "externalRef": "x",
    },
    "outputSchema": {"name": "out"},
    "enforceSchema": False,
    "metadata": {"team": "shop"},
    "cacheConfig": {"key": "k", "ttlInSecond": 1},
    "maskedFields": ["card"],
    "ownerApp": "shop",
    "createTime": 1,
    "updateTime": 2,
    "createdBy": "a",
    "updatedBy": "b",
}

EVERY_TASK_FIELD: dict[str, Any] = {
    "name": "charge",
    "description": "charges",
    "ownerEmail": "a@example.com",
    "retryCount": 5,
    "retryLogic": "LINEAR_BACKOFF",
    "retryDelaySeconds": 2,
    "backoffScaleFactor": 3,
    "maxRetryDelaySeconds": 60,
    "backoffJitterMs": 500,
    "timeoutSeconds": 120,
    "timeoutPolicy": "RETRY",
    "responseTimeoutSeconds": 60,
    "pollTimeoutSeconds": 30,
    "totalTimeoutSeconds": 600,
    "concurrentExecLimit": 4,
    "rateLimitPerFrequency": 10,
    "rateLimitFrequencyInSeconds": 60,
    "inputKeys": ["order"],
    "outputKeys": ["receipt"],
    "inputTemplate": {"currency": "EUR"},
    "runtimeMetadata": ["KEY"],
    "isolationGroupId": "g",
    "executionNameSpace": "n",
    "taskStatusListenerEnabled": False,
    "baseType": "b",
    "inputSchema": {"name": "in"},
    "outputSchema": {"name": "out"},
    "enforceSchema": True,
    "ownerApp": "shop",
}


def test_a_workflow_definition_with_every_field_survives_a_round_trip() -> None:
    definition = WorkflowDef.model_validate(EVERY_FIELD)

    assert definition.to_json() == EVERY_FIELD
    assert WorkflowDef.model_validate(definition.to_json()) == definition


def test_a_task_definition_with_every_field_survives_a_round_trip() -> None:
    assert TaskDef.model_validate(EVERY_TASK_FIELD).to_json() == EVERY_TASK_FIELD


def test_every_field_of_conductor_is_known() -> None:
    definition = WorkflowDef.model_validate(EVERY_FIELD)

    assert not definition.model_extra
    assert not any(task.model_extra for task in definition.tasks)
    assert {field for task in definition.tasks for field in task.model_fields_set} == set(
        WorkflowTask.model_fields
    ) - {
        *("retry_count", "start_delay", "async_complete", "optional"),
        # Podium's own
        *("compensation", "became", "input_expression"),
    }
    assert not TaskDef.model_validate(EVERY_TASK_FIELD).model_extra


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
unknown_fields = st.dictionaries(st.text(max_size=5).map("x{}".format), json_values, max_size=2)
leaves = st.builds(
    lambda name, extra, given: {"name": name, "taskReferenceName": name, "inputParameters": given, **extra},
    st.text(min_size=1, max_size=5),
    unknown_fields,
    st.dictionaries(st.text(max_size=5), json_values, max_size=3),
)
tasks = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda task, lists: {**task, **lists},
        leaves,
        st.fixed_dictionaries(
            {},
            optional={
                "forkTasks": st.lists(st.lists(inner, max_size=2), max_size=2),
                "loopOver": st.lists(inner, max_size=2),
                "decisionCases": st.dictionaries(
                    st.text(max_size=5), st.lists(inner, max_size=2), max_size=2
                ),
            },
        ),
    ),
    max_leaves=4,
)


@settings(max_examples=40)
@given(st.lists(tasks, max_size=2), unknown_fields)
def test_any_document_with_unknown_fields_survives_a_round_trip(
    some_tasks: list[dict[str, Any]], extra: dict[str, Any]
) -> None:
    document = {"name": "any", "tasks": some_tasks, **extra}

    assert WorkflowDef.model_validate(document).to_json() == document


def test_the_defaults_are_conductors() -> None:
    definition = WorkflowDef(name="w")
    task_def = TaskDef(name="t")
    task = WorkflowTask(name="t", task_reference_name="t")

    assert (definition.version, definition.schema_version, definition.restartable) == (1, 2, True)
    assert (definition.timeout_policy, definition.timeout_seconds) == (WorkflowTimeoutPolicy.ALERT_ONLY, 0)
    assert (task_def.retry_count, task_def.retry_logic, task_def.retry_delay_seconds) == (
        3,
        RetryLogic.FIXED,
        60,
    )
    assert (task_def.timeout_policy, task_def.response_timeout_seconds) == (TimeoutPolicy.TIME_OUT_WF, 3600)
    assert (task_def.backoff_scale_factor, task_def.backoff_jitter_ms, task_def.total_timeout_seconds) == (
        1,
        0,
        0,
    )
    assert (task.type, task.retry_count, task.optional, task.permissive) == ("SIMPLE", None, False, False)


def test_what_is_default_and_was_not_given_is_not_written() -> None:
    assert WorkflowTask(name="t", task_reference_name="r").to_json() == {
        "name": "t",
        "taskReferenceName": "r",
    }


def test_what_is_default_and_was_given_is_written() -> None:
    document = {"name": "t", "taskReferenceName": "r", "type": "SIMPLE", "optional": False}

    assert WorkflowTask.model_validate(document).to_json() == document


def test_a_null_field_counts_as_not_given() -> None:
    document = {"name": "t", "retryCount": None, "timeoutPolicy": None, "inputKeys": None, "note": None}

    definition = TaskDef.model_validate(document)

    assert (definition.retry_count, definition.timeout_policy) == (3, TimeoutPolicy.TIME_OUT_WF)
    assert definition.to_json() == {"name": "t", "note": None}


def test_enums_are_read_and_written_by_name() -> None:
    task = WorkflowTask.model_validate(EVERY_FIELD["tasks"][4])

    assert task.sub_workflow_param is not None
    assert task.sub_workflow_param.idempotency_strategy is IdempotencyStrategy.RETURN_EXISTING
    assert task.to_json()["subWorkflowParam"]["idempotencyStrategy"] == "RETURN_EXISTING"
    assert WorkflowTask.model_validate(EVERY_FIELD["tasks"][2]).join_mode is JoinMode.SYNC


def test_python_names_are_accepted_too() -> None:
    assert TaskDef(name="t", retry_count=1) == TaskDef.model_validate({"name": "t", "retryCount": 1})


def test_a_definition_can_not_be_changed_in_place() -> None:
    definition = WorkflowDef(name="w")

    with pytest.raises(ValidationError, match="frozen"):
        definition.version = 2  # type: ignore[misc]  # the model is frozen, which is what is tried
    assert definition.model_copy(update={"version": 2}).to_json() == {"name": "w", "version": 2}


@pytest.mark.parametrize(
    "wrong",
    [
        {"retryCount": -1},
        {"responseTimeoutSeconds": 0},
        {"backoffScaleFactor": 0},
        {"backoffJitterMs": -1},
        {"maxRetryDelaySeconds": -1},
        {"timeoutSeconds": -1},
        {"pollTimeoutSeconds": -1},
        {"retryLogic": "SOMETIMES"},
        {"timeoutSeconds": 10, "responseTimeoutSeconds": 11},
        {"timeoutSeconds": 10},
        {"timeoutSeconds": 10, "responseTimeoutSeconds": 10, "totalTimeoutSeconds": 9},
    ],
    ids=str,
)
def test_a_task_definition_outside_conductors_limits_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TaskDef.model_validate({"name": "t", **wrong})


@pytest.mark.parametrize(
    "right",
    [
        {"retryCount": 0},
        {"responseTimeoutSeconds": 1},
        {"timeoutSeconds": 10, "responseTimeoutSeconds": 10, "totalTimeoutSeconds": 10},
        {"timeoutSeconds": 0, "totalTimeoutSeconds": 5},
    ],
    ids=str,
)
def test_a_task_definition_at_conductors_limits_is_accepted(right: dict[str, Any]) -> None:
    assert TaskDef.model_validate({"name": "t", **right}).to_json() == {"name": "t", **right}


def test_a_timeout_below_the_default_response_timeout_says_where_that_number_comes_from() -> None:
    with pytest.raises(ValidationError, match=r"\(10\) must be at least .* \(3600; not given, its default\)"):
        TaskDef(name="t", timeout_seconds=10)


def test_only_the_second_schema_version_is_accepted() -> None:
    with pytest.raises(ValidationError):
        WorkflowDef(name="w", schema_version=1)


def test_a_task_needs_a_name_and_a_reference() -> None:
    with pytest.raises(ValidationError) as refused:
        WorkflowTask.model_validate({})

    assert {problem["loc"] for problem in refused.value.errors()} == {("name",), ("taskReferenceName",)}
