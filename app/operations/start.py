"""Start an execution."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import orjson

from app.errors import InvalidInput
from app.runtime import straight
from app.runtime.clock import new_id
from app.runtime.engine import Engine
from app.runtime.payload import dump
from app.runtime.settle import Settlement
from app.runtime.starting import NewExecution, key_holder
from app.store import executions
from app.store.executions import EACH_STEP
from app.store.unit_of_work import Session
from workflows.domains import check as check_domains
from workflows.model import IdempotencyStrategy, WorkflowDef
from workflows.program import Program
from workflows.validation import require_valid


def start(
    engine: Engine,
    name: str,
    input: Mapping[str, Any] | None = None,  # Conductor's name
    *,
    version: int | None = None,
    correlation_id: str | None = None,
    idempotency_key: str | None = None,
    idempotency_strategy: IdempotencyStrategy | str = IdempotencyStrategy.RETURN_EXISTING,
    priority: int = 0,
    created_by: str | None = None,
    event: str | None = None,
    definition: WorkflowDef | None = None,
    task_to_domain: Mapping[str, str] | None = None,
    awaited: bool = False,
    each_step: bool = False,
) -> str:
    """Start an execution of a registered definition; its id. One transaction and at most one message.

    version: not given: the latest.
    idempotency_key: of all starts of one definition with the same key, one makes an execution. What the others
        get is the strategy's: RETURN_EXISTING (the id of that execution), FAIL, or FAIL_ON_RUNNING (fail while
        it runs; once it has ended, a new one is started).
    definition: what is run instead of a registered definition; it need not be registered.
    task_to_domain: in which domain workers must be, by the names of tasks (`*`: of all others).
    awaited: somebody is going to wait for it: that it has ended, or waits for somebody, is told (`Publisher.tell`);
        with `each_step` the end of each task too.

    Raises:
        InvalidDefinition: `definition` is of no use.
        WorkflowNotFound: no such definition.
        InvalidInput: the input is no JSON object, or too large; priority outside 0-99.
        DomainError: `task_to_domain` names no domain.
        IdempotencyConflict: the key is taken, and the strategy forbids another.
        BrokerUnavailable, StoreUnavailable: nothing was started.
    """
    given = _checked(input, priority)
    check_domains(task_to_domain or {})
    if definition is not None:
        require_valid(definition)
    strategy = _strategy(idempotency_strategy)
    engine.publisher.ready()
    execution_id = new_id()

    def new_execution(program: Program) -> NewExecution:
        return NewExecution(
            program,
            given,
            correlation_id=correlation_id,
            idempotency_key=idempotency_key,
            priority=priority,
            task_to_domain=dump(dict(task_to_domain)) if task_to_domain else None,
            created_by=created_by,
            event=event,
            awaited=(execution_id + EACH_STEP if each_step else execution_id) if awaited else None,
        )

    if idempotency_key is None and definition is None:
        program = engine.believed.get((name, version))
        if program is not None:
            new = new_execution(program)
            begun = None
            # What is believed may be older than what is registered, and have another schema: that one decides.
            with contextlib.suppress(InvalidInput):
                begun = straight.begin(engine, name, version, new, execution_id)
            if begun is not None:
                engine.publisher.publish(begun.sends)
                return execution_id

    def work(settlement: Settlement) -> str:
        session = settlement.session
        if definition is None:
            program = engine.registered(session, name, version)
        else:
            program = engine.unregistered(session, definition, settlement.now)
        if idempotency_key is not None:
            existing = key_holder(session, name, idempotency_key, strategy, execution_id)
            if existing is not None:
                return existing
        return engine.insert(settlement, new_execution(program), execution_id).id

    answer: list[str] = []

    def transaction(settlement: Settlement) -> None:
        answer[:] = [work(settlement)]

    def witness(session: Session) -> bool:
        return bool(answer) and executions.by_id(session, answer[0]) is not None

    engine.from_outside(transaction, witness=witness)
    return answer[0]


def start_within(
    settlement: Settlement,
    name: str,
    input: Mapping[str, Any] | None,  # Conductor's name
    *,
    version: int | None = None,
    correlation_id: str | None = None,
    priority: int = 0,
    task_to_domain: Mapping[str, str] | None = None,
    created_by: str | None = None,
    event: str | None = None,
) -> str:
    """Start an execution in the transaction of what it is started for: an event, a slot of a schedule.

    Raises:
        WorkflowNotFound, InvalidInput: as `start`.
    """
    given, engine = _checked(input, priority), settlement.engine
    check_domains(task_to_domain or {})
    new = NewExecution(
        engine.registered(settlement.session, name, version),
        given,
        correlation_id=correlation_id,
        priority=priority,
        task_to_domain=dump(dict(task_to_domain)) if task_to_domain else None,
        created_by=created_by,
        event=event,
    )
    return str(engine.insert(settlement, new).id)


def _strategy(value: IdempotencyStrategy | str) -> IdempotencyStrategy:
    try:
        return IdempotencyStrategy(value)
    except ValueError:
        known = ", ".join(IdempotencyStrategy)
        raise InvalidInput(f"idempotency strategy {value!r} is unknown; it is one of {known}") from None


def _checked(given: Any, priority: int) -> dict[str, Any]:
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        raise InvalidInput(f"the input must be a JSON object (a dict), not {type(given).__name__}")
    if not 0 <= priority <= 99:
        raise InvalidInput(f"priority must be between 0 and 99, not {priority}")
    try:
        plain: dict[str, Any] = orjson.loads(orjson.dumps(dict(given)))
    except TypeError as error:
        raise InvalidInput(f"the input is no JSON: {error}") from None
    return plain
