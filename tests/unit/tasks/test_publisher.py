"""What publishing leaves behind."""

from __future__ import annotations

import redis

from app import embedded
from app.celery import make_app
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


def test_the_messages_of_the_most_urgent_execution_are_taken_first(valkey: embedded.Server) -> None:
    settings = Settings(state_dir=valkey.state_dir)
    with Podium(settings) as podium:
        podium.register(workflow("urgent")(inline("1", ref="a"), inline("2", ref="b")))
        started = [podium.start("urgent", priority=priority).id for priority in (0, 95, 40)]
        with make_app(settings).connection_for_read() as connection:
            channel = connection.channel()
            taken = [channel.basic_get("celery", no_ack=True) for _ in started]

    assert [message.headers["podium"]["w"] for message in taken] == [started[1], started[2], started[0]]
    # Celery itself sends the second step, with the priority of the first.
    assert [message.properties.get("priority") for message in taken] == [9, 4, 0]
