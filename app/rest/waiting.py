"""Calls that wait until an execution has got somewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from app.operations.waiting import Stand, stand_of
from app.rest.context import Context, run

LOOK_SECONDS = 1.0
"""An execution that somebody waits for is looked at as often without news of it."""


async def until_reached(
    here: Context, execution_id: str, seconds: float, refs: Sequence[str] = (), topic: str | None = None
) -> tuple[Stand, bool]:
    """Where an execution stands once it has got somewhere (`Stand.reached`), or the time is over (True then).

    topic: what its changes are told under, where that is not its own id.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    async with here.hub.watch(topic or execution_id) as watch:
        while True:
            stand = await run(stand_of, here.engine, execution_id, refs)
            left = deadline - loop.time()
            if stand.reached or left <= 0 or here.hub.closing:
                return stand, not stand.reached
            await watch.changed(min(left, LOOK_SECONDS))
