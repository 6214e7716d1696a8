"""Who waits in this process: polls for tasks, and calls for executions. Lives in one event loop.

What other processes tell (`tasks/news.py`) wakes them. News may be lost, so while somebody polls it is asked now and then,
once for all of them, in which queues something waits.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from app.runtime.ports import Topic
from workflows.errors import PodiumError

Task = TypeVar("Task")
logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""So often it is asked what waits while the broker delivers no news."""
HEARING_LOOK_SECONDS = 4.0
"""And as often while it does: one piece of news may still be lost."""
_MOST_LINES = 10_000
_LONG_SECONDS, _TICK_SECONDS = 1.0, 0.1


@dataclass(slots=True)
class Line:
    """Those who wait for tasks of one queue, the first comer first."""

    news: int = 1
    """How often there was news of it."""
    empty_at: int = 0
    """What `news` was when it was last found empty."""
    waiting: dict[asyncio.Future[bool], None] = field(default_factory=dict)

    @property
    def may_have(self) -> bool:
        """Whether it is worth a look."""
        return self.news > self.empty_at

    def wake_one(self) -> None:
        """Let the first of those who wait have a look."""
        while self.waiting:
            first = next(iter(self.waiting))
            del self.waiting[first]
            if not first.done():
                first.set_result(True)
                return


def _deadline(now: float, timeout: float) -> float:
    # Those that wait long end together, a moment later than asked: a process that wakes for each alone wakes to cold caches.
    end = now + timeout
    return end if timeout < _LONG_SECONDS else math.ceil(end / _TICK_SECONDS) * _TICK_SECONDS


def _give_up(turn: asyncio.Future[bool]) -> None:
    if not turn.done():
        turn.set_result(False)


class Hub:
    """Wakes those who wait."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, Line] = OrderedDict()
        self._watches: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._polled = False
        self.closing = False
        self.hears: Callable[[], bool] = lambda: False
        """Whether the broker delivers news at this moment."""

    async def keep_looking(self, ask: Callable[[], Awaitable[Collection[str]]]) -> None:
        """Until cancelled: ask now and then in which queues something waits, while somebody polls."""
        while True:
            await asyncio.sleep(HEARING_LOOK_SECONDS if self.hears() else LOOK_SECONDS)
            if not self._polled and not any(line.waiting for line in self._lines.values()):
                continue
            self._polled = False
            try:
                found = await ask()
            except PodiumError as error:
                logger.warning("what waits is asked for later: %s", error, extra={"event": "look_late"})
                continue
            self._news([("task", queue) for queue in found])

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
        deadline, woken, self._polled = _deadline(loop.time(), timeout), False, True
        while True:
            # Who comes while others wait waits behind them.
            if woken or (not line.waiting and line.may_have):
                news = line.news
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
