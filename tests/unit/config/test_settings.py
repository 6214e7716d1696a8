"""Settings: read once, refused loudly, no password shown."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from config.settings import Settings, SettingsError
from config.urls import SOCKET_PATH_MAX, redact, redact_text, socket_path

PASSWORD = "pa:s/s@w0rd"


def test_nothing_set_means_the_embedded_mode_of_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    settings = Settings.from_env({})

    assert settings.embedded
    assert settings.state_dir == tmp_path / ".podium"
    assert settings.resolved_broker_url == f"redis+socket://{tmp_path}/.podium/valkey.sock?virtual_host=0"
    assert settings.resolved_result_backend == f"redis+socket://{tmp_path}/.podium/valkey.sock?virtual_host=1"
    assert settings.resolved_database_url == f"sqlite:///{tmp_path}/.podium/podium.db"


def test_every_field_is_read_from_its_variable() -> None:
    environ = {
        "PODIUM_STATE_DIR": "/var/lib/podium",
        "PODIUM_BROKER_URL": "amqp://guest@rabbit//",
        "PODIUM_RESULT_BACKEND": "redis://cache/3",
        "PODIUM_DATABASE_URL": "postgresql://podium@db/podium",
        "PODIUM_IMPORTS": "tasks, shop.tasks",
        "PODIUM_PAYLOAD_LIMIT_BYTES": "2048",
        "PODIUM_MESSAGE_LIMIT": "7",
        "PODIUM_PAYLOAD_STORE_URL": "s3://bucket/payloads",
        "PODIUM_PAYLOAD_INLINE_BYTES": "100",
        "PODIUM_PAYLOAD_CLIENTS_SECONDS": "3600",
        "PODIUM_FILE_LIMIT_BYTES": "1000",
        "PODIUM_FILE_URL_SECONDS": "10",
        "PODIUM_SEGMENT_LENGTH": "4",
        "PODIUM_IN_PLACE_SECONDS": "0.5",
        "PODIUM_FAN_BATCHES": "2",
        "PODIUM_HEARTBEAT_SECONDS": "0.5",
        "PODIUM_LEASE_SECONDS": "3",
        "PODIUM_RESEND_SECONDS": "9",
        "PODIUM_TICK_SECONDS": "0.1",
        "PODIUM_QUEUE_MAX_PRIORITY": "10",
        "PODIUM_SCRIPT_SECONDS": "1",
        "PODIUM_SCRIPT_MEMORY_BYTES": "2097152",
        "PODIUM_LOG_LEVEL": "DEBUG",
        "PODIUM_LOG_FORMAT": "json",
        "PODIUM_VISIBILITY_TIMEOUT_SECONDS": "60",
        "PODIUM_EVENT_AMQP_URL": "amqp://events//",
        "PODIUM_EVENT_REDIS_URL": "redis://events/1",
        "PODIUM_EVENT_KAFKA_URL": "kafka://events:9092",
        "PODIUM_EVENT_NATS_URL": "nats://events:4222",
        "PODIUM_EVENT_RETENTION_SECONDS": "86400",
        "PODIUM_SECRETS_DIR": "/run/secrets",
        "PODIUM_RETENTION_SECONDS": "2592000",
        "PODIUM_RETENTION_ARCHIVE": "true",
        "PODIUM_ARCHIVE_URL": "s3://kept/podium",
        "PODIUM_STATUS_SINK": "conductor:status",
        "PODIUM_TASK_STATUS_SINK": "conductor:status",
        "PODIUM_WEBHOOK_SECRET": "0123456789abcdef",
        "PODIUM_API_PORT": "8081",
        "PODIUM_API_ADDRESS": "0.0.0.0",
        "PODIUM_API_URL": "https://podium.example.com",
        "PODIUM_API_THREADS": "4",
        "PODIUM_API_TOKEN_SECONDS": "60",
        "PODIUM_TRACES_URL": "http://127.0.0.1:4318/v1/traces",
        "PODIUM_FLOWER_PORT": "8000",
        "PODIUM_FLOWER_ADDRESS": "0.0.0.0",
        "PODIUM_FLOWER_AUTHORIZE": "shop.access:may",
    }

    settings = Settings.from_env(environ)

    assert {variable.name for variable in Settings.variables()} == set(environ)
    assert settings.imports == ("tasks", "shop.tasks")
    assert (settings.log_level, settings.lease_seconds, settings.flower_port) == ("debug", 3.0, 8000)
    defaults = Settings()
    for field in dataclasses.fields(Settings):
        assert getattr(settings, field.name) != getattr(defaults, field.name), field.name


def test_a_child_process_gets_the_very_same_settings() -> None:
    settings = Settings(broker_url="redis://h/2", imports=("a", "b"), tick_seconds=0.3)

    assert Settings.from_env(settings.environment()) == settings


def test_the_key_of_webhooks_is_never_shown() -> None:
    shown = repr(Settings(webhook_secret="0123456789abcdef"))

    assert "webhook_secret='***'" in shown
    assert "0123456789" not in shown


def test_a_short_key_of_webhooks_is_refused() -> None:
    with pytest.raises(SettingsError, match="PODIUM_WEBHOOK_SECRET must have at least 16") as caught:
        Settings(webhook_secret="secret")
    assert "=secret" not in str(caught.value)


def test_all_unknown_and_malformed_variables_are_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(
            {
                "PODIUM_BROKER_URI": "x",
                "PODIUM_TICK_SECONDS": "soon",
                "PODIUM_LOG_LEVEL": "loud",
                "OTHER": "1",
            }
        )

    broker, level, tick = caught.value.problems
    assert "PODIUM_BROKER_URI" in broker
    assert "did you mean PODIUM_BROKER_URL?" in broker
    assert level == "PODIUM_LOG_LEVEL='loud' must be one of debug, info, warning, error, critical"
    assert "PODIUM_TICK_SECONDS='soon' must be a number of seconds" in tick


def test_variables_of_workflows_are_no_settings() -> None:
    assert Settings.from_env({"PODIUM_ENV_REGION": "eu", "PODIUM_SECRET_KEY": "s"}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PODIUM_SEGMENT_LENGTH", "0", "at least 1"),
        ("PODIUM_SEGMENT_LENGTH", "1.5", "whole number"),
        ("PODIUM_IN_PLACE_SECONDS", "nan", "finite"),
        ("PODIUM_LEASE_SECONDS", "1.5", "at least twice PODIUM_HEARTBEAT_SECONDS"),
        ("PODIUM_FLOWER_PORT", "70000", "at most 65535"),
        ("PODIUM_BROKER_URL", "kafka://h", "no supported broker"),
        ("PODIUM_BROKER_URL", " ", "must not be empty"),
        ("PODIUM_IMPORTS", ",", "module names"),
        ("PODIUM_API_URL", "podium.example.com", "must begin with http:// or https://"),
    ],
)
def test_a_value_of_no_use_is_refused_by_its_variables_name(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        Settings.from_env({name: value})

    assert name in str(caught.value)


def test_no_password_is_shown_anywhere() -> None:
    settings = Settings(
        broker_url=f"redis://:{PASSWORD}@h/0", database_url=f"postgresql://u:{PASSWORD}@h/db?sslpassword=w0rd"
    )

    assert "w0rd" not in repr(settings)
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"PODIUM_BROKER_URL": f"kafka://u:{PASSWORD}@h"})
    assert "w0rd" not in str(caught.value)


def test_redaction_keeps_what_is_no_secret() -> None:
    assert redact("amqp://u:a@h1//;amqp://u:b@h2//") == "amqp://u:***@h1//;amqp://u:***@h2//"
    assert redact("redis://h:6379/0?password=x&db=1") == "redis://h:6379/0?password=***&db=1"
    assert redact("redis+socket:///tmp/v.sock?virtual_host=0") == "redis+socket:///tmp/v.sock?virtual_host=0"
    assert (
        redact("kafka://u:x@h?ssl.key.password=y&acks=all") == "kafka://u:***@h?ssl.key.password=***&acks=all"
    )
    assert redact("nats://token@h:4222,nats://g:4222") == "nats://***@h:4222,nats://g:4222"
    assert redact_text("lost redis://:x@h/0, trying again") == "lost redis://:***@h/0, trying again"


def test_a_redis_broker_keeps_its_results_itself_and_rabbitmq_keeps_none() -> None:
    assert Settings(broker_url="redis://h/5").resolved_result_backend == "redis://h/5"
    assert Settings(broker_url="amqp://h").resolved_result_backend is None
    database = Settings(broker_url="amqp://h", result_backend="postgresql://h/db")
    assert database.resolved_result_backend == "db+postgresql+psycopg://h/db"


def test_a_long_state_directory_gets_a_short_socket_of_its_own(tmp_path: Path) -> None:
    one, two = tmp_path / ("a" * 100), tmp_path / ("b" * 100)

    assert len(str(socket_path(one))) <= SOCKET_PATH_MAX
    assert socket_path(one) == socket_path(one)
    assert socket_path(one) != socket_path(two)
