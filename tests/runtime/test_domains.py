"""`taskToDomain`: a domain is a queue of its own, for Celery workers and for outside workers; on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from app.operations import outside
from app.operations.outside import ResultStatus, TaskResult
from app.operations.start import start
from app.runtime.clock import new_id
from app.store import migrations, workers
from app.store import outside as polls
from app.store.outside import PollRow
from app.store.unit_of_work import Store
from app.store.workers import WorkerRow
from config.database import create_engine
from tests.runtime.harness import Harness
from workflows import builder
from workflows.builder import Part, fork, simple, sub_workflow
from workflows.domains import DomainError, domains_of


@pytest.fixture
def harness(database_url: str) -> Iterator[Harness]:
    engine = create_engine(database_url)
    migrations.upgrade(engine)
    yield Harness(Store(engine))
    engine.dispose()


def register(harness: Harness, name: str, *parts: Part) -> None:
    harness.register({"workflows": [builder.workflow(name)(*parts).to_json()]})


def listen(harness: Harness, *queues: str) -> None:
    """A worker that lives and listens on these queues."""
    row = WorkerRow(new_id(), "w", 1, 1, json.dumps(queues), "[]", harness.now, harness.now, "alive")
    harness.store.transact(lambda s: workers.register(s, row))


def poll(harness: Harness, name: str, domain: str) -> None:
    harness.store.transact(lambda s: polls.polled(s, [PollRow(name, domain, "w", harness.now)]))


def sent_to(harness: Harness) -> list[str]:
    return [message.delivery_info["routing_key"] for message in harness.wire.queue]


def test_rules_of_conductor() -> None:
    given = {"a": "x, y,NO_DOMAIN", "*": "z"}
    assert domains_of(given, "a") == ["x", "y", None]
    assert domains_of(given, "b") == ["z"]
    assert domains_of({"a": "x"}, "b") == []


def test_each_step_goes_to_the_queue_of_its_domain_and_operators_run_anywhere(harness: Harness) -> None:
    register(
        harness,
        "order",
        simple("work", ref="a"),
        fork([simple("flaky")], [simple("work", ref="b")]),
        simple("later"),
    )
    listen(harness, "eu:celery", "celery")
    one = start(harness.engine, "order", {}, task_to_domain={"work": "eu", "later": "eu"})
    assert sent_to(harness) == ["eu:celery"]
    harness.deliver(harness.wire.take(0), harness.alive[0])
    assert sorted(sent_to(harness)) == ["celery", "eu:celery"]
    harness.drain()
    assert harness.execution(one).status == "COMPLETED"
    assert {row.ref: row.domain for row in harness.rows(one) if not row.retried} == {
        "a": "eu",
        "fork": None,
        "flaky": None,
        "b": "eu",
        "fork_join": None,
        "later": "eu",
    }


@pytest.mark.parametrize(
    ("listening", "goes_to"),
    [
        ((), "celery"),
        (("us:celery",), "us:celery"),
        (("us:celery", "eu:celery"), "eu:celery"),
    ],
)
def test_the_first_domain_that_has_a_worker_gets_it(
    harness: Harness, listening: tuple[str, ...], goes_to: str
) -> None:
    register(harness, "order", simple("work"))
    listen(harness, *listening)
    start(harness.engine, "order", {}, task_to_domain={"*": "eu,us,NO_DOMAIN"})
    assert sent_to(harness) == [goes_to]


def test_outside_workers_are_asked_by_domain(harness: Harness) -> None:
    register(harness, "order", simple("elsewhere"))
    poll(harness, "elsewhere", "us")
    one = start(harness.engine, "order", {}, task_to_domain={"elsewhere": "eu,us,NO_DOMAIN"})
    assert outside.hand_out(harness.engine, "elsewhere", "w", 1) == []
    given = outside.hand_out(harness.engine, "us:elsewhere", "w", 1)
    assert [each.row.domain for each in given] == ["us"]
    outside.update(harness.engine, TaskResult(given[0].row.id, ResultStatus.COMPLETED, {}))
    assert harness.execution(one).status == "COMPLETED"


def test_a_sub_workflow_has_the_domains_of_its_parent(harness: Harness) -> None:
    register(harness, "child", simple("work"))
    register(harness, "order", sub_workflow("child", ref="child"))
    listen(harness, "eu:celery")
    start(harness.engine, "order", {}, task_to_domain={"work": "eu"})
    harness.drain()
    assert {row.domain for row in harness.rows() if row.name == "work"} == {"eu"}
    assert {row.status for row in harness.executions()} == {"COMPLETED"}


def test_a_lost_message_is_sent_to_the_same_domain_again(harness: Harness) -> None:
    register(harness, "order", simple("work"))
    listen(harness, "eu:celery")
    start(harness.engine, "order", {}, task_to_domain={"work": "eu"})
    harness.wire.lose_all()
    harness.advance(harness.engine.timing.resend_ms + 1)
    assert sent_to(harness) == ["eu:celery"]


def test_a_domain_that_is_no_name_is_refused(harness: Harness) -> None:
    register(harness, "order", simple("work"))
    with pytest.raises(DomainError, match="must be given a domain"):
        start(harness.engine, "order", {}, task_to_domain={"work": " , "})
