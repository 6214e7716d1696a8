"""Event handlers as authors write them, and the names of events: `<provider>:<address>?<options>`.

A handler waits for one event and does a list of actions for each message. Field names are Conductor's.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import parse_qsl

from pydantic import Field, ValidationError

from workflows.errors import ExpressionError, InvalidDocument
from workflows.expressions import Template
from workflows.model import Document
from workflows.paths import path_of
from workflows.scripts import JAVASCRIPT, VALUE_PARAM, evaluator_problem, javascript_problem

PROVIDERS: Mapping[str, str] = {
    "conductor": "Podium's own events, kept in its database",
    "amqp_queue": "a queue of RabbitMQ",
    "amqp_exchange": "an exchange of RabbitMQ",
    "redis": "a stream of Redis or Valkey",
    "kafka": "a topic of Kafka",
    "nats": "a subject of NATS",
    "jsm": "a subject of NATS that a stream of JetStream keeps",
}
"""Where events come from and go to."""
SINKS: Mapping[str, str] = {**PROVIDERS, "webhook": "a service that takes a POST"}
"""Where events go to."""


@dataclass(frozen=True, slots=True)
class EventName:
    """`amqp_exchange:orders?exchangeType=topic&routingKey=paid`, taken apart."""

    text: str
    provider: str
    address: str
    options: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> EventName:
        """Take a name apart.

        Raises:
            ValueError: it is no name of an event; the message says why.
        """
        provider, colon, rest = text.partition(":")
        # What stands behind a ? in a webhook's address is the address's own.
        address, _, options = (rest, "", "") if provider == "webhook" else rest.partition("?")
        if not colon or not provider or not address.strip():
            raise ValueError(f"{text!r} is no event; write <provider>:<name>, such as conductor:order_paid")
        return cls(text, provider, address, dict(parse_qsl(options, keep_blank_values=True)))


def event_problem(text: str, known: Mapping[str, str] = PROVIDERS) -> str | None:
    """Why there is no such event (or, with `SINKS`, sink), or None."""
    try:
        name = EventName.parse(text)
    except ValueError as error:
        return str(error)
    if name.provider not in known:
        near = difflib.get_close_matches(name.provider, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"take one of {', '.join(known)}"
        return f"there is no provider {name.provider!r} of events; {hint}"
    if name.provider == "webhook" and not name.address.startswith(("http://", "https://")):
        return f"{text!r} is no address; write webhook:https://host/path"
    return None


KIND = "event handler"


class ActionType(StrEnum):
    """What a handler may do with a message."""

    START_WORKFLOW = "start_workflow"  #: start an execution
    COMPLETE_TASK = "complete_task"  #: complete a task that waits
    FAIL_TASK = "fail_task"  #: fail a task that is open
    TERMINATE_WORKFLOW = "terminate_workflow"  #: end an execution
    UPDATE_WORKFLOW_VARIABLES = "update_workflow_variables"  #: change an execution's variables


class StartWorkflow(Document):
    """`input`, `correlationId` and `taskToDomain` may read the message: `${order.id}`."""

    name: str
    version: int | None = None
    correlation_id: str | None = None
    input: dict[str, Any] = Field(default_factory=dict)
    task_to_domain: dict[str, str] = Field(default_factory=dict)


class TaskDetails(Document):
    """The task of a message: `taskId`, or `workflowId` and `taskRefName`."""

    workflow_id: str | None = None
    task_ref_name: str | None = None
    task_id: str | None = None
    output: dict[str, Any] = Field(default_factory=dict)
    reason_for_incompletion: str | None = None


class TerminateWorkflow(Document):
    """The execution of a message, and why it ends."""

    workflow_id: str
    termination_reason: str | None = None


class UpdateWorkflowVariables(Document):
    """The execution of a message, and its new variables."""

    workflow_id: str
    variables: dict[str, Any] = Field(default_factory=dict)
    append_array: bool = False
    """A list is added to the list that the variable holds, instead of replacing it."""


class Action(Document):
    """One thing to do with a message: `action` names it, and the field of the same name says how."""

    action: ActionType
    start_workflow: StartWorkflow | None = Field(default=None, alias="start_workflow")
    complete_task: TaskDetails | None = Field(default=None, alias="complete_task")
    fail_task: TaskDetails | None = Field(default=None, alias="fail_task")
    terminate_workflow: TerminateWorkflow | None = Field(default=None, alias="terminate_workflow")
    update_workflow_variables: UpdateWorkflowVariables | None = Field(
        default=None, alias="update_workflow_variables"
    )
    expand_inline_json: bool = Field(default=False, alias="expandInlineJSON")
    """Strings of the message that are JSON themselves are read as such."""

    @property
    def details(self) -> Document:
        """The block of this action; registration has made sure that it is there."""
        found = getattr(self, self.action.value)
        assert isinstance(found, Document)
        return found


class EventHandler(Document):
    """What is done when a message of an event comes."""

    name: Annotated[str, Field(min_length=1)]
    event: str
    condition: str | None = None
    """A script that sees the message as `$`; the actions are done when it is true. None: always."""
    evaluator_type: str | None = None
    """`javascript` unless given; `value-param`: `condition` names a field."""
    actions: Annotated[list[Action], Field(min_length=1)]
    active: bool = False
    """Only an active handler gets messages."""
    description: str | None = None


def read_handler(document: Any) -> EventHandler:
    """Read a handler and check it.

    Raises:
        InvalidDocument: it is none, with all problems at once.
    """
    try:
        handler = EventHandler.model_validate(document)
    except ValidationError as error:
        found = [(path_of(e["loc"]), str(e["msg"])) for e in error.errors()]
        raise InvalidDocument(KIND, name_of(document), found) from None
    problems = list(_problems(handler))
    if problems:
        raise InvalidDocument(KIND, handler.name, problems)
    return handler


def _problems(handler: EventHandler) -> Iterator[tuple[str, str]]:
    problem = event_problem(handler.event)
    if problem:
        yield "event", problem
    evaluator = handler.evaluator_type or JAVASCRIPT[0]
    problem = evaluator_problem(evaluator)
    if problem:
        yield "evaluatorType", problem
    elif handler.condition and handler.condition.strip() and evaluator != VALUE_PARAM:
        problem = javascript_problem(handler.condition)
        if problem:
            yield "condition", f"the script can't be parsed: {problem}"
    for index, action in enumerate(handler.actions):
        yield from _action_problems(action, f"actions[{index}]")


def _action_problems(action: Action, place: str) -> Iterator[tuple[str, str]]:
    details = getattr(action, action.action.value)
    if details is None:
        yield place, f"an action {action.action.value} needs the field {action.action.value}"
        return
    where = f"{place}.{action.action.value}"
    if isinstance(details, TaskDetails) and not (
        details.task_id or (details.workflow_id and details.task_ref_name)
    ):
        yield where, "name the task: taskId, or workflowId and taskRefName"
    try:
        Template.compile(details.to_json())
    except ExpressionError as error:
        yield where, str(error)


def name_of(document: Any) -> str:
    """The name of a document that may be anything."""
    name = document.get("name") if isinstance(document, Mapping) else None
    return str(name or "(without a name)")
