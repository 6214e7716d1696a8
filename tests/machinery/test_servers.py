"""The servers that other tests stand on."""

from __future__ import annotations

import redis
from sqlalchemy import text

from app import embedded
from config.database import create_engine
from tests.servers import Postgres


def test_a_database_is_fresh_and_takes_a_table(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE only_once (id INTEGER)"))
        connection.execute(text("INSERT INTO only_once VALUES (1)"))
        rows = connection.execute(text("SELECT count(*) FROM only_once")).scalar_one()
    engine.dispose()

    assert rows == 1


def test_a_postgresql_database_can_be_a_template(postgres_server: Postgres, postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE prepared (id INTEGER)"))
    engine.dispose()

    copy = create_engine(postgres_server.create("a_copy", template=postgres_url.split("/")[3].split("?")[0]))
    with copy.connect() as connection:
        found = connection.execute(text("SELECT count(*) FROM prepared")).scalar_one()
    copy.dispose()
    postgres_server.drop("a_copy")

    assert found == 0


def test_valkey_answers_on_its_socket(valkey: embedded.Server) -> None:
    client = redis.Redis.from_url(valkey.redis_url())

    assert client.ping()
    client.close()
