"""A task's own rows are there exactly when it has completed, whatever happens at whichever moment."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import psycopg
import pytest
import sqlalchemy
from sqlalchemy import Column, Engine, Integer, MetaData, Table, Text, func, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, scoped_session, sessionmaker

from app.errors import EffectImpossible, EffectTooLate
from app.operations.control import terminate
from app.operations.signal import complete_task
from app.runtime.recovery import lost_message
from app.store import migrations
from app.store.tasks import TaskRow
from app.store.unit_of_work import Store
from config.database import create_engine
from config.urls import with_psycopg
from tasks.context import TaskContext
from tests.runtime.delivery import Delivery, Fault
from tests.runtime.harness import Call, Harness, Shape
from workflows.builder import fork, simple, workflow
from workflows.status import TaskStatus, WorkflowStatus

entry = Table(
    "entry", MetaData(), Column("id", Integer, primary_key=True), Column("key", Text, nullable=False)
)


class Base(DeclarativeBase):
    pass


class Receipt(Base):
    __tablename__ = "receipt"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The tasks' own engine on Podium's database, made as any application makes it."""
    made = sqlalchemy.create_engine(with_psycopg(database_url))
    migrations.upgrade(own := create_engine(database_url))
    own.dispose()
    entry.metadata.create_all(made)
    Base.metadata.create_all(made)
    yield made
    made.dispose()


@pytest.fixture
def store(database_url: str, engine: Engine) -> Iterator[Store]:
    made = create_engine(database_url)
    yield Store(made)
    made.dispose()


class Shop:
    """An execution of three steps; what the one in the middle does is the test's."""

    def __init__(self, store: Store, shape: Shape | None = None) -> None:
        self.harness = Harness(store, shape or Shape())
        self.harness.on_call = self._call
        self.work: Callable[[TaskContext], None] = lambda context: None
        self.raised: list[Exception] = []
        middle = {"name": "limited", "retryCount": 5, "retryDelaySeconds": 0, "responseTimeoutSeconds": 60}
        last = simple("work", ref="last", input={"from": "${charge.output}"})
        definition = workflow("order")(simple("work", ref="first"), simple("limited", ref="charge"), last)
        self.harness.register({"workflows": [definition.to_json()], "taskDefs": [middle]})
        self.id = self.harness.start("order")

    def _call(self, call: Call) -> None:
        if call.name == "limited":
            try:
                self.work(TaskContext(call.attempt, lambda *_: None))
            except Exception as error:
                self.raised.append(error)
                raise

    def reach(self) -> None:
        """Deliver messages until the one of `charge` is next."""
        while self.harness.wire.queue[0].name != "limited":
            self.harness.deliver(self.harness.wire.take(0), self.harness.alive[0])

    def rows(self, ref: str) -> list[TaskRow]:
        return [row for row in self.harness.rows(self.id) if row.ref == ref]

    @property
    def status(self) -> str:
        return self.harness.execution(self.id).status


def entries(engine: Engine, table: Table = entry) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def one_entry(engine: Engine) -> Callable[[TaskContext], None]:
    """The work of a task with an effect."""

    def work(context: TaskContext) -> None:
        with engine.connect() as connection, context.effect(connection) as effect:
            connection.execute(insert(entry).values(key=effect.idempotency_key))
            effect.output = {"id": 7}

    return work


class TestWithWhat:
    def check(self, shop: Shop, engine: Engine, table: Table = entry) -> None:
        shop.harness.drain()
        assert shop.status == WorkflowStatus.COMPLETED
        assert orjson.loads(shop.rows("last")[0].input) == {"from": {"id": 7}}
        assert entries(engine, table) == 1
        assert shop.raised == []

    def test_a_connection(self, store: Store, engine: Engine) -> None:
        shop = Shop(store)
        shop.work = one_entry(engine)

        self.check(shop, engine)

    def test_a_connection_in_autocommit(self, store: Store, engine: Engine) -> None:
        shop = Shop(store)
        shop.work = one_entry(engine.execution_options(isolation_level="AUTOCOMMIT"))

        self.check(shop, engine)

    def test_a_connection_whose_transaction_has_begun(self, store: Store, engine: Engine) -> None:
        def work(context: TaskContext) -> None:
            with engine.begin() as connection:
                connection.execute(insert(entry).values(key="k"))
                with context.effect(connection) as effect:
                    effect.output = {"id": 7}

        shop = Shop(store)
        shop.work = work

        self.check(shop, engine)

    @pytest.mark.parametrize("begun", [False, True])
    def test_a_session_with_objects(self, store: Store, engine: Engine, begun: bool) -> None:
        def work(context: TaskContext) -> None:
            with Session(engine) as session:
                if begun:
                    assert session.scalars(select(Receipt)).all() == []
                with context.effect(session) as effect:
                    session.add(Receipt(key=context.idempotency_key))
                    effect.output = {"id": 7}

        shop = Shop(store)
        shop.work = work

        self.check(shop, engine, Receipt.__table__)  # type: ignore[arg-type]

    def test_a_scoped_session(self, store: Store, engine: Engine) -> None:
        sessions = scoped_session(sessionmaker(engine))

        def work(context: TaskContext) -> None:
            with context.effect(sessions) as effect:
                sessions.add(Receipt(key="k"))
                effect.output = {"id": 7}
            sessions.remove()

        shop = Shop(store)
        shop.work = work

        self.check(shop, engine, Receipt.__table__)  # type: ignore[arg-type]

    def test_nothing_but_the_completion(self, store: Store, engine: Engine) -> None:
        def work(context: TaskContext) -> None:
            with engine.connect() as connection, context.effect(connection) as effect:
                effect.output = {"id": 7}

        shop = Shop(store)
        shop.work = work
        shop.harness.drain()

        assert shop.status == WorkflowStatus.COMPLETED
        assert orjson.loads(shop.rows("charge")[0].output or "") == {"id": 7}


class TestRefused:
    def refused(self, shop: Shop, match: str) -> None:
        shop.reach()
        with pytest.raises(EffectImpossible, match=match):
            shop.harness.deliver(shop.harness.wire.take(0), shop.harness.alive[0])
        assert shop.rows("charge")[0].status != TaskStatus.COMPLETED

    def test_another_database(self, store: Store, tmp_path: Any) -> None:
        other = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'other.db'}")
        entry.metadata.create_all(other)
        shop = Shop(store)
        shop.work = one_entry(other)

        self.refused(shop, "must be Podium's own|both must be the same database")
        assert entries(other) == 0
        other.dispose()

    def test_a_database_of_another_podium(self, store: Store, tmp_path: Any) -> None:
        if store.engine.dialect.name != "sqlite":
            tmp_path = tmp_path / "of another driver"
        other = create_engine(f"sqlite:///{tmp_path / 'other.db'}")
        migrations.upgrade(other)
        entry.metadata.create_all(other)
        shop = Shop(store)
        shop.work = one_entry(other)

        self.refused(shop, "must be Podium's own|both must be the same database")
        assert entries(other) == 0
        other.dispose()

    def test_what_is_no_session(self, store: Store, engine: Engine) -> None:
        def work(context: TaskContext) -> None:
            with context.effect(engine):  # type: ignore[arg-type]
                raise AssertionError("never here")

        shop = Shop(store)
        shop.work = work

        self.refused(shop, "takes a Session or a Connection of SQLAlchemy, not Engine")

    def test_a_savepoint(self, store: Store, engine: Engine) -> None:
        def work(context: TaskContext) -> None:
            with Session(engine) as session, session.begin_nested(), context.effect(session):
                raise AssertionError("never here")

        shop = Shop(store)
        shop.work = work

        self.refused(shop, "begin_nested")

    def test_an_output_that_can_not_be_stored(self, store: Store, engine: Engine) -> None:
        def work(context: TaskContext) -> None:
            with engine.connect() as connection, context.effect(connection) as effect:
                connection.execute(insert(entry).values(key="k"))
                effect.output = {"text": "x" * (2 << 20)}

        shop = Shop(store)
        shop.work = work

        self.refused(shop, "the output of charge is 2,097,")
        assert entries(engine) == 0

    def test_a_second_effect(self, store: Store, engine: Engine) -> None:
        def work(context: TaskContext) -> None:
            one_entry(engine)(context)
            with pytest.raises(EffectImpossible, match="charge has had its effect"):
                one_entry(engine)(context)

        shop = Shop(store)
        shop.work = work
        shop.harness.drain()

        assert entries(engine) == 1


class TestIsolation:
    """SQLite has one level; there is nothing to show."""

    @pytest.fixture
    def database_url(self, postgres_url: str) -> str:
        return postgres_url

    @pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
    def test_a_snapshot_is_refused_because_a_join_would_be_decided_by_what_was(
        self, store: Store, engine: Engine, level: str
    ) -> None:
        shop = Shop(store)
        shop.work = one_entry(engine.execution_options(isolation_level=level))
        shop.reach()

        with pytest.raises(EffectImpossible, match=f"is {level}: a step is completed in READ COMMITTED"):
            shop.harness.deliver(shop.harness.wire.take(0), shop.harness.alive[0])

        assert entries(engine) == 0


class TestWhatFollows:
    def test_a_failing_block_leaves_nothing_and_costs_an_attempt(self, store: Store, engine: Engine) -> None:
        def work(context: TaskContext) -> None:
            with engine.connect() as connection, context.effect(connection) as effect:
                connection.execute(insert(entry).values(key="k"))
                effect.output = {"id": 7}
                if context.attempt == 0:
                    raise ValueError("the first attempt fails")

        shop = Shop(store)
        shop.work = work
        shop.reach()

        with pytest.raises(ValueError, match="the first attempt fails"):
            shop.harness.deliver(shop.harness.wire.take(0), shop.harness.alive[0])
        assert entries(engine) == 0
        shop.harness.drain()

        assert [row.status for row in shop.rows("charge")] == [TaskStatus.FAILED, TaskStatus.COMPLETED]
        assert entries(engine) == 1

    def test_what_the_task_says_after_its_effect_changes_nothing(self, store: Store, engine: Engine) -> None:
        """The harness's worker task answers something else than the effect's output."""
        shop = Shop(store)
        shop.work = one_entry(engine)
        shop.harness.drain()

        assert [(row.status, row.output) for row in shop.rows("charge")] == [
            (TaskStatus.COMPLETED, '{"id":7}')
        ]

    def test_a_commit_that_fails_is_forgotten_where_the_flow_goes_on_all_the_same(
        self, store: Store, engine: Engine
    ) -> None:
        def commit(context: TaskContext) -> None:
            with (
                engine.connect() as connection,
                shop.harness.points(fail),
                context.effect(connection) as effect,
            ):
                effect.output = {"id": 7}

        def work(call: Call) -> None:
            if call.name == "fatal":
                with pytest.raises(ZeroDivisionError):
                    commit(TaskContext(call.attempt, lambda *_: None))

        def fail(point: str) -> None:
            if point == "before commit":
                raise ZeroDivisionError

        shop = Shop(store)
        shop.harness.on_call = work
        optional = simple("fatal", ref="charge", optional=True)
        last = simple("work", ref="last", input={"of": "${charge.status}", "id": "${charge.output.id}"})
        shop.harness.register({"workflows": [workflow("other")(optional, last).to_json()]})
        shop.id = shop.harness.start("other")
        shop.harness.drain()

        assert orjson.loads(shop.rows("last")[0].input) == {"of": "COMPLETED_WITH_ERRORS", "id": None}

    def test_branches_are_joined(self, store: Store, engine: Engine) -> None:
        shop = Shop(store)
        both = fork([simple("limited", ref="a")], [simple("limited", ref="b")], ref="f", join="j")
        shop.work = one_entry(engine)
        shop.harness.register({"workflows": [workflow("two")(both, simple("work", ref="z")).to_json()]})
        shop.id = shop.harness.start("two")
        shop.harness.drain()

        assert shop.status == WorkflowStatus.COMPLETED
        assert [len(shop.rows(ref)) for ref in ("a", "b", "j", "z")] == [1, 1, 1, 1]
        assert entries(engine) == 3


@pytest.mark.parametrize("ended", ["terminated", "completed by somebody", "timed out"])
def test_an_attempt_that_has_lost_its_task_commits_nothing(store: Store, engine: Engine, ended: str) -> None:
    def work(context: TaskContext) -> None:
        if context.attempt:
            return one_entry(engine)(context)
        if ended == "terminated":
            terminate(shop.harness.engine, shop.id, "enough")
        elif ended == "completed by somebody":
            complete_task(shop.harness.engine, shop.id, "charge", {})
        else:
            shop.harness.advance(70_000)
        with pytest.raises(EffectTooLate, match="attempt 0 of charge no longer holds its task"):
            one_entry(engine)(context)
        raise EffectTooLate("charge", 0)

    shop = Shop(store)
    shop.work = work
    shop.reach()
    with pytest.raises(EffectTooLate):
        shop.harness.deliver(shop.harness.wire.take(0), shop.harness.alive[0])
    assert entries(engine) == 0
    shop.harness.drain()

    assert entries(engine) == (1 if ended == "timed out" else 0)


def test_one_that_loses_its_task_in_the_middle_of_its_effect_commits_nothing(
    store: Store, engine: Engine
) -> None:
    def work(context: TaskContext) -> None:
        with engine.connect() as connection, context.effect(connection) as effect:
            effect.output = {}
            if connection.dialect.name == "postgresql":
                terminate(shop.harness.engine, shop.id, "enough")
            else:
                # Nobody else writes meanwhile; the same transaction stands for one that did just before.
                connection.exec_driver_sql("UPDATE task SET claim = 1 WHERE ref = 'charge'")
            connection.execute(insert(entry).values(key="k"))

    shop = Shop(store)
    shop.work = work
    shop.reach()

    with pytest.raises(EffectTooLate):
        shop.harness.deliver(shop.harness.wire.take(0), shop.harness.alive[0])

    assert entries(engine) == 0


@pytest.mark.parametrize("steps_in_place", [0, 1000])
@pytest.mark.parametrize(
    "fault", [Fault.CRASH, Fault.CRASH_AT_COMMIT, Fault.NO_COMMIT, Fault.NO_ANSWER], ids=lambda f: f.name
)
@pytest.mark.parametrize("stop", range(6))
def test_killed_or_without_an_answer_at_any_moment_the_effect_is_there_once(
    store: Store, engine: Engine, fault: Fault, stop: int, steps_in_place: int
) -> None:
    shop = Shop(store, Shape(steps_in_place=steps_in_place))
    shop.work = one_entry(engine)
    shop.reach()
    message = shop.harness.wire.take(0)
    delivery = Delivery(shop.harness, message, shop.harness.alive[0], steps_in_place)
    for _ in range(stop):
        if not delivery.ended:
            delivery.go()
    failed = False
    if not delivery.ended:
        try:
            delivery.go(fault)
            while not delivery.ended:
                delivery.go()
        except (sqlite3.OperationalError, psycopg.OperationalError):
            # The harness has no task's edge, where this becomes a failed attempt.
            failed = True
    if delivery.killed or failed:
        lost_message(shop.harness.engine, delivery.owner.id, message.id)
    else:
        shop.harness.wire.ended(message)

    shop.harness.drain()

    assert shop.status == WorkflowStatus.COMPLETED
    assert entries(engine) == 1
    assert sorted(row.status for row in shop.rows("charge"))[0] == TaskStatus.COMPLETED
    assert [row.status for row in shop.rows("charge")].count(TaskStatus.COMPLETED) == 1
    assert orjson.loads(shop.rows("last")[0].input) == {"from": {"id": 7}}
