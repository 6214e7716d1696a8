"""The protocol as a machine whose rules are all that may happen to messages, workers, commits and the clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.errors import WrongState
from app.operations import signal
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
_any = st.integers(0, 99)
_jumps = st.sampled_from([100, 1_000, 1_900, 6_000, 31_000])

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

    def __init__(self) -> None:
        super().__init__()
        self.in_flight: list[Delivery] = []
        self.taken: list[Message] = []
        self.killed = 0
        self.terminable = False
        self.broken = False
        self.harness: Harness
        self.expected: Result

    @initialize(data=st.data(), shape=shapes, terminable=st.sampled_from([False, False, False, True]))
    def begin(self, data: Any, shape: Shape, terminable: bool) -> None:
        self.terminable = terminable
        drawn = data.draw(self.drawn)
        try:
            self.expected = interpret(drawn.workflows, "main", drawn.given)
        except Undetermined:
            assume(False)
        self.harness = Harness(self.store, shape)
        self.harness.register(drawn.document)
        self.watch = Watch(self.harness, drawn.workflows)
        self.execution_id = self.harness.start("main", drawn.given)

    # messages

    def _has_messages(self) -> bool:
        return bool(self.harness.wire.queue)

    def _has_in_flight(self) -> bool:
        return bool(self.in_flight)

    @precondition(lambda self: self._has_messages() and len(self.in_flight) < _MOST_IN_FLIGHT)
    @rule(index=_any, worker=_any, steps=st.sampled_from([0, 1, 2, 1000]))
    def take(self, index: int, worker: int, steps: int) -> None:
        self._take(index, worker, steps)

    @precondition(_has_messages)
    @rule(index=_any, worker=_any, steps=st.sampled_from([0, 1, 1000]))
    def deliver(self, index: int, worker: int, steps: int) -> None:
        self._move(self._take(index, worker, steps), times=1000)

    @precondition(_has_messages)
    @rule(index=_any)
    def deliver_twice(self, index: int) -> None:
        queue = self.harness.wire.queue
        queue.append(queue[index % len(queue)].copy())

    @precondition(lambda self: bool(self.taken))
    @rule(index=_any)
    def deliver_once_more(self, index: int) -> None:
        self.harness.wire.queue.append(self.taken[index % len(self.taken)].copy())

    @precondition(_has_messages)
    @rule(index=_any)
    def drop(self, index: int) -> None:
        self.harness.wire.take(index)

    @precondition(_has_messages)
    @rule()
    def lose_all(self) -> None:
        self.harness.wire.lose_all()

    # workers

    @precondition(_has_in_flight)
    @rule(index=_any, times=st.integers(1, 4))
    def go(self, index: int, times: int) -> None:
        self._move(self._one(index), times)

    @precondition(_has_in_flight)
    @rule(index=_any, fault=st.sampled_from([Fault.NO_COMMIT, Fault.NO_ANSWER]))
    def stumble(self, index: int, fault: Fault) -> None:
        self._move(self._one(index), 1, fault)

    @precondition(lambda self: self.in_flight and self.killed < _MOST_KILLED)
    @rule(index=_any, fault=st.sampled_from([Fault.CRASH, Fault.CRASH_AT_COMMIT]))
    def kill_child(self, index: int, fault: Fault) -> None:
        self._move(self._one(index), 1, fault)

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

    # the clock and the sweeper

    @rule(jump=_jumps)
    def sweep(self, jump: int) -> None:
        self._guarded(lambda: self.harness.advance(jump))

    @rule(jump=_jumps, survives=st.integers(0, 3))
    def sweep_and_die(self, jump: int, survives: int) -> None:
        effects = 0

        def point(name: str) -> None:
            nonlocal effects
            effects += name != "before commit"
            if name != "before commit" and effects > survives:
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
        try:
            self._guarded(lambda: signal.terminate(self.harness.engine, self.execution_id), but=WrongState)
        except WrongState:
            return
        # How far it had come is not said.
        self.expected = replace(self.expected, statuses={"TERMINATED"}, exact=False)

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
        self.harness.drain()
        self._require(self.watch.check(set()))
        self._require(differences(self.harness, self.execution_id, self.expected, faults=True))

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

    def _move(self, delivery: Delivery, times: int, fault: Fault = Fault.NONE) -> None:
        self._guarded(lambda: delivery.go(fault))
        while times > 1 and not delivery.ended:
            self._guarded(delivery.go)
            times -= 1
        if not delivery.ended:
            return
        self.in_flight.remove(delivery)
        if delivery.killed:
            # The worker's main process sees that its child is gone.
            self.killed += 1
            owner, message = delivery.owner.id, delivery.message.id
            self._guarded(lambda: lost_message(self.harness.engine, owner, message))

    def _guarded(self, act: Any, but: type[Exception] | tuple[()] = ()) -> Any:
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
