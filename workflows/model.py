"""What authors write: workflow and task definitions, Conductor's JSON field for field.

Attributes are the snake_case of Conductor's names (`task_reference_name` is `taskReferenceName`). Unknown
fields are kept (`model_extra`) and written back; the static checks warn about them. A property that is `null`
counts as not given, as in Conductor. The models are frozen: `model_copy(update={...})` makes a changed one.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

NonNegative = Annotated[int, Field(ge=0)]


class Document(BaseModel):
    """Base of everything that is read from a definition and written back to one."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="allow", frozen=True, protected_namespaces=()
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_not_given(cls, data: Any) -> Any:
        if not isinstance(data, dict) or None not in data.values():
            return data
        known = {name for field, info in cls.model_fields.items() for name in (field, info.alias)}
        return {key: value for key, value in data.items() if value is not None or key not in known}

    def to_json(self) -> dict[str, Any]:
        """The document as a JSON object: what was given or differs from its default, and unknown fields."""
        document: dict[str, Any] = {}
        for name, info in type(self).model_fields.items():
            value = getattr(self, name)
            if name in self.model_fields_set or value != info.get_default(call_default_factory=True):
                document[info.alias or name] = _plain(value)
        return document | (self.model_extra or {})


def _plain(value: Any) -> Any:
    if isinstance(value, Document):
        return value.to_json()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, StrEnum) else value


class WorkflowTimeoutPolicy(StrEnum):
    """What happens when an execution runs longer than its `timeoutSeconds`."""

    TIME_OUT_WF = "TIME_OUT_WF"  #: the execution ends as TIMED_OUT
    ALERT_ONLY = "ALERT_ONLY"  #: it is logged and counted


class TimeoutPolicy(StrEnum):
    """What happens when a task runs longer than its `timeoutSeconds`."""

    RETRY = "RETRY"  #: the attempt ends as TIMED_OUT and the retry policy decides
    TIME_OUT_WF = "TIME_OUT_WF"  #: the execution ends as TIMED_OUT, without a retry
    ALERT_ONLY = "ALERT_ONLY"  #: it is logged and counted


class RetryLogic(StrEnum):
    """How the delay grows from one attempt to the next."""

    FIXED = "FIXED"  #: the delay
    EXPONENTIAL_BACKOFF = "EXPONENTIAL_BACKOFF"  #: the delay x 2^attempt
    LINEAR_BACKOFF = "LINEAR_BACKOFF"  #: the delay x the scale factor x (attempt + 1)


class IdempotencyStrategy(StrEnum):
    """What a start does when its idempotency key was used before."""

    FAIL = "FAIL"  #: refuse
    RETURN_EXISTING = "RETURN_EXISTING"  #: answer the execution that exists
    FAIL_ON_RUNNING = "FAIL_ON_RUNNING"  #: refuse while that execution runs


class JoinMode(StrEnum):
    """How soon Conductor looks at a JOIN again. Podium decides a JOIN at once in both modes."""

    SYNC = "SYNC"  #: without delay
    ASYNC = "ASYNC"  #: with a growing delay


class SchemaType(StrEnum):
    """The language of a schema."""

    JSON = "JSON"  #: JSON Schema
    AVRO = "AVRO"  #: Apache Avro
    PROTOBUF = "PROTOBUF"  #: Protocol Buffers


class RateLimitPolicy(StrEnum):
    """What happens to an execution above its rate limit."""

    QUEUE = "QUEUE"  #: it waits for its turn
    REJECT = "REJECT"  #: it is refused


class Auditable(Document):
    """Who made and changed a definition; the server sets these. Times are milliseconds since the epoch."""

    owner_app: str | None = None
    create_time: int | None = None
    update_time: int | None = None
    created_by: str | None = None
    updated_by: str | None = None


class SchemaDef(Auditable):
    """A schema of an input or output: with `data`, or the name and version of one that is registered."""

    name: str | None = None
    version: int = 1
    type: SchemaType | None = None
    data: dict[str, Any] | None = None
    external_ref: str | None = None


class RateLimitConfig(Document):
    """How many executions with one key may run at a time."""

    rate_limit_key: str | None = None
    concurrent_exec_limit: NonNegative = 0
    policy: RateLimitPolicy = RateLimitPolicy.QUEUE


class CacheConfig(Document):
    """How long an output may be used again, under which key."""

    key: str | None = None
    ttl_in_second: NonNegative = 0


class StateChangeEvent(Document):
    """An event that a task sends when its status changes."""

    type: str
    payload: dict[str, Any] = {}


class SubWorkflowParams(Document):
    """Which workflow a SUB_WORKFLOW task runs. `name` and `priority` may be expressions."""

    name: str | None = None
    version: int | None = None
    """None and 0: the latest."""
    task_to_domain: dict[str, str] = {}
    workflow_definition: dict[str, Any] | str | None = None
    """A definition as JSON instead of a registered name, or an expression that yields one."""
    idempotency_key: str | None = None
    idempotency_strategy: IdempotencyStrategy | None = None
    priority: int | str | None = None
    compensates: str | None = None
    """Podium's own, in the definitions of compensations: the execution that is undone, in place of a workflow."""


class TaskDef(Auditable):
    """How tasks of one name are retried, timed out and limited."""

    name: str
    description: str | None = None
    owner_email: str | None = None
    retry_count: NonNegative = 3
    retry_logic: RetryLogic = RetryLogic.FIXED
    retry_delay_seconds: NonNegative = 60
    backoff_scale_factor: Annotated[int, Field(ge=1)] = 1
    """LINEAR_BACKOFF only."""
    max_retry_delay_seconds: NonNegative = 0
    """0: no cap."""
    backoff_jitter_ms: NonNegative = 0
    """At most this much is added at random, after the cap."""
    timeout_seconds: NonNegative = 0
    """Of one attempt, from its start. 0: none."""
    timeout_policy: TimeoutPolicy = TimeoutPolicy.TIME_OUT_WF
    response_timeout_seconds: Annotated[int, Field(ge=1)] = 3600
    """Without a sign of life, from the last one."""
    poll_timeout_seconds: NonNegative | None = None
    """Until somebody begins. None or 0: none."""
    total_timeout_seconds: NonNegative = 0
    """Of all attempts and the delays between them. 0: none."""
    concurrent_exec_limit: NonNegative = 0
    """Attempts in progress at a time, over all executions. 0: no limit."""
    rate_limit_per_frequency: NonNegative = 0
    """Starts in each `rate_limit_frequency_in_seconds`, over all executions. 0: no limit."""
    rate_limit_frequency_in_seconds: NonNegative = 1
    input_keys: list[str] = []
    output_keys: list[str] = []
    input_template: dict[str, Any] = {}
    """Defaults of the input: used for keys that are absent or null."""
    runtime_metadata: list[str] = []
    isolation_group_id: str | None = None
    execution_name_space: str | None = None
    task_status_listener_enabled: bool = True
    base_type: str | None = None
    input_schema: SchemaDef | None = None
    output_schema: SchemaDef | None = None
    enforce_schema: bool = False

    @model_validator(mode="after")
    def _timeouts_nest(self) -> Self:
        response, attempt = self.response_timeout_seconds, self.timeout_seconds
        total = self.total_timeout_seconds
        if 0 < attempt < response:
            default = (
                "" if "response_timeout_seconds" in self.model_fields_set else "; not given, its default"
            )
            raise PydanticCustomError(
                "timeouts",
                f"timeoutSeconds ({attempt}) must be at least responseTimeoutSeconds ({response}{default})",
            )
        if 0 < total < attempt:
            raise PydanticCustomError(
                "timeouts", f"totalTimeoutSeconds ({total}) must be at least timeoutSeconds ({attempt})"
            )
        return self


class WorkflowTask(Document):
    """One task of a workflow definition: a call of a worker, or an operator with its own fields."""

    name: str
    task_reference_name: str
    description: str | None = None
    input_parameters: dict[str, Any] = {}
    type: str = "SIMPLE"
    dynamic_task_name_param: str | None = None
    case_value_param: str | None = None
    case_expression: str | None = None
    script_expression: str | None = None
    decision_cases: dict[str, list[WorkflowTask]] = {}
    default_case: list[WorkflowTask] = []
    evaluator_type: str | None = None
    expression: str | None = None
    fork_tasks: list[list[WorkflowTask]] = []
    dynamic_fork_tasks_param: str | None = None
    dynamic_fork_tasks_input_param_name: str | None = None
    dynamic_fork_join_tasks_param: str | None = None
    join_on: list[str] = []
    default_exclusive_join_task: list[str] = []
    join_mode: JoinMode | None = None
    join_status: str | None = None
    start_delay: NonNegative = 0
    """Seconds."""
    sub_workflow_param: SubWorkflowParams | None = None
    sink: str | None = None
    optional: bool = False
    """Its final failure is COMPLETED_WITH_ERRORS and the flow goes on."""
    permissive: bool = False
    """Its final failure is recorded, the flow goes on, and the execution fails at its end."""
    async_complete: bool = False
    """It stays IN_PROGRESS after its work until it is completed from outside."""
    loop_condition: str | None = None
    loop_over: list[WorkflowTask] = []
    items: str | None = None
    retry_count: NonNegative | None = None
    """Instead of the task definition's."""
    task_definition: TaskDef | None = None
    """A task definition for this task alone."""
    rate_limited: bool | None = None
    cache_config: CacheConfig | None = None
    on_state_change: dict[str, list[StateChangeEvent]] = {}
    became: str | None = None
    """Podium's own, in what a DYNAMIC has become: the name of the worker task."""
    input_expression: str | None = None
    """Podium's own, in a branch of a dynamic fork: an expression that yields further input, which is data and not
    evaluated again."""
    compensation: list[WorkflowTask] = []
    """Podium's own: the tasks that undo this one, run when it has completed and the execution then fails, times out
    or is terminated. See `workflows/compensation.py`."""
    metadata: dict[str, Any] = {}


class WorkflowDef(Auditable):
    """A workflow definition: registered by name and version, never changed afterwards."""

    name: str
    description: str | None = None
    version: int = 1
    tasks: list[WorkflowTask] = []
    input_parameters: list[str] = []
    """Names of inputs, for readers; never enforced."""
    output_parameters: dict[str, Any] = {}
    """Evaluated when the execution ends. Empty: the output of the last task."""
    failure_workflow: str | None = None
    failure_workflow_version: int | None = None
    """None: the latest."""
    schema_version: Annotated[int, Field(ge=2, le=2)] = 2
    restartable: bool = True
    workflow_status_listener_enabled: bool = False
    workflow_status_listener_sink: str | None = None
    owner_email: str | None = None
    timeout_policy: WorkflowTimeoutPolicy = WorkflowTimeoutPolicy.ALERT_ONLY
    timeout_seconds: NonNegative = 0
    """0: none."""
    variables: dict[str, Any] = {}
    """What `workflow.variables` holds at the start."""
    input_template: dict[str, Any] = {}
    """Defaults of the input: used for keys that are absent or null."""
    rate_limit_config: RateLimitConfig | None = None
    input_schema: SchemaDef | None = None
    output_schema: SchemaDef | None = None
    enforce_schema: bool = True
    metadata: dict[str, Any] = {}
    cache_config: CacheConfig | None = None
    masked_fields: list[str] = []
