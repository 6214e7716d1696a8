"""What the runtime needs from outside: somebody who runs worker tasks, and somebody who sends canvases."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from workflows.canvas import Order
from workflows.operator import Outcome
from workflows.program import Node, Path


@dataclass(frozen=True, slots=True)
class Owner:
    """Who claims: a row of `worker`, and the name that people know it by."""

    id: str
    hostname: str


class Completion(Protocol):
    """Ends the attempt that runs inside a transaction of its worker task's own; each call once, in this order."""

    def begin(self, connection: Any) -> None:
        """Begin the transaction, where it has not begun, on a driver's connection to Podium's database.

        Raises:
            EffectImpossible: it is none, or it can't be used for this.
            EffectTooLate: the attempt has lost its task.
        """
        ...

    def settle(self, output: Any) -> None:
        """Write down that the attempt has completed, and what follows from it.

        Raises:
            EffectImpossible: the output can't be stored.
            EffectTooLate: the attempt has lost its task.
        """
        ...

    def commit(self, commit: Callable[[], None], rollback: Callable[[], None]) -> None:
        """Have the transaction committed; where the answer is lost, find out what became of it.

        Raises:
            Exception: what `commit` raised; nothing was committed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a worker task may know of its own execution."""

    execution_id: str
    workflow: str
    version: int
    ref: str
    """taskReferenceName, with Conductor's loop suffix (`charge__2`)."""
    iteration: int
    """Of the innermost loop around it, from 1; 0 outside of loops."""
    attempt: int
    """0 for the first, as Conductor's retryCount."""
    task_id: str
    correlation_id: Callable[[], str | None]
    """Looks it up: most tasks do not ask."""
    idempotency_key: str
    """The same for every attempt of this task: hand it to whatever must not be done twice."""
    output: Any = None
    """What an earlier call of this attempt left with `in_progress`."""
    polls: int = 1
    """How often this attempt was handed out; more than 1 after `in_progress`."""
    completion: Completion | None = None
    cancelled: Callable[[], bool] = lambda: False
    """Looks whether the attempt has lost its task: it timed out, or its execution has ended."""
    hide: Callable[[Any], Any] | None = None
    """Hides the values of the secrets that it was given, in texts and in JSON. None: it has none."""


class Workers(Protocol):
    """The worker tasks of this process."""

    def knows(self, name: str) -> bool:
        """Whether a Celery task of this name is registered."""
        ...

    def queue(self, name: str) -> str:
        """The queue that a Celery task of this name is sent to."""
        ...

    def in_place(self, name: str) -> bool:
        """Whether it may run in the process that ran the step before: no limits that the pool would enforce."""
        ...

    def call(self, name: str, given: Mapping[str, Any], attempt: Attempt) -> Outcome:
        """Run it; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Send:
    """A canvas to be compiled and sent once the transaction is committed."""

    order: Order
    node: Node
    path: Path
    attempt: int = 0
    branches: bool = False
    """Of a fork that has been decided: its branches and not itself."""
    domain: str | None = None
    """Whose workers may have it; None: those without a domain."""


@dataclass(frozen=True, slots=True)
class SendHeads:
    """Branches of a fork that a batch has not come to."""

    order: Order
    heads: Sequence[Node]
    path: Path
    parts: int
    """Into how many messages they are divided."""


Topic = tuple[str, ...]
"""What has news: `("task", queue)`, tasks for outside workers; `("execution", id)`, somebody waits for it."""


class Publisher(Protocol):
    """Sends canvases to the broker."""

    chords: bool
    """Whether the result backend counts a chord's parts itself (see `Order.chords`)."""

    def ready(self) -> None:
        """Find out whether the broker answers.

        Raises:
            BrokerUnavailable: it does not.
        """
        ...

    def publish(self, sends: Sequence[Send | SendHeads]) -> None:
        """Send them all; what can't be sent now is left to the sweeper (logged, never raised)."""
        ...

    def tell(self, topics: Collection[Topic]) -> None:
        """Tell every process that listens; it may be lost, so whoever listens also looks now and then."""
        ...


class Traces(Protocol):
    """Tells where the time of an execution goes."""

    def ended(self, task_ids: Sequence[str], execution_ids: Sequence[str]) -> None:
        """These attempts and executions have ended, which is committed."""
        ...

    def started(
        self, execution_id: str, route: str, began_ms: int, ended_ms: int, caller: str | None
    ) -> None:
        """A call of the API has started an execution. `caller`: its own `traceparent`."""
        ...

    def parent_of(self, execution_id: str, task_id: str) -> str:
        """The `traceparent` of an attempt."""
        ...

    def inside(self, execution_id: str, task_id: str) -> AbstractContextManager[None]:
        """What is traced meanwhile belongs to the attempt."""
        ...


class Events(Protocol):
    """Where events go."""

    def publish(self, sink: str, payload: Mapping[str, Any], message_id: str) -> None:
        """Hand an event to a sink (`conductor:order_paid`, `amqp_queue:orders`, …); it is there when this returns.

        message_id: the same whenever the same event is published again; receivers know it by that.

        Raises:
            InvalidInput: there is no such sink.
            EventNotPublished: the sink can't take it now.
        """
        ...
