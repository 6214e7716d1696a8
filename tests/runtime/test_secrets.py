"""Secrets reach whoever uses them and nothing else: no row, no log, no answer; on both databases."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.operations import outside
from app.operations.conductor import get_workflow, handed_out_document
from app.operations.outside import ResultStatus, TaskResult
from app.runtime.ports import Attempt
from app.runtime.secrets import Secrets
from app.store.unit_of_work import Store
from config.settings import Settings
from tests.runtime.harness import Harness
from tests.runtime.work import TASK_DEFS
from workflows.builder import Part, http, set_variable, simple, sub_workflow, task, workflow
from workflows.model import TaskDef, WorkflowDef
from workflows.operator import Done, Failed, Outcome
from workflows.validation import validate

VALUE = "s3cret-value-0815"


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODIUM_SECRET_TOKEN", VALUE)


def begun(harness: Harness, *parts: Part, given: Any = None) -> str:
    harness.register({"workflows": [workflow("flow")(*parts).to_json()], "taskDefs": TASK_DEFS})
    return harness.start("flow", given)


def everything(store: Store) -> str:
    """All that the database holds, as text."""
    with store.engine.connect() as connection:
        names = (
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            if store.engine.dialect.name == "postgresql"
            else "SELECT name FROM sqlite_master WHERE type = 'table'"
        )
        tables = [row[0] for row in connection.exec_driver_sql(names)]
        rows = [list(connection.exec_driver_sql(f"SELECT * FROM {name}")) for name in tables]
    return repr(rows)


class Worker:
    """In place of the harness's worker tasks: remembers what it was given."""

    def __init__(self, harness: Harness, outcome: Any = None) -> None:
        self.given: list[dict[str, Any]] = []
        self.attempts: list[Attempt] = []
        self._outcome = outcome
        harness.call = self.call  # type: ignore[method-assign]

    def call(self, name: str, given: Mapping[str, Any], attempt: Attempt) -> Outcome:
        self.given.append(dict(given))
        self.attempts.append(attempt)
        return self._outcome(given) if self._outcome else Done({})


def test_a_worker_task_gets_the_value_and_the_tables_keep_the_name(harness: Harness, store: Store) -> None:
    worker = Worker(harness, lambda given: Done({"said": f"I was given {given['header']}"}))
    header = "Bearer ${workflow.secrets.TOKEN} for ${workflow.input.user}"
    part = simple("work", ref="a", input={"header": header, "deep": [{"key": "${workflow.secrets.TOKEN}"}]})

    execution_id = begun(harness, part, given={"user": "ann"})
    harness.drain()

    assert worker.given == [{"header": f"Bearer {VALUE} for ann", "deep": [{"key": VALUE}]}]
    (row,) = harness.rows(execution_id)
    assert "Bearer ${workflow.secrets.TOKEN} for ann" in row.input
    assert row.output == '{"said":"I was given Bearer *** for ann"}'
    assert VALUE not in everything(store)
    assert VALUE not in repr(get_workflow(harness.engine, execution_id))


def test_a_failure_that_tells_the_value_is_hidden_too(harness: Harness, store: Store) -> None:
    Worker(harness, lambda given: Failed(f"401 for {given['key']}", terminal=True))

    execution_id = begun(harness, simple("work", ref="a", input={"key": "${workflow.secrets.TOKEN}"}))
    harness.drain()

    assert harness.rows(execution_id)[0].reason == "401 for ***"
    assert "401 for ***" in (harness.execution(execution_id).reason or "")
    assert VALUE not in everything(store)


def test_data_that_looks_like_a_secret_is_data(harness: Harness) -> None:
    worker = Worker(harness)
    given = {"evil": "${workflow.secrets.TOKEN}", "list": ["${workflow.secrets.TOKEN}"]}
    part = simple("work", ref="a", input={"evil": "${workflow.input.evil}", "all": "${workflow.input}"})

    begun(harness, part, given=given)
    harness.drain()

    assert worker.given == [{"evil": "${workflow.secrets.TOKEN}", "all": given}]


def test_a_text_of_data_beside_a_secret_names_no_other_one(
    harness: Harness,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PODIUM_SECRET_OTHER", "another-one")
    worker = Worker(harness)
    part = simple("work", ref="a", input={"text": "${workflow.secrets.TOKEN} ${workflow.input.text}"})

    begun(harness, part, given={"text": "${workflow.secrets.OTHER}"})
    harness.drain()

    assert worker.given == [{"text": f"{VALUE} ${{workflow.secrets.OTHER}}"}]


def test_a_secret_that_is_not_there_fails_the_task_for_good(harness: Harness) -> None:
    worker = Worker(harness)

    execution_id = begun(harness, simple("work", ref="a", input={"key": "${workflow.secrets.NOBODY}"}))
    harness.drain()

    (row,) = harness.rows(execution_id)
    assert row.status == "FAILED_WITH_TERMINAL_ERROR"
    assert "set PODIUM_SECRET_NOBODY" in (row.reason or "")
    assert worker.given == []


def test_a_task_of_an_outside_worker_is_handed_out_with_the_value_and_answered_without(
    harness: Harness,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PODIUM_ENV_REGION", "eu-1")
    part = simple(
        "elsewhere",
        ref="a",
        input={"key": "${workflow.secrets.TOKEN}"},
        task_definition=TaskDef(name="elsewhere", runtime_metadata=["TOKEN", "REGION"]),
    )
    execution_id = begun(harness, part)

    (task,) = outside.hand_out(harness.engine, "elsewhere", "w")
    document = handed_out_document(harness.engine, task)
    result = TaskResult(task.row.id, ResultStatus.COMPLETED, {"echo": VALUE}, logs=[f"I use {VALUE}"])
    outside.update(harness.engine, result)

    assert document["inputData"] == {"key": VALUE}
    assert document["runtimeMetadata"] == {"TOKEN": VALUE, "REGION": "eu-1"}
    assert harness.rows(execution_id)[0].output == '{"echo":"***"}'
    assert VALUE not in everything(store)


def test_an_outside_task_whose_secret_is_not_there_fails_and_is_not_handed_out(harness: Harness) -> None:
    execution_id = begun(harness, simple("elsewhere", ref="a", input={"key": "${workflow.secrets.NOBODY}"}))

    assert outside.hand_out(harness.engine, "elsewhere", "w") == []

    assert harness.rows(execution_id)[0].status == "FAILED_WITH_TERMINAL_ERROR"


def test_an_operator_that_uses_one_gets_it(harness: Harness, store: Store) -> None:
    nowhere = "http://127.0.0.1:1/${workflow.secrets.TOKEN}"

    execution_id = begun(harness, http("GET", nowhere, ref="call"))
    harness.drain()

    (row,) = harness.rows(execution_id)
    assert row.status == "FAILED"
    assert VALUE not in everything(store)


def test_a_message_to_kafka_gets_the_password_of_its_address(harness: Harness, store: Store) -> None:
    servers = "kafka://shop:${workflow.secrets.TOKEN}@127.0.0.1:1"
    soon = {"requestTimeoutMs": 100, "maxBlockMs": 100}
    request = {"bootStrapServers": servers, "topic": "orders", "value": 1, **soon}

    execution_id = begun(harness, task("KAFKA_PUBLISH", "call", input={"kafka_request": request}))
    harness.drain()

    (row,) = harness.rows(execution_id)
    assert (row.status, "_MSG_TIMED_OUT" in (row.reason or "")) == ("FAILED", True)
    assert VALUE not in everything(store)


def test_a_file_of_a_directory_is_a_secret(tmp_path: Path) -> None:
    (tmp_path / "DB_PASSWORD").write_text("from a file\n")
    secrets = Secrets(Settings(state_dir=tmp_path, secrets_dir=tmp_path))

    assert secrets.value("DB_PASSWORD") == "from a file"
    assert {"DB_PASSWORD", "TOKEN"} <= set(secrets.names())


def _errors(definition: WorkflowDef) -> list[tuple[str, str]]:
    return [(f.path, f.rule) for f in validate(definition) if f.rule.startswith(("secret", "malformed"))]


def test_a_secret_that_would_be_stored_is_refused_at_registration() -> None:
    text = "${workflow.secrets.TOKEN}"
    kept = workflow("kept", output={"leak": text})(
        set_variable("keep", key=text), sub_workflow("child", ref="child", input={"key": text})
    )
    odd = workflow("odd")(simple("work", ref="a", input={"key": "${workflow.secrets['TOKEN']}"}))
    fine = workflow("fine")(simple("work", ref="a", input={"key": text}))

    assert sorted(_errors(kept)) == [
        ("outputParameters.leak", "secret-would-be-stored"),
        ("tasks[0].inputParameters.key", "secret-would-be-stored"),
        ("tasks[1].inputParameters.key", "secret-would-be-stored"),
    ]
    assert _errors(odd) == [("tasks[0].inputParameters.key", "malformed-secret")]
    assert _errors(fine) == []


def test_the_log_of_a_task_hides_what_it_was_given(
    store: Store,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from tasks.context import TaskContext

    written: list[str] = []
    attempt: Any = type(
        "A",
        (),
        dict.fromkeys(
            (
                "execution_id",
                "workflow",
                "version",
                "ref",
                "iteration",
                "attempt",
                "task_id",
                "idempotency_key",
                "output",
                "polls",
            )
        ),
    )()
    attempt.hide = lambda value: value.replace(VALUE, "***")
    context = TaskContext(attempt, lambda _attempt, _level, message: written.append(message))

    with caplog.at_level(logging.INFO, "podium.task"):
        context.log(f"by hand {VALUE}")
        context.logger.info("by a logger %s", VALUE)

    assert written == ["by hand ***", "by a logger ***"]
    assert VALUE not in caplog.text
