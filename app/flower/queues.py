"""The page of queues and workers."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import tornado.web

from app.flower.handler import Json, Page, to_json
from app.operations.queues import Overview, list_queues
from app.runtime.engine import Engine

logger = logging.getLogger(__name__)
BROKER_SECONDS = 2.0


class QueuesPage(Page):
    """`/workflows/queues`."""

    template = "podium_queues.html"
    title = "Queues and workers"


class QueuesData(Json):
    """What waits where, and who works."""

    async def get(self) -> None:
        """The overview, and how many messages the broker holds of each queue: null where it can't be asked."""
        found = await self.run(list_queues)
        messages = await self._messages([queue.name for queue in found.queues if not queue.outside])
        self.send(await self.run(lambda engine: to_json(_document(engine, found, messages))))

    async def _messages(self, names: list[str]) -> dict[str, int]:
        try:
            asked = self.get_broker().queues(sorted(set(names)))
            return {one["name"]: one["messages"] for one in await asyncio.wait_for(asked, BROKER_SECONDS)}
        except tornado.web.HTTPError:
            # Flower can't look into this kind of broker.
            return {}
        except Exception as error:  # noqa: BLE001  # whatever a broker's client raises: the page does without
            logger.debug("the broker was not asked for its queues: %s", error)
            return {}


def _document(_engine: Engine, found: Overview, messages: dict[str, int]) -> dict[str, Any]:
    return {
        "overview": found,
        "messages": {queue.name: messages.get(queue.name) for queue in found.queues if not queue.outside},
    }
