"""Podium's settings: one frozen object, read once from the environment.

Every field is one variable, `PODIUM_` and the field's name in capitals. `PODIUM_ENV_*` and `PODIUM_SECRET_*`
belong to the workflows (`${workflow.env.…}`, `${workflow.secrets.…}`) and are left alone; any other name is refused, so that a
misspelt variable fails loudly and not by being ignored.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import logging
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.urls import embedded_url, redact, with_psycopg

PREFIX = "PODIUM_"
FREE_PREFIXES = ("PODIUM_ENV_", "PODIUM_SECRET_")
BROKER_SCHEMES = ("redis", "rediss", "redis+socket", "sentinel", "amqp", "amqps", "pyamqp", "memory")
REDIS_SCHEMES = ("redis", "rediss", "redis+socket", "sentinel")


class SettingsError(Exception):
    """The environment does not give usable settings; `problems` holds one sentence for each variable."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


@dataclass(frozen=True, slots=True)
class Variable:
    """One row of the table of variables in the documentation."""

    name: str
    default: str
    doc: str


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty; unset it to get the default")
    return value.strip()


def _names(value: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in value.split(",") if part.strip())
    if not names:
        raise ValueError("must be module names separated by commas, such as tasks,shop.tasks")
    return names


def _whole(value: str) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError("must be a whole number") from None


def _seconds(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise ValueError("must be a number of seconds, such as 0.25") from None
    if not math.isfinite(number):
        raise ValueError("must be a finite number of seconds")
    return number


def _choice(*allowed: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value.strip().lower() not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return value.strip().lower()

    return parse


def _truth(value: str) -> bool:
    if value.strip().lower() not in ("true", "false"):
        raise ValueError("must be true or false")
    return value.strip().lower() == "true"


def _about(parse: Callable[[str], Any], doc: str, minimum: float | None = None) -> dict[str, Any]:
    return {"parse": parse, "doc": doc, "minimum": minimum}


_STATE_DIR = _about(Path, "Directory of the embedded mode's files; absolute once read.")
_BROKER = _about(_text, "Broker: redis://, rediss://, sentinel:// or amqp://. Not set: the embedded server.")
_BACKEND = _about(_text, "Celery's result backend, for forks. Not set: a Redis broker's own database.")
_DATABASE = _about(_text, "postgresql://… or sqlite:///… Not set: podium.db in the state directory.")
_IMPORTS = _about(_names, "Modules with your Celery tasks, separated by commas.")
_SECRETS = _about(Path, "Directory of files, each a secret of its name. Not set: PODIUM_SECRET_<NAME> alone.")
_PAYLOAD = _about(_whole, "Largest input or output of a task, as JSON.", 1024)
_MESSAGES = _about(_whole, "Most messages that an execution keeps until a task takes them.", 1)
_PAYLOAD_STORE = _about(
    _text, "Where large inputs and outputs are kept: a folder, s3://… Not set: in their rows."
)
_PAYLOAD_INLINE = _about(
    _whole, "Largest input or output that stays in its row, where there is such a store.", 0
)
_PAYLOAD_CLIENTS = _about(
    _seconds, "Age at which payloads that clients brought are deleted there by beat.", 60
)
_FILE_LIMIT = _about(_whole, "Largest file of an execution; files are kept where such a store is.", 1)
_FILE_URL = _about(_seconds, "How long an address to upload or download a file is good for.", 1)
_SEGMENT = _about(_whole, "Most steps in one chain that is sent to the broker.", 1)
_IN_PLACE = _about(_seconds, "How long one message may go on with next steps.", 0)
_FAN = _about(_whole, "Messages that a fork of many branches starts with.", 1)
_HEARTBEAT = _about(_seconds, "Time between two signs of life of a worker.", 0.05)
_LEASE = _about(_seconds, "Silence after which a worker's claims expire.", 0.1)
_RESEND = _about(_seconds, "Age at which a step's unanswered message is sent again.", 0.1)
_TICK = _about(_seconds, "Time between two looks at timers and expired claims.", 0.01)
_SCRIPT = _about(_seconds, "Time limit of one INLINE or SWITCH script.", 0.001)
_SCRIPT_MEMORY = _about(_whole, "Memory limit of one script.", 1024**2)
_LOG_LEVEL = _about(_choice("debug", "info", "warning", "error", "critical"), "Least severe lines to write.")
_LOG_FORMAT = _about(_choice("text", "json"), "text for people, json for one object a line.")
_VISIBILITY = _about(_whole, "Redis: when a message fetched and never acknowledged is delivered again.", 1)
_QUEUE_PRIORITY = _about(_whole, "RabbitMQ: x-max-priority of queues declared from now on. 0: none.", 0)
_EVENT_AMQP = _about(_text, "RabbitMQ of `amqp_…` events. Not set: the broker, where it is RabbitMQ.")
_EVENT_REDIS = _about(_text, "Redis of `redis` events. Not set: the broker, where it is Redis or embedded.")
_EVENT_KAFKA = _about(
    _text,
    "Kafka of `kafka` events: kafka://host:9092,… or kafka+ssl://user:password@host:9092. Not set: none.",
)
_EVENT_NATS = _about(_text, "NATS of `nats` and `jsm` events: nats://host:4222,… or tls://… Not set: none.")
_EVENT_KEEP = _about(_seconds, "How long messages that were handled are kept, and known again.", 60)
_RETENTION = _about(_seconds, "Age at which executions that have ended are removed by beat. Not set: never.")
_RETENTION_ARCHIVE = _about(_truth, "Whether beat writes executions into the archive before it removes them.")
_ARCHIVE = _about(_text, "Folder of archive files: a path, s3://… Not set: archive in the state directory.")
_STATUS_SINK = _about(_text, "Where executions that ask for it report; for definitions that name no sink.")
_TASK_STATUS_SINK = _about(_text, "Where the end of each task is told; not given: nowhere.")
_WEBHOOK_SECRET = _about(_text, "Key of the signatures of webhooks; at least 16 characters.")
_API_PORT = _about(_whole, "Port of the REST API.", 1)
_API_ADDRESS = _about(_text, "Address that the REST API listens on; another than loopback needs API keys.")
_API_URL = _about(
    _text,
    "Address at which clients reach the API, for those that it hands out: https://host. Not set: as they called it.",
)
_API_THREADS = _about(_whole, "Calls that one API process works on at a time.", 1)
_API_TOKEN = _about(_seconds, "How long a token of the REST API is good for.", 1)
_TRACES_URL = _about(
    _text,
    "Where OpenTelemetry traces are sent (OTLP over HTTP): http://host:4318/v1/traces. Not set: nowhere.",
)
_FLOWER_PORT = _about(_whole, "Port of Flower.", 1)
_FLOWER_ADDRESS = _about(_text, "Address that Flower listens on.")
_FLOWER_AUTHORIZE = _about(
    _text, "module:function of yours, called (user, verb, execution): may they act? Not set: yes."
)

_HIDDEN = ("webhook_secret",)
"""Settings that are never shown."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """Everything an operator of Podium may choose; make others with the constructor or `dataclasses.replace`.

    Raises:
        SettingsError: a value is out of range or of no use.
    """

    state_dir: Path = field(default=Path(".podium"), metadata=_STATE_DIR)
    broker_url: str | None = field(default=None, metadata=_BROKER)
    result_backend: str | None = field(default=None, metadata=_BACKEND)
    database_url: str | None = field(default=None, metadata=_DATABASE)
    imports: tuple[str, ...] = field(default=("tasks",), metadata=_IMPORTS)
    secrets_dir: Path | None = field(default=None, metadata=_SECRETS)
    payload_limit_bytes: int = field(default=1024**2, metadata=_PAYLOAD)
    segment_length: int = field(default=16, metadata=_SEGMENT)
    in_place_seconds: float = field(default=0.25, metadata=_IN_PLACE)
    fan_batches: int = field(default=8, metadata=_FAN)
    heartbeat_seconds: float = field(default=1.0, metadata=_HEARTBEAT)
    lease_seconds: float = field(default=4.0, metadata=_LEASE)
    resend_seconds: float = field(default=5.0, metadata=_RESEND)
    tick_seconds: float = field(default=0.2, metadata=_TICK)
    queue_max_priority: int = field(default=0, metadata=_QUEUE_PRIORITY)
    script_seconds: float = field(default=4.0, metadata=_SCRIPT)
    script_memory_bytes: int = field(default=64 * 1024**2, metadata=_SCRIPT_MEMORY)
    log_level: str = field(default="info", metadata=_LOG_LEVEL)
    log_format: str = field(default="text", metadata=_LOG_FORMAT)
    visibility_timeout_seconds: int = field(default=3600, metadata=_VISIBILITY)
    event_amqp_url: str | None = field(default=None, metadata=_EVENT_AMQP)
    event_redis_url: str | None = field(default=None, metadata=_EVENT_REDIS)
    event_kafka_url: str | None = field(default=None, metadata=_EVENT_KAFKA)
    event_nats_url: str | None = field(default=None, metadata=_EVENT_NATS)
    event_retention_seconds: float = field(default=7 * 86400.0, metadata=_EVENT_KEEP)
    payload_store_url: str | None = field(default=None, metadata=_PAYLOAD_STORE)
    payload_inline_bytes: int = field(default=65536, metadata=_PAYLOAD_INLINE)
    payload_clients_seconds: float = field(default=7 * 86400.0, metadata=_PAYLOAD_CLIENTS)
    file_limit_bytes: int = field(default=100 * 1024**2, metadata=_FILE_LIMIT)
    file_url_seconds: float = field(default=60.0, metadata=_FILE_URL)
    message_limit: int = field(default=1000, metadata=_MESSAGES)
    retention_seconds: float | None = field(default=None, metadata=_RETENTION)
    retention_archive: bool = field(default=False, metadata=_RETENTION_ARCHIVE)
    archive_url: str | None = field(default=None, metadata=_ARCHIVE)
    status_sink: str | None = field(default=None, metadata=_STATUS_SINK)
    task_status_sink: str | None = field(default=None, metadata=_TASK_STATUS_SINK)
    webhook_secret: str | None = field(default=None, metadata=_WEBHOOK_SECRET)
    api_port: int = field(default=8080, metadata=_API_PORT)
    api_address: str = field(default="127.0.0.1", metadata=_API_ADDRESS)
    api_url: str | None = field(default=None, metadata=_API_URL)
    api_threads: int = field(default=16, metadata=_API_THREADS)
    api_token_seconds: float = field(default=3600.0, metadata=_API_TOKEN)
    traces_url: str | None = field(default=None, metadata=_TRACES_URL)
    flower_port: int = field(default=5555, metadata=_FLOWER_PORT)
    flower_address: str = field(default="127.0.0.1", metadata=_FLOWER_ADDRESS)
    flower_authorize: str | None = field(default=None, metadata=_FLOWER_AUTHORIZE)

    def __post_init__(self) -> None:
        # Links are resolved: a long path is replaced by its digest, and every process must get the same.
        object.__setattr__(self, "state_dir", Path(self.state_dir).expanduser().resolve())
        problems = list(self._problems())
        if problems:
            raise SettingsError(problems)

    def _problems(self) -> Iterator[str]:
        for item in dataclasses.fields(self):
            least, value = item.metadata["minimum"], getattr(self, item.name)
            if least is not None and value < least:
                yield f"{_variable(item.name)}={value} must be at least {least}"
        for name in ("api_port", "flower_port"):
            if getattr(self, name) > 65535:
                yield f"{_variable(name)}={getattr(self, name)} must be at most 65535"
        if self.retention_seconds is not None and self.retention_seconds <= 0:
            yield f"{_variable('retention_seconds')}={self.retention_seconds} must be more than 0"
        if self.api_url is not None and _scheme(self.api_url) not in ("http", "https"):
            yield f"{_variable('api_url')}={redact(self.api_url)} must begin with http:// or https://"
        if self.webhook_secret is not None and len(self.webhook_secret) < 16:
            yield f"{_variable('webhook_secret')} must have at least 16 characters"
        if self.lease_seconds < 2 * self.heartbeat_seconds:
            yield (
                f"{_variable('lease_seconds')}={self.lease_seconds} must be at least twice "
                f"{_variable('heartbeat_seconds')} ({self.heartbeat_seconds}), or live workers lose claims"
            )
        if self.broker_url is not None and _scheme(self.broker_url) not in BROKER_SCHEMES:
            yield (
                f"{_variable('broker_url')}={redact(self.broker_url)} is no supported broker; "
                f"use one of {', '.join(f'{scheme}://' for scheme in BROKER_SCHEMES)}"
            )

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from `environ`; not given: the process's environment.

        Raises:
            SettingsError: names all unknown and all malformed variables at once.
        """
        environ = os.environ if environ is None else environ
        fields = {_variable(item.name): item for item in dataclasses.fields(cls)}
        values, problems = dict[str, Any](), list[str]()
        for name in sorted(name for name in environ if name.startswith(PREFIX)):
            if name in fields:
                try:
                    values[fields[name].name] = fields[name].metadata["parse"](environ[name])
                except ValueError as exc:
                    problems.append(f"{name}={redact(environ[name])!r} {exc}")
            elif not name.startswith(FREE_PREFIXES):
                problems.append(_unknown(name, list(fields)))
        if problems:
            raise SettingsError(problems)
        return cls(**values)

    @classmethod
    def variables(cls) -> list[Variable]:
        """Return every variable with its default and its meaning, in the order of the fields."""
        return [
            Variable(_variable(item.name), _written(item.default), item.metadata["doc"])
            for item in dataclasses.fields(cls)
        ]

    def environment(self) -> dict[str, str]:
        """Return the variables that give a child process these very settings."""
        return {
            _variable(item.name): _written(value)
            for item in dataclasses.fields(self)
            if (value := getattr(self, item.name)) is not None
        }

    @property
    def embedded(self) -> bool:
        """Whether Podium's own server is the broker."""
        return self.broker_url is None

    @property
    def resolved_broker_url(self) -> str:
        """The broker's URL; embedded: the socket of the state directory, whether a server runs or not."""
        return self.broker_url or embedded_url(self.state_dir)

    @property
    def redis_broker(self) -> bool:
        """Whether the broker is Redis or Valkey."""
        return _scheme(self.resolved_broker_url) in REDIS_SCHEMES

    @property
    def resolved_event_amqp_url(self) -> str | None:
        """Where `amqp_queue` and `amqp_exchange` events are; None: nowhere."""
        return self.event_amqp_url or (None if self.redis_broker else self.broker_url)

    @property
    def resolved_event_redis_url(self) -> str | None:
        """Where `redis` events are; None: nowhere."""
        return self.event_redis_url or (self.resolved_broker_url if self.redis_broker else None)

    @property
    def resolved_result_backend(self) -> str | None:
        """The result backend's URL; None only with RabbitMQ and no `result_backend`."""
        if self.result_backend is not None:
            backend = with_psycopg(self.result_backend)
            return f"db+{backend}" if backend.startswith(("postgresql", "sqlite")) else backend
        if self.embedded:
            return embedded_url(self.state_dir, 1)
        # Messages' and results' keys differ; another database number might be somebody else's.
        return self.broker_url if self.redis_broker else None

    @property
    def resolved_database_url(self) -> str:
        """The database's URL; not set: a SQLite file in the state directory."""
        return self.database_url or f"sqlite:///{self.state_dir / 'podium.db'}"

    @property
    def resolved_archive_url(self) -> str:
        """Where archive files go."""
        return self.archive_url or str(self.state_dir / "archive")

    def __repr__(self) -> str:
        values = ((item.name, getattr(self, item.name)) for item in dataclasses.fields(self))
        shown = (
            f"{name}={'***' if name in _HIDDEN and value else redact(value) if isinstance(value, str) else value!r}"
            for name, value in values
        )
        return f"Settings({', '.join(shown)})"


@functools.cache
def current() -> Settings:
    """Return the settings of this process, read from the environment at the first call.

    Raises:
        SettingsError: as `Settings.from_env`.
    """
    return Settings.from_env()


def log_level_number(settings: Settings) -> int:
    """Return `log_level` as the number that `logging` uses."""
    return logging.getLevelNamesMapping()[settings.log_level.upper()]


def _variable(field: str) -> str:
    return PREFIX + field.upper()


def _scheme(url: str) -> str:
    return url.partition("://")[0] if "://" in url else ""


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
    return f"{name} is not a setting of Podium; {hint} (a workflow's own variables are PODIUM_ENV_<NAME>)"
