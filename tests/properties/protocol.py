"""The protocol as a machine whose rules are all that may happen to messages, workers, commits and the clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.errors import WrongState
from app.operations import control
from app.runtime.recovery import lost_message
from app.store.unit_of_work import Store
from tests.properties.comparison import differences
from tests.properties.definitions import Drawn, Taste, documents
from tests.properties.invariants import Watch
from tests.properties.reference import Result, Undetermined, interpret
from tests.runtime.delivery import Delivery, Fault, Killed
from tests.runtime.harness import Harness, Shape
from tests.runtime.wire import Message

_MOST_IN_FLIGHT = 3
_MOST_KILLED = 4
"""An operator is given up after six losses."""
_MOST_DISTURBED = 8
_MOST_SWEPT = 8
_MOST_STARTED = 3
_any = st.integers(0, 99)
_jumps = st.sampled_from([None, None, 1_000, 1_900, 6_000])
"""Milliseconds; None: until something is due."""
_steps = st.sampled_from([1000, 2, 1, 0])
_times = st.sampled_from([1, 2, 3, 4, 1000, 0])
"""How many effects; 1000: to the end."""
_faults = st.sampled_from([Fault.NONE, Fault.NONE, *Fault])

SMALL = Taste(size=8, deepest=2, children=1)
shapes = st.builds(
    Shape,
    segment_length=st.sampled_from([1, 3, 16]),
    fan_batches=st.sampled_from([1, 8]),
    chords=st.booleans(),
    steps_in_place=st.sampled_from([0, 1000]),
)


class Protocol(RuleBasedStateMachine):
    """One execution, two workers, and every fault. `store` is set by whoever runs it."""

    store: Store
    drawn: st.SearchStrategy[Drawn] = documents(SMALL)
    operated = False

    def __init__(self) -> None:
        super().__init__()
        self.in_flight: list[Delivery] = []
        self.taken: list[Message] = []
        self.killed = self.disturbed = self.swept = 0
        self.terminable = False
        self.broken = False
        self.started: dict[str, Result] = {}
        self.given: Any = None
        self.harness: Harness
        self.drawn_now: Drawn
        self.expected: Result

    @initialize(data=st.data(), shape=shapes, terminable=st.sampled_from([False, False, False, True]))
    def begin(self, data: Any, shape: Shape, terminable: bool) -> None:
        self.terminable = terminable
        drawn = self.drawn_now = data.draw(self.drawn)
        try:
            self.expected = interpret(drawn.workflows, "main", drawn.given)
        except Undetermined:
            assume(False)
        self.harness = Harness(self.store, shape)
        self.harness.register(drawn.document)
        self.watch = Watch(self.harness, drawn.workflows, self.operated)
        self.given = drawn.given
        self.start()

    @precondition(lambda self: len(self.started) < _MOST_STARTED and not self.harness.open_executions())
    @rule()
    def start(self) -> None:
        """An execution; another one when it has ended."""
        self.started[self.harness.start("main", self.given)] = self.expected

    # workers

    def _can_take(self) -> bool:
        return bool(self.harness.wire.queue) and len(self.in_flight) < _MOST_IN_FLIGHT

    @precondition(_can_take)
    @rule(index=_any, worker=_any, steps=_steps, times=_times, fault=_faults)
    def take(self, index: int, worker: int, steps: int, times: int, fault: Fault) -> None:
        """A worker takes a message and comes so many effects far; there something may happen."""
        self._advance(self._take(index, worker, steps), times, fault)

    @precondition(lambda self: self.in_flight)
    @rule(index=_any, times=_times, fault=_faults)
    def go_on(self, index: int, times: int, fault: Fault) -> None:
        """A worker goes on with what it has."""
        self._advance(self._one(index), times, fault)

    @precondition(lambda self: self.in_flight and self.killed < _MOST_KILLED)
    @rule(index=_any)
    def kill_worker(self, index: int) -> None:
        owner = self._one(index).owner
        for delivery in [d for d in self.in_flight if d.owner == owner]:
            self._guarded(delivery.kill)
            self.in_flight.remove(delivery)
            self.killed += 1
        self.harness.alive.remove(owner)
        self.harness.new_worker()

    # messages

    @precondition(lambda self: self.disturbed < _MOST_DISTURBED and (self.taken or self.harness.wire.queue))
    @rule(what=st.sampled_from(["twice", "again", "again", "drop", "lose all"]), index=_any)
    def disturb(self, what: str, index: int) -> None:
        """A message is delivered twice, or once more after it was taken, or lost; or the broker comes back empty."""
        queue = self.harness.wire.queue
        self.disturbed += 1
        if what == "again" and self.taken:
            queue.append(self.taken[index % len(self.taken)].copy())
        elif what == "twice" and queue:
            queue.append(queue[index % len(queue)].copy())
        elif what == "drop" and queue:
            self.harness.wire.take(index)
        elif what == "lose all":
            self.harness.wire.lose_all()

    # the clock and the sweeper

    @precondition(lambda self: self.swept < _MOST_SWEPT or not (self.in_flight or self.harness.wire.queue))
    @rule(jump=_jumps, survives=st.sampled_from([None, None, 0, 1, 2, 3]))
    def sweep(self, jump: int | None, survives: int | None) -> None:
        """Time passes, and the sweeper runs; it may be killed after so many effects."""
        effects = 0
        self.swept += 1
        if jump is None or not (self.in_flight or self.harness.wire.queue):
            jump = self.harness.until_due()

        def point(name: str) -> None:
            nonlocal effects
            effects += name != "before commit"
            if survives is not None and name != "before commit" and effects > survives:
                raise Killed

        with self.harness.points(point):
            try:
                self._guarded(lambda: self.harness.advance(jump))
            except Killed:
                return

    # people

    @precondition(lambda self: self.terminable)
    @rule()
    def terminate(self) -> None:
        self.terminable = False
        execution_id = list(self.started)[-1]
        try:
            self._guarded(lambda: control.terminate(self.harness.engine, execution_id), but=WrongState)
        except WrongState:
            return
        # How far it had come is not said.
        self.started[execution_id] = replace(self.expected, statuses={"TERMINATED"}, exact=False)

    # what must hold

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "watch"):
            now = {(d.owner.id, d.message.id) for d in self.in_flight}
            found = self._guarded(lambda: self.watch.check(now))
            self._require(found)

    def teardown(self) -> None:
        if not hasattr(self, "watch"):
            return
        for delivery in list(self.in_flight):
            if self.broken:
                delivery.kill()
            else:
                # One that was ordered to crash at its next commit still does.
                self._move(delivery, times=1000)
        if self.broken:
            return
        self.settle()
        self._require(self.watch.check(set()))
        for execution_id, expected in self.determined():
            self._require(differences(self.harness, execution_id, expected, faults=True))

    def determined(self) -> list[tuple[str, Result]]:
        """Executions of which it is said how they end."""
        return list(self.started.items())

    def settle(self) -> None:
        """Let everything end."""
        self.harness.drain()

    # how

    def _one(self, index: int) -> Delivery:
        return self.in_flight[index % len(self.in_flight)]

    def _take(self, index: int, worker: int, steps: int) -> Delivery:
        harness = self.harness
        message = harness.wire.take(index)
        self.taken.append(message.copy())
        delivery = Delivery(harness, message, harness.alive[worker % len(harness.alive)], steps)
        self.in_flight.append(delivery)
        return delivery

    def _advance(self, delivery: Delivery, times: int, fault: Fault) -> None:
        self._move(delivery, times)
        deadly = fault in (Fault.CRASH, Fault.CRASH_AT_COMMIT)
        if not delivery.ended and fault is not Fault.NONE and not (deadly and self.killed >= _MOST_KILLED):
            self._move(delivery, 1, fault)

    def _move(self, delivery: Delivery, times: int, fault: Fault = Fault.NONE) -> None:
        while times and not delivery.ended:
            self._guarded(lambda: delivery.go(fault))
            times -= 1
        if not delivery.ended:
            return
        self.in_flight.remove(delivery)
        if delivery.killed:
            # The worker's main process sees that its child is gone.
            self.killed += 1
            owner, message = delivery.owner.id, delivery.message.id
            self._guarded(lambda: lost_message(self.harness.engine, owner, message))

    def _guarded(self, act: Any, but: type[Exception] | tuple[type[Exception], ...] = ()) -> Any:
        try:
            return act()
        except Exception as error:
            self.broken = not isinstance(error, but)
            raise

    def _require(self, found: list[str]) -> None:
        if found:
            self.broken = True
            raise AssertionError("\n".join([*found, self.harness.picture()]))


def protocol(store: Store, drawn: st.SearchStrategy[Drawn] | None = None) -> type[Protocol]:
    """The machine on a store, for definitions of a strategy."""
    return type(
        "Protocol", (Protocol,), {"store": store, "drawn": Protocol.drawn if drawn is None else drawn}
    )
