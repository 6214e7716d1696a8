"""Who waits for tasks: woken by news, and by one question for all when news is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from app.errors import StoreUnavailable
from app.rest.hub import Hub


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.rest.hub.LOOK_SECONDS", 0.01)


class Table:
    """The tasks that wait, by queue, and how often it was asked."""

    def __init__(self) -> None:
        self.tasks: dict[str, list[int]] = {}
        self.looks = 0
        self.questions = 0
        self.fails = 0

    def look(self, queue: str, count: int = 1) -> Callable[[], Coroutine[Any, Any, list[int]]]:
        async def look() -> list[int]:
            self.looks += 1
            found = self.tasks.get(queue, [])
            taken, self.tasks[queue] = found[:count], found[count:]
            return taken

        return look

    async def ask(self) -> list[str]:
        self.questions += 1
        if self.fails:
            self.fails -= 1
            raise StoreUnavailable("sqlite://", OSError("gone"))
        return [queue for queue, tasks in self.tasks.items() if tasks]


def play(scene: Callable[[Hub, Table], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        hub, table = Hub(), Table()
        hub.open()
        looker = asyncio.create_task(hub.keep_looking(table.ask))
        await asyncio.wait_for(scene(hub, table), 20)
        assert not looker.done()
        looker.cancel()

    asyncio.run(main())


def test_a_task_whose_news_was_lost_is_found_all_the_same() -> None:
    async def scene(hub: Hub, table: Table) -> None:
        poll = asyncio.create_task(hub.take("a", 10, table.look("a"), 1))
        while not table.looks:
            await asyncio.sleep(0)
        table.tasks["a"] = [1]
        assert await poll == [1]

    play(scene)


def test_one_that_polls_without_waiting_finds_it_too() -> None:
    async def scene(hub: Hub, table: Table) -> None:
        assert await hub.take("a", 0, table.look("a"), 1) == []
        table.tasks["a"] = [1]
        while (found := await hub.take("a", 0, table.look("a"), 1)) == []:
            await asyncio.sleep(0.001)
        assert found == [1]

    play(scene)


def test_however_many_wait_for_however_many_queues_it_is_one_question() -> None:
    async def scene(hub: Hub, table: Table) -> None:
        polls = [
            asyncio.create_task(hub.take(f"{n % 20}", 0.2, table.look(f"{n % 20}"), 1)) for n in range(500)
        ]
        await asyncio.gather(*polls)
        # Each queue was looked at once, by the first that came.
        assert table.looks == 20
        assert 1 <= table.questions <= 25

    play(scene)


def test_when_nobody_polls_nothing_is_asked() -> None:
    async def scene(hub: Hub, table: Table) -> None:
        await hub.take("a", 0, table.look("a"), 1)
        while not table.questions:
            await asyncio.sleep(0.001)
        before = table.questions
        await asyncio.sleep(0.1)
        assert table.questions <= before + 1

    play(scene)


def test_it_goes_on_when_the_database_was_away() -> None:
    async def scene(hub: Hub, table: Table) -> None:
        table.fails = 2
        poll = asyncio.create_task(hub.take("a", 10, table.look("a"), 1))
        while table.questions < 2:
            await asyncio.sleep(0.001)
        table.tasks["a"] = [1]
        assert await poll == [1]

    play(scene)


def test_of_those_who_wait_the_first_is_served_first_and_one_that_left_wakes_the_next() -> None:
    async def scene(hub: Hub, table: Table) -> None:
        order = list[str]()

        async def poll(name: str) -> None:
            if await hub.take("a", 10, table.look("a"), 1):
                order.append(name)

        polls = []
        for name in ("left", "first", "second"):
            polls.append(asyncio.create_task(poll(name)))
            await asyncio.sleep(0)
        table.tasks["a"] = [1, 2]
        hub.heard([("task", "a")])
        await asyncio.sleep(0)
        polls[0].cancel()
        await asyncio.gather(*polls, return_exceptions=True)
        assert order == ["first", "second"]

    play(scene)
