"""What publishing leaves behind."""

from __future__ import annotations

import redis

from app import embedded
from app.client import Podium
from config.settings import Settings
from workflows.builder import fork, inline, workflow


def test_publishing_a_fork_subscribes_to_no_results(valkey: embedded.Server) -> None:
    definition = workflow("forked")(fork([inline("1", ref="a")], [inline("2", ref="b")]))

    with Podium(Settings(state_dir=valkey.state_dir)) as podium:
        podium.register(definition)
        podium.start("forked")
        with redis.Redis.from_url(valkey.redis_url()) as server:
            sent, watched = server.llen("celery"), server.pubsub_channels()

    assert sent == 2
    assert watched == []
