"""What goes out: Conductor's documents as the OpenAPI document has them. Answers are not made by these models, which say
what is promised of them; a test compares both."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from app.operations.files import UploadStatus
from app.operations.waiting import ReturnStrategy
from app.rest.replies import Json, Text
from workflows.status import TaskStatus, WorkflowStatus

Object = dict[str, Any]
Ms = Annotated[int, Field(description="Milliseconds since the epoch (UTC).")]
Iso = Annotated[str, Field(description="ISO 8601, or empty.")]
One = TypeVar("One")


class Answer(BaseModel):
    """Base of the answers: names as in Conductor's JSON. There may be more fields."""

    model_config = ConfigDict(alias_generator=to_camel, extra="allow")


class Error(Answer):
    """Why a call was not carried out."""

    status: int
    message: str
    instance: str
    retryable: bool
    validation_errors: list[ValidationError] | None = None
    error: str | None = None


class ValidationError(Answer):
    """One thing that is wrong, and where."""

    path: str
    message: str


class Task(Answer):
    """An attempt of a task."""

    task_id: str
    task_type: str
    task_def_name: str
    reference_task_name: str
    status: TaskStatus
    workflow_instance_id: str
    workflow_type: str
    input_data: Object
    output_data: Object
    seq: int
    retry_count: int
    retried: bool
    retried_task_id: str | None
    executed: bool
    poll_count: int
    scheduled_time: Ms
    start_time: Ms
    end_time: Ms
    update_time: Ms
    first_start_time: Ms
    queue_wait_time: int
    start_delay_in_seconds: int
    response_timeout_seconds: int
    callback_after_seconds: int
    callback_from_worker: bool
    reason_for_incompletion: str | None
    worker_id: str | None
    domain: str | None
    workflow_task: Object | None
    workflow_priority: int
    correlation_id: str | None
    rate_limit_per_frequency: int
    rate_limit_frequency_in_seconds: int
    iteration: int
    loop_over_task: bool
    sub_workflow_id: str | None
    subworkflow_changed: bool


class WorkflowDefinition(Answer):
    """A workflow definition, with the fields that it was registered with."""

    name: str
    version: int
    tasks: list[Object]
    schema_version: int
    restartable: bool
    timeout_seconds: int
    timeout_policy: str


class TaskDefinition(Answer):
    """A task definition, with the fields that it was registered with."""

    name: str


class Workflow(Answer):
    """An execution."""

    workflow_id: str
    workflow_name: str
    workflow_version: int
    workflow_definition: WorkflowDefinition
    status: WorkflowStatus
    input: Object
    output: Object
    variables: Object
    tasks: list[Task]
    correlation_id: str | None
    priority: int
    parent_workflow_id: str | None
    parent_workflow_task_id: str | None
    reason_for_incompletion: str | None
    failed_reference_task_names: list[str]
    failed_task_names: list[str]
    task_to_domain: dict[str, str]
    event: str | None
    idempotency_key: str | None
    created_by: str | None
    create_time: Ms
    start_time: Ms
    update_time: Ms
    end_time: Ms
    last_retried_time: Ms
    history: list[Object]
    owner_app: str | None


class Status(Answer):
    """How an execution is doing."""

    workflow_id: str
    correlation_id: str | None
    status: WorkflowStatus
    output: Object
    variables: Object


class WorkflowRun(Answer):
    """An execution, as whoever waited for it is told."""

    workflow_id: str
    correlation_id: str | None
    status: WorkflowStatus
    input: Object
    output: Object
    variables: Object
    tasks: list[Task]
    priority: int
    created_by: str | None
    create_time: Ms
    update_time: Ms
    request_id: str | None = None


class SignalResponse(Answer):
    """Where an execution stands, with the fields of a workflow run or, for `BLOCKING_TASK`, of the task that waits."""

    response_type: ReturnStrategy
    target_workflow_id: str
    target_workflow_status: WorkflowStatus
    request_id: str
    signal_timeout: bool
    workflow_id: str
    status: str
    input: Object
    output: Object
    correlation_id: str | None
    priority: int
    variables: Object
    tasks: list[Task]
    created_by: str | None
    create_time: Ms
    update_time: Ms


class WorkflowSummary(Answer):
    """An execution in a list."""

    workflow_id: str
    workflow_type: str
    version: int
    status: WorkflowStatus
    start_time: Iso
    update_time: Iso
    end_time: Iso
    input: str
    output: str
    execution_time: int
    priority: int
    correlation_id: str | None
    reason_for_incompletion: str | None
    failed_reference_task_names: str
    event: str | None
    created_by: str | None
    input_size: int
    output_size: int


class TaskSummary(Answer):
    """A task in a list."""

    workflow_id: str
    workflow_type: str
    task_id: str
    task_type: str
    task_def_name: str
    status: TaskStatus
    scheduled_time: Iso
    start_time: Iso
    update_time: Iso
    end_time: Iso
    input: str
    output: str
    execution_time: int
    queue_wait_time: int
    workflow_priority: int
    correlation_id: str | None
    reason_for_incompletion: str | None
    domain: str | None


class SearchResult(BaseModel, Generic[One]):
    """A page of a list."""

    model_config = ConfigDict(alias_generator=to_camel)

    total_hits: int
    results: list[One]
    searched_back_to: int | None = None
    """How far a search has looked, where it stopped before the oldest (milliseconds since the epoch)."""


class BulkResponse(Answer):
    """What became of each."""

    bulk_error_results: dict[str, str]
    bulk_successful_results: list[Any]


class PollData(Answer):
    """When tasks of a name were last asked for."""

    queue_name: str
    domain: str | None
    worker_id: str
    last_poll_time: Ms


class TaskLog(Answer):
    """A line of a task's log."""

    log: str
    task_id: str
    created_time: Ms


class NameAndVersion(Answer):
    """A version of a definition."""

    name: str
    version: int
    create_time: Ms


class SchemaDocument(Answer):
    """A registered schema."""

    name: str
    version: int
    type: str
    data: Object | None = None
    create_time: Ms
    update_time: Ms


class TagDocument(Answer):
    """A label."""

    type: str
    key: str
    value: str


class SecretDocument(Answer):
    """The name of a secret, and its labels."""

    name: str
    tags: list[TagDocument]


class WorkflowTag(Answer):
    """How many executions of a definition may run at a time; empty where any number may."""

    rate_limit: RateLimit | None = None


class RateLimit(Answer):
    """What the executions are counted by, and their number."""

    rate_limit_key: str | None = None
    concurrent_exec_limit: int


class Token(Answer):
    """A token for the header X-Authorization."""

    token: str


class User(Answer):
    """Who calls."""

    id: str
    name: str
    roles: list[Object]
    application_user: bool


class Location(Answer):
    """Where a client may write a payload, or read it."""

    uri: str
    path: str


class FileHandle(Answer):
    """What is told of a file."""

    file_handle_id: str
    file_name: str | None
    content_type: str | None
    file_size: int
    """0 before its upload is complete."""
    content_hash: str | None
    """SHA-256 in hexadecimal digits, once its upload is complete."""
    storage_type: str
    upload_status: UploadStatus
    workflow_id: str
    task_id: str | None
    created_at: Ms
    updated_at: Ms


class FileUpload(Answer):
    """A file that was announced, and where its content is to be put."""

    file_handle_id: str
    file_name: str | None
    content_type: str | None
    storage_type: str
    upload_status: UploadStatus
    created_at: Ms
    upload_url: str
    upload_url_expires_at: Ms


class FileUploadUrl(Answer):
    """Where content is to be put."""

    file_handle_id: str
    upload_url: str
    expires_at: Ms


class FileDownloadUrl(Answer):
    """Where content is."""

    file_handle_id: str
    download_url: str
    expires_at: Ms


class FileUploadComplete(Answer):
    """A file that is uploaded."""

    file_handle_id: str
    upload_status: UploadStatus
    content_hash: str | None


class MultipartUpload(Answer):
    """An upload in parts."""

    file_handle_id: str
    upload_id: str


class Health(Answer):
    """Whether this process can work."""

    healthy: bool
    health_results: list[Object]


class HandlerDocument(Answer):
    """An event handler, with the fields that it was registered with."""

    name: str
    event: str
    actions: list[Object]


class EventExecution(Answer):
    """What one action did with a message."""

    id: str
    message_id: str
    name: str
    event: str
    created: Ms
    status: str
    action: str | None
    output: Any
    reason: str | None


class Message(Answer):
    """A message as it was received."""

    id: str
    message_id: str
    event: str
    payload: Any
    status: str
    reason: str | None
    received: Ms
    handled: Ms | None
    executions: list[EventExecution]


class OutboxEntry(Answer):
    """An event that has not gone out."""

    id: str
    sink: str
    payload: Any
    created: Ms
    tries: int
    next_time: Ms | None
    reason: str | None


class Schedule(Answer):
    """A schedule, with the fields that it was registered with."""

    name: str
    start_workflow_request: Object
    zone_id: str
    run_catchup_schedule_instances: bool
    paused: bool
    paused_reason: str | None
    next_run_time: Ms | None
    create_time: Ms
    updated_time: Ms


class Firing(Answer):
    """One firing of a schedule."""

    execution_id: str
    schedule_name: str
    scheduled_time: Ms | None
    execution_time: Ms
    workflow_name: str
    workflow_id: str | None
    state: str
    reason: str | None


TEXT: dict[str, Any] = {"response_class": Text}
NOTHING: dict[str, Any] = {"response_class": Response}
OR_NOTHING: dict[str, Any] = {"responses": {204: {"description": "There is none."}}}


def answers(model: Any) -> dict[str, Any]:
    """What is written beside a route that answers such a document."""
    return {"response_model": model, "response_class": Json}
