"""What comes in: Conductor's request bodies. Unknown fields are ignored, `null` is as good as nothing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from workflows.model import RateLimitConfig

INT_MAX = 2**31 - 1
"""What the database's integers, and Conductor's, end at."""
Name = Annotated[str, Field(min_length=1, max_length=255)]
Key = Annotated[str, Field(max_length=500)]
Natural = Annotated[int, Field(ge=0, le=INT_MAX)]
Time = Annotated[int, Field(ge=0, le=2**53)]
Object = dict[str, Any]


def _blank_is_nothing(value: Any) -> Any:
    # SDKs send empty parameters and Python's None as text.
    return None if value in ("", "None", "null") else value


def blank_is_zero(value: Any) -> Any:
    """0 for what SDKs send in the place of nothing."""
    return 0 if value in ("", "None", "null", None) else value


OptionalText = Annotated[Key | None, BeforeValidator(_blank_is_nothing), Query()]
OptionalInt = Annotated[Natural | None, BeforeValidator(_blank_is_nothing), Query()]
OptionalTime = Annotated[Time | None, BeforeValidator(_blank_is_nothing), Query()]
Offset = Annotated[int, BeforeValidator(blank_is_zero), Query(ge=0, le=1_000_000)]
InPath = Annotated[str, Path(min_length=1, max_length=255)]
VersionInPath = Annotated[int, Path(ge=0, le=INT_MAX)]


class Body(BaseModel):
    """Base of the bodies: names as in Conductor's JSON."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


class StartWorkflowRequest(Body):
    """What is to be started, and with what."""

    name: Name | None = None
    version: Annotated[int, Field(ge=0, le=INT_MAX)] | None = None
    """None and 0: the latest."""
    correlation_id: Key | None = None
    input: Object | None = None
    task_to_domain: dict[str, str] | None = None
    workflow_def: Object | None = None
    """Runs this instead of what is registered."""
    priority: Annotated[int, Field(ge=0, le=99)] | None = None
    created_by: Key | None = None
    idempotency_key: Key | None = None
    idempotency_strategy: str | None = None
    external_input_payload_storage_path: Key | None = None
    """Where the client has put its input, in the place of `input`."""


class RateLimitBody(Body):
    """A limit as the SDKs of Orkes write it, with one of two pairs of names."""

    rate_limit_key: Key | None = None
    concurrent_exec_limit: Natural | None = None
    tag: Key | None = None
    concurrent_execution_limit: Natural | None = None


class WorkflowTagBody(Body):
    """How many executions of a workflow definition may run at a time."""

    rate_limit: RateLimitBody

    def config(self) -> RateLimitConfig:
        """The same as a definition has it."""
        limit = self.rate_limit
        given = (limit.concurrent_exec_limit, limit.concurrent_execution_limit)
        return RateLimitConfig(
            rate_limit_key=limit.rate_limit_key or limit.tag,
            concurrent_exec_limit=next((each for each in given if each is not None), 0),
        )


class ExecLog(Body):
    """A line of a task's log."""

    log: str | None = None
    task_id: str | None = None
    created_time: int | None = None


class TaskResultBody(Body):
    """What a worker answers."""

    workflow_instance_id: str | None = None
    task_id: Annotated[str, Field(min_length=1, max_length=255)]
    status: str
    output_data: Object | None = None
    reason_for_incompletion: str | None = None
    worker_id: str | None = None
    callback_after_seconds: Annotated[int, Field(ge=0, le=INT_MAX)] | None = None
    extend_lease: bool | None = None
    logs: list[ExecLog | str] | None = None
    sub_workflow_id: str | None = None
    external_output_payload_storage_path: Key | None = None
    """Where the worker has put its output, in the place of `outputData`."""


class FileUploadRequest(Body):
    """A file that is going to be uploaded."""

    workflow_id: Annotated[str, Field(min_length=1, max_length=255)]
    file_name: Annotated[str, Field(max_length=255)] | None = None
    content_type: Annotated[str, Field(max_length=255)] | None = None
    task_id: Annotated[str, Field(max_length=255)] | None = None


class MultipartCompleteRequest(Body):
    """The ETags of the parts of a file, in their order."""

    part_etags: Annotated[
        list[Annotated[str, Field(max_length=255)]], Field(alias="partETags", max_length=10_000)
    ]


class TokenRequest(Body):
    """A key and its secret."""

    key_id: str
    key_secret: str
