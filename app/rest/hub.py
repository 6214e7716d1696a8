"""Who waits in this process: polls for tasks, and calls for executions. Lives in one event loop.

What other processes tell (`tasks/news.py`) wakes them; nobody asks the database on a beat. News may be lost, so each
queue that is polled is looked at now and then all the same, however many wait for it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from app.runtime.ports import Topic

Task = TypeVar("Task")
LOOK_SECONDS = 1.0
"""A queue that is polled is looked at as often while the broker delivers no news."""
HEARING_LOOK_SECONDS = 4.0
"""And as often while it does: one piece of news may still be lost."""
_MOST_LINES = 10_000


@dataclass(slots=True)
class Line:
    """Those who wait for tasks of one queue, the first comer first."""

    news: int = 1
    """How often there was news of it."""
    empty_at: int = 0
    """What `news` was when it was last found empty."""
    looked: float = float("-inf")
    waiting: dict[asyncio.Future[bool], None] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None

    def may_have(self, now: float, look_seconds: float) -> bool:
        """Whether it is worth a look."""
        return self.news > self.empty_at or now - self.looked >= look_seconds

    def wake_one(self) -> None:
        """Let the first of those who wait have a look."""
        while self.waiting:
            first = next(iter(self.waiting))
            del self.waiting[first]
            if not first.done():
                first.set_result(True)
                return

    def keep_looking(self, hub: Hub) -> None:
        """Have one of those who wait look now and then, while somebody waits."""
        if self.timer is None:
            loop = asyncio.get_running_loop()
            self.timer = loop.call_later(hub.look_seconds, self._look, hub)

    def _look(self, hub: Hub) -> None:
        self.timer = None
        if self.waiting:
            self.wake_one()
            self.keep_looking(hub)


def _give_up(turn: asyncio.Future[bool]) -> None:
    if not turn.done():
        turn.set_result(False)


class Hub:
    """Wakes those who wait."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, Line] = OrderedDict()
        self._watches: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None
        self.closing = False
        self.hears: Callable[[], bool] = lambda: False
        """Whether the broker delivers news at this moment."""

    @property
    def look_seconds(self) -> float:
        """How often a queue that is polled is looked at without news of it."""
        return HEARING_LOOK_SECONDS if self.hears() else LOOK_SECONDS

    def open(self) -> None:
        """Belong to the running event loop."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Let everybody go: the process ends."""
        self.closing = True
        self._news(None)

    def heard(self, topics: Sequence[Topic] | None) -> None:
        """From any thread: there is news of these (None: of anything)."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._news, topics)

    def _news(self, topics: Sequence[Topic] | None) -> None:
        if topics is None:
            for line in self._lines.values():
                line.news += 1
                for _ in range(len(line.waiting) if self.closing else 1):
                    line.wake_one()
            for events in self._watches.values():
                for event in events:
                    event.set()
            return
        for kind, name in (topic for topic in topics if len(topic) == 2):
            if kind == "task" and name in self._lines:
                self._lines[name].news += 1
                self._lines[name].wake_one()
            elif kind == "execution":
                for event in self._watches.get(name, ()):
                    event.set()

    async def take(
        self, queue: str, timeout: float, look: Callable[[], Awaitable[list[Task]]], count: int
    ) -> list[Task]:
        """What `look` finds in a queue, now or within `timeout` seconds; [] when there was nothing.

        count: how many tasks `look` takes at most; when it finds as many there may be more, and the next one in
            the line has a look.
        """
        loop, line = asyncio.get_running_loop(), self._line(queue)
        deadline, woken = loop.time() + timeout, False
        while True:
            # Who comes while others wait waits behind them.
            if woken or (not line.waiting and line.may_have(loop.time(), self.look_seconds)):
                news, line.looked = line.news, loop.time()
                found = await look()
                if len(found) >= count:
                    line.wake_one()
                else:
                    line.empty_at = max(line.empty_at, news)
                if found:
                    return found
            left = deadline - loop.time()
            if left <= 0 or self.closing:
                return []
            woken = await self._wait(line, left)

    def _line(self, queue: str) -> Line:
        line = self._lines.get(queue)
        if line is None:
            line = self._lines[queue] = Line()
            while len(self._lines) > _MOST_LINES and not next(iter(self._lines.values())).waiting:
                self._lines.popitem(last=False)
        return line

    async def _wait(self, line: Line, seconds: float) -> bool:
        """Whether it is this one's turn to look."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        line.waiting[turn] = None
        line.keep_looking(self)
        # A timer of its own: `wait_for` costs as much as all else of an idle poll.
        timer = loop.call_later(seconds, _give_up, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            # Who leaves without a look although it was woken wakes the next.
            if turn not in line.waiting:
                line.wake_one()
            raise
        finally:
            timer.cancel()
            line.waiting.pop(turn, None)

    @asynccontextmanager
    async def watch(self, execution_id: str) -> AsyncIterator[Watch]:
        """Hear of each change of an awaited execution from here on."""
        watch = Watch(self)
        self._watches[execution_id].add(watch.event)
        try:
            yield watch
        finally:
            self._watches[execution_id].discard(watch.event)
            if not self._watches[execution_id]:
                del self._watches[execution_id]


class Watch:
    """One call that waits for an execution."""

    def __init__(self, hub: Hub) -> None:
        self.event = asyncio.Event()
        self._hub = hub

    async def changed(self, seconds: float) -> None:
        """Return when there is news, or the time is over."""
        if self._hub.closing:
            return
        try:
            await asyncio.wait_for(self.event.wait(), seconds)
        except TimeoutError:
            return
        finally:
            self.event.clear()
