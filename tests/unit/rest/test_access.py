"""What is believed for some seconds: asked once, however many want to know."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from app.rest.access import Believed


def test_however_many_want_to_know_it_is_asked_once() -> None:
    go, asked = threading.Event(), list[str]()

    def ask(key: str) -> str:
        asked.append(key)
        assert go.wait(10)
        return f"{key}!"

    async def main() -> list[str]:
        believed = Believed(ask)
        waiting = [asyncio.create_task(believed.get("a")) for _ in range(50)]
        await asyncio.sleep(0)
        go.set()
        return [*await asyncio.gather(*waiting), await believed.get("a")]

    assert asyncio.run(main()) == ["a!"] * 51
    assert asked == ["a"]


def test_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    go = threading.Event()

    def ask(_key: str) -> str:
        assert go.wait(10)
        return "yes"

    async def main() -> str:
        believed = Believed(ask)
        first, second = (asyncio.create_task(believed.get("a")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        go.set()
        return await second

    assert asyncio.run(main()) == "yes"


def test_a_key_that_is_unknown_is_asked_for_again() -> None:
    asked = list[str]()

    def ask(key: str) -> str | None:
        asked.append(key)
        return None

    async def main() -> None:
        believed = Believed(ask)
        for _ in range(2):
            assert await believed.get("a") is None

    asyncio.run(main())
    assert asked == ["a", "a"]


def test_an_error_is_everybodys_and_not_kept() -> None:
    answers: Iterator[OSError | str] = iter([OSError("no database"), "yes"])

    def ask(_key: str) -> str:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def main() -> str:
        believed = Believed(ask)
        waiting = [asyncio.create_task(believed.get("a")) for _ in range(2)]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert [str(error) for error in found] == ["no database"] * 2
        return await believed.get("a")

    assert asyncio.run(main()) == "yes"


def test_an_answer_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.rest.access.BELIEVED_SECONDS", 0.0)
    asked = list[str]()

    def ask(key: str) -> str:
        asked.append(key)
        return key

    async def main() -> None:
        believed = Believed(ask)
        for _ in range(3):
            await believed.get("a")

    asyncio.run(main())
    assert asked == ["a"] * 3
