"""A broker in a list: the messages that Celery would make of a canvas, and the chords that Redis would count.

Canvases are compiled by the real compiler and divided by the real publisher. What is done here is Celery's part: a
chain travels as its first step with the others in tow, a chord's part tells the chord when it ends, and the chord's
body is sent when all parts are in.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from celery.canvas import Signature

from app.runtime.ports import Topic
from tasks.publisher import CeleryPublisher
from workflows.canvas import HEADER
from workflows.domains import queue_of

Json = dict[str, Any]


@dataclass(eq=False)
class Message:
    """One task message, and the request that a worker's task sees of it."""

    id: str
    name: str
    header: Json
    chain: list[Json] | None
    """The steps behind it, the next one last, as Celery carries them."""
    chord: Json | None = None
    group: str | None = None
    group_index: int | None = None
    delivery_info: Json = field(default_factory=dict)

    def copy(self) -> Message:
        """The same message once more, untouched by whoever works on this one."""
        chain = None if self.chain is None else list(self.chain)
        return Message(
            self.id,
            self.name,
            self.header,
            chain,
            self.chord,
            self.group,
            self.group_index,
            self.delivery_info,
        )

    def __repr__(self) -> str:
        steps = [
            self.header["at"],
            *(s["options"]["headers"][HEADER]["at"] for s in reversed(self.chain or [])),
        ]
        return f"<{self.id} {'asks ' if self.header.get('ask') else ''}{steps}>"


class Wire(CeleryPublisher):
    """Keeps messages in `queue` until somebody takes them.

    queue_of: the queue of a Celery task's name.
    point: called before each effect: `publish`, `chord`.
    """

    def __init__(self, chords: bool, queue_of: Callable[[str], str], point: Callable[[str], None]) -> None:
        self.chords = chords
        self.queue: list[Message] = []
        self.told: list[Topic] = []
        self._answered = 0.0
        self._queue_of = queue_of
        self._point = point
        self._numbers = itertools.count(1)
        self._parts: dict[str, tuple[int, set[tuple[int | None, str]]]] = {}

    def ready(self) -> None:
        """A list always answers."""

    def tell(self, topics: Collection[Topic]) -> None:
        """Remember what was told."""
        self.told.extend(sorted(topics))

    def take(self, index: int) -> Message:
        """Take a message out; `index` counts from the oldest and starts over at the end."""
        return self.queue.pop(index % len(self.queue))

    def lose_all(self) -> None:
        """The broker comes back empty, and the backend with it."""
        self.queue.clear()
        self._parts.clear()

    def ended(self, message: Message) -> None:
        """What Celery does when a task has returned: send the rest of the chain, tell the chord."""
        if message.chain:
            rest = list(message.chain)
            self._put(rest.pop(), rest)
        if message.chord is not None and message.group is not None:
            self._point("chord")
            self._count(message)

    def _count(self, message: Message) -> None:
        assert message.group is not None
        # Redis forgets a chord whose body it has sent; parts that come later begin a count that never ends.
        size, parts = self._parts.get(message.group, (0, set()))
        parts.add((message.group_index, message.id))
        if len(parts) == size and message.chord is not None:
            del self._parts[message.group]
            self._put(message.chord, [])

    def _straight(self, steps: list[Signature], domain: str | None = None) -> None:
        first, rest = steps[0], [dict(step) for step in reversed(steps[1:])]
        self._put(first, rest, domain)

    def _canvas(self, canvas: Signature) -> None:
        parts = [list(getattr(part, "tasks", [part])) for part in canvas.tasks]
        group, body = f"group-{next(self._numbers)}", getattr(canvas, "body", None)
        if body is not None:
            self._parts[group] = (len(parts), set())
        for index, steps in enumerate(parts):
            signatures = [dict(step) for step in steps]
            if body is not None:
                told = {"chord": dict(body), "group_id": group, "group_index": index}
                signatures[-1] = {**signatures[-1], "options": {**signatures[-1]["options"], **told}}
            self._put(signatures[0], signatures[:0:-1])

    def _put(self, step: Mapping[str, Any], rest: list[Json], domain: str | None = None) -> None:
        self._point("publish")
        options, name = step["options"], step["task"]
        self.queue.append(
            Message(
                id=f"m{next(self._numbers)}",
                name=name,
                header=options["headers"][HEADER],
                chain=rest or None,
                chord=options.get("chord"),
                group=options.get("group_id"),
                group_index=options.get("group_index"),
                delivery_info={"routing_key": queue_of(self._queue_of(name), domain)},
            )
        )
