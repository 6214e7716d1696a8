"""How a call of a worker task ends where it has to do with a transaction of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from celery import Celery
from pydantic import BaseModel
from sqlalchemy import create_engine

from app.errors import EffectImpossible, EffectTooLate
from app.runtime.ports import Attempt
from app.store.unit_of_work import Store
from tasks.calls import CeleryWorkers
from tasks.context import podium_context
from tasks.log import TaskLog
from workflows.operator import Done, Failed


@dataclass
class Completed:
    """A completion that keeps what it is given."""

    output: Any = None
    error: Exception | None = None

    def begin(self, connection: Any) -> None:
        connection.execute("SELECT 1")

    def settle(self, output: Any) -> None:
        if self.error is not None:
            raise self.error
        self.output = output

    def commit(self, commit: Callable[[], None], rollback: Callable[[], None]) -> None:
        commit()


class Receipt(BaseModel):
    id: int


def called(result: Any, completion: Completed | None) -> Any:
    """The outcome of a task whose effect has this output."""
    engine, app = create_engine("sqlite://"), Celery("calls", set_as_current=False)

    @app.task(name="charge", shared=False)
    def charge() -> str:
        context = podium_context()
        assert context is not None
        with engine.connect() as connection, context.effect(connection) as effect:
            assert effect.idempotency_key == context.idempotency_key == "e:charge"
            effect.output = result
        return "not this"

    attempt = Attempt(
        "e", "order", 1, "charge", 0, 0, "t", lambda: "order-42", "e:charge", completion=completion
    )
    try:
        return CeleryWorkers(app, TaskLog(Store(engine))).call("charge", {}, attempt)
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    ("result", "output"), [({"id": 7}, {"id": 7}), (Receipt(id=7), {"id": 7}), (7, {"result": 7}), (None, {})]
)
def test_the_output_of_an_effect_is_what_the_same_result_would_be(result: Any, output: Any) -> None:
    completion = Completed()

    assert called(result, completion) == Done({"result": "not this"})
    assert completion.output == output


def test_what_can_not_be_completed_so_fails_for_good() -> None:
    outcome = called({}, Completed(error=EffectImpossible("the database is another one")))

    assert outcome == Failed("EffectImpossible: the database is another one", terminal=True)
    assert called(object(), Completed()).terminal


def test_who_comes_too_late_fails_as_any_other_attempt() -> None:
    outcome = called({}, Completed(error=EffectTooLate("charge", 2)))

    assert outcome.reason.startswith("EffectTooLate: attempt 2 of charge no longer holds its task")
    assert not outcome.terminal


def test_an_effect_needs_a_step_that_a_worker_runs() -> None:
    assert "belongs to a step of a workflow" in called({}, None).reason
