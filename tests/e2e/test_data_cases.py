"""What is kept of inputs and outputs, where, and who is shown what: with settings, and so a cluster, of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_celery import CeleryTestNode, CeleryTestSetup

from app.client import Execution
from app.errors import InvalidInput
from config.settings import Settings
from tests.e2e.flow import PATIENCE_SECONDS, Flow, statuses
from tests.e2e.platforms import Platform, on
from tests.rest.conftest import serving
from tests.runtime.test_secrets import everything
from workflows.builder import Part, fork, simple, sub_workflow
from workflows.model import SchemaDef
from workflows.status import TaskStatus, WorkflowStatus

OWN = Platform("redis-postgresql-data", "redis", "broker", "postgresql")
SECRET = "s3cret-value-0815"
CARD = "4111-1111-1111-1111"
LARGE = 5_000
INLINE = 2_000
FAILED = TaskStatus.FAILED_WITH_TERMINAL_ERROR
NUMBER = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 0}}}

pytestmark = on(OWN)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """With a folder for what is large."""
    return replace(
        settings, payload_store_url=str(settings.state_dir / "payloads"), payload_inline_bytes=INLINE
    )


@pytest.fixture
def default_worker_env(default_worker_env: dict[str, str]) -> dict[str, str]:
    """With a secret."""
    return {**default_worker_env, "PODIUM_SECRET_TOKEN": SECRET}


class Readers:
    """All that tells anybody of an execution: REST, the command line, the logs of worker and beat."""

    def __init__(
        self, settings: Settings, setup: CeleryTestSetup, beat: CeleryTestNode, environment: Mapping[str, str]
    ) -> None:
        self._settings, self._setup, self._beat = settings, setup, beat
        self._environment = {**os.environ, **environment}

    def told(self, execution: Execution) -> dict[str, str]:
        """What each of them says of it."""
        id_ = execution.id
        found = {"worker": self._setup.worker.logs(), "beat": self._beat.logs()}
        for words in (["show", id_, "--logs"], ["search", f"workflowId = {id_}", "--json"]):
            found[words[0]] = self._command(*words)
        paths = [f"/workflow/{id_}", f"/workflow/search-v2?query=workflowId={id_}", f"/workflow/{id_}/status"]
        for task in execution.tasks:
            paths += [f"/tasks/{task.id}", f"/tasks/{task.id}/log"]
        with serving(self._settings) as (_, url):
            for path in paths:
                found[path] = httpx.get(f"{url}/api{path}").raise_for_status().text
        return found

    def _command(self, *words: str) -> str:
        command = [sys.executable, "-m", "app.cli", *words]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout


@pytest.fixture
def readers(
    settings: Settings,
    celery_setup: CeleryTestSetup,
    celery_beat: CeleryTestNode,
    default_worker_env: dict[str, str],
) -> Readers:
    return Readers(settings, celery_setup, celery_beat, default_worker_env)


# secrets


def test_a_secret_reaches_the_worker_and_is_in_no_table_no_log_and_no_answer(
    flow: Flow, settings: Settings, readers: Readers
) -> None:
    key = {"key": "${workflow.secrets.TOKEN}"}
    policy = {"name": "flow.careless", "retryCount": 0}
    good = simple("flow.careless", ref="good", input=key)
    bad = simple(
        "flow.careless", ref="bad", input={**key, "fail": True}, task_definition=policy, optional=True
    )
    last = simple("flow.echo", ref="last", input={"value": {"said": "${good.output.said}", "x": "x" * LARGE}})

    execution = flow.run(good, bad, last)

    assert execution.status is WorkflowStatus.COMPLETED
    assert execution.get("good").output == {
        "digest": hashlib.sha256(SECRET.encode()).hexdigest(),
        "said": "Bearer ***",
    }
    assert execution.get("bad").reason == "ValueError: 401 for ***"
    assert execution.get("last").input["value"]["said"] == "Bearer ***"
    assert [line for _, _, line in flow.podium.log(execution.get("good").id)] == [
        "by hand ***",
        "by a logger ***",
    ]
    told = readers.told(execution)
    assert [where for where, text in told.items() if SECRET in text] == []
    assert "by a logger ***" in told["worker"]
    assert SECRET not in everything(flow.podium.engine.store)
    kept = [file for file in Path(settings.payload_store_url or "").rglob("*") if file.is_file()]
    assert kept
    assert [file for file in kept if SECRET.encode() in file.read_bytes()] == []


# maskedFields


def test_a_masked_field_reaches_the_worker_and_nobody_who_reads(flow: Flow, readers: Readers) -> None:
    child = flow.define(
        simple("flow.card_of", ref="inner", input={"customer": "${workflow.input.customer}"}),
        masked_fields=["customer.card"],
    )
    execution = flow.run(
        simple("flow.card_of", ref="used", input={"customer": "${workflow.input.customer}"}),
        fork(
            [simple("flow.echo", ref="echo", input={"value": "${used.output}"})],
            [sub_workflow(child, ref="child", input={"customer": "${workflow.input.customer}"})],
        ),
        input={"customer": {"name": "Ada", "card": CARD}},
        output={"all": "${used.output}"},
        masked_fields=["customer.card"],
    )

    assert execution.status is WorkflowStatus.COMPLETED
    assert execution.output == {"all": {"digits": 16, "customer": {"name": "Ada", "card": "***"}}}
    inner = flow.podium.execution(execution.get("child").sub_workflow_id or "")
    for one in (execution, inner):
        told = readers.told(one)
        assert [where for where, text in told.items() if CARD in text] == []
        assert '"***"' in told["search"].replace("\\", "")


# PODIUM_PAYLOAD_STORE_URL


def test_what_is_large_is_in_the_folder_and_whoever_reads_it_does_not_know(
    flow: Flow, settings: Settings
) -> None:
    text = "y" * LARGE
    child = flow.define(
        simple("flow.echo", ref="inner", input={"value": "${workflow.input}"}),
        output={"all": "${inner.output}"},
    )
    execution = flow.run(
        simple("flow.large", ref="large", input={"size": LARGE}),
        fork(
            [simple("flow.echo", ref="left", input={"value": {"n": 1}})],
            [sub_workflow(child, ref="child", input={"text": "${workflow.input.text}"})],
        ),
        simple(
            "flow.echo", ref="last", input={"value": ["${large.output.result}", "${child.output.all.text}"]}
        ),
        input={"text": text},
        output={"all": "${last.output.result}"},
    )

    assert execution.status is WorkflowStatus.COMPLETED
    assert execution.output == {"all": ["x" * LARGE, text]}
    assert execution.state.input == {"text": text}
    folder = Path(settings.payload_store_url or "") / execution.id
    assert len(list(folder.iterdir())) >= 4
    rows = everything(flow.podium.engine.store)
    assert "x" * INLINE not in rows
    assert "y" * INLINE not in rows
    with serving(settings) as (_, url):
        document = httpx.get(f"{url}/api/workflow/{execution.id}").raise_for_status().json()
    assert document["output"] == execution.output
    assert document["input"] == {"text": text}


# inputSchema, outputSchema, enforceSchema


def checked(name: str, ref: str, given: Mapping[str, Any], **schemas: Any) -> Part:
    """A task whose definition enforces schemas, and would have it tried again."""
    policy = {"name": name, "retryCount": 3, "retryDelaySeconds": 0, "enforceSchema": True, **schemas}
    return simple(name, ref=ref, input=given, task_definition=policy)


INLINE_SCHEMA = {"name": "inline", "version": 1, "type": "JSON", "data": NUMBER}
NAMED_SCHEMA = {"name": "number", "version": 1, "type": "JSON"}


@pytest.mark.parametrize("schema", [INLINE_SCHEMA, NAMED_SCHEMA], ids=["inline", "named"])
def test_a_workers_output_that_does_not_fit_fails_the_task_for_good_and_names_the_field(
    flow: Flow, schema: dict[str, Any]
) -> None:
    flow.podium.put_schema({"name": "number", "version": 1, "type": "JSON", "data": NUMBER})
    good = checked("flow.echo", "good", {"value": {"n": 1}}, outputSchema=schema)
    bad = checked("flow.echo", "bad", {"value": {"n": "one"}}, outputSchema=schema)

    execution = flow.run(good, bad, flow.mark("never"))

    assert execution.status is WorkflowStatus.FAILED
    assert statuses(execution) == {"good": TaskStatus.COMPLETED, "bad": FAILED}
    problem = "the output of bad does not fit its schema at $.n: 'one' is not of type 'integer'"
    assert problem in (execution.get("bad").reason or "")
    assert problem in (execution.reason or "")
    assert flow.lines() == []


@pytest.mark.parametrize("schema", [INLINE_SCHEMA, NAMED_SCHEMA], ids=["inline", "named"])
def test_a_worker_is_not_called_with_an_input_that_does_not_fit(flow: Flow, schema: dict[str, Any]) -> None:
    flow.podium.put_schema({"name": "number", "version": 1, "type": "JSON", "data": NUMBER})
    given = {"out": str(flow.out), "n": "${workflow.input.n}"}

    execution = flow.run(checked("flow.mark", "marked", given, inputSchema=schema), input={"n": -1})

    assert statuses(execution) == {"marked": FAILED}
    assert "the input of marked does not fit its schema at $.n: -1 is less than" in (execution.reason or "")
    assert flow.lines() == []


def test_an_execution_begins_and_completes_with_what_fits_alone(flow: Flow, settings: Settings) -> None:
    name = flow.define(
        flow.mark("marked", {"n": "${workflow.input.n}"}),
        input_schema=SchemaDef.model_validate(INLINE_SCHEMA),
        output_schema=SchemaDef.model_validate(
            {**INLINE_SCHEMA, "data": {"type": "object", "properties": {"n": {"maximum": 9}}}}
        ),
        output={"n": "${marked.output.n}"},
    )

    with pytest.raises(InvalidInput, match=r"the input of \S+ does not fit its schema at \$\.n: 'x' is not"):
        flow.podium.start(name, {"n": "x"})
    with serving(settings) as (_, url):
        refused = httpx.post(f"{url}/api/workflow/{name}", json={})
    ended = [flow.podium.start(name, {"n": n}).wait(timeout=PATIENCE_SECONDS) for n in (1, 10)]

    assert (refused.status_code, "'n' is a required property" in refused.text) == (400, True)
    assert [state.status for state in ended] == [WorkflowStatus.COMPLETED, WorkflowStatus.FAILED]
    assert "does not fit its schema at $.n: 10 is greater than" in (ended[1].reason or "")
    assert flow.runs() == flow.runs_of("marked 0", "marked 0")


def test_schemas_that_are_not_enforced_refuse_nothing(flow: Flow) -> None:
    part = checked(
        "flow.echo", "echo", {"value": {"n": "x"}}, outputSchema=INLINE_SCHEMA, enforceSchema=False
    )

    execution = flow.run(
        part, input_schema=SchemaDef.model_validate(INLINE_SCHEMA), enforce_schema=False, input={"n": "x"}
    )

    assert execution.status is WorkflowStatus.COMPLETED
    assert json.dumps(execution.get("echo").output) == '{"n": "x"}'
