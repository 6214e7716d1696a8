"""The processes of one installation: their command lines, and the check that says when each is ready."""

from __future__ import annotations

import http.client
import ipaddress
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import fields

from celery import Celery
from kombu.exceptions import OperationalError

from app.children import Child, Command
from app.errors import BrokerUnavailable
from config.celery import CONNECT_SECONDS, celery_config
from config.settings import PREFIX, Settings
from config.urls import redact
from workflows.errors import PodiumError

WORKER_GRACE_SECONDS = 30.0


class FlowerAddressError(PodiumError):
    """Flower can't, or must not, listen where the settings say."""


class ApiPortError(PodiumError):
    """The port of the REST API is taken."""


def commands(
    settings: Settings,
    worker_concurrency: int = 2,
    *,
    beat: bool = True,
    events: bool = True,
    api_port: int | None = None,
    flower_port: int | None = None,
) -> list[Command]:
    """Return the processes in the order of their start; a port that is not given: none of that kind."""
    environment = _environment(settings)
    level = f"--loglevel={settings.log_level}"
    node = f"podium@{socket.gethostname()}"
    worker_argv = ("worker", f"--concurrency={worker_concurrency}", f"--hostname={node}", level)
    found = [
        Command(
            name="worker",
            # Both share revoked tasks and clocks in a cluster; Podium needs neither, mingle costs a second.
            argv=_celery(*worker_argv, "--without-mingle", "--without-gossip"),
            ready=_answers_ping(settings, node),
            environment=environment,
            grace_seconds=WORKER_GRACE_SECONDS,
        )
    ]
    if beat:
        pidless = ("--pidfile=", level)
        found.append(
            Command(
                name="beat",
                argv=_celery("beat", *pidless),
                ready=lambda child: child.has_said("is starting"),
                environment=environment,
            )
        )
    if events:
        found.append(
            Command(
                name="events",
                argv=(sys.executable, "-m", "app.cli", "events"),
                ready=lambda child: child.has_said("events are received"),
                environment=environment,
            )
        )
    if api_port is not None:
        found.append(
            Command(
                name="api",
                argv=(sys.executable, "-m", "app.cli", "api"),
                ready=lambda child: child.has_said("podium api | ready"),
                environment=environment | {"PODIUM_API_PORT": str(api_port)},
                grace_seconds=WORKER_GRACE_SECONDS,
            )
        )
    if flower_port is not None:
        where = (f"--address={settings.flower_address}", f"--port={flower_port}")
        found.append(
            Command(
                name="flower",
                argv=_celery("flower", *where),
                ready=lambda child: _flower_is_healthy(settings.flower_address, flower_port),
                # Without it Flower's API refuses everybody; on loopback only this machine's users can ask.
                environment=environment | {"FLOWER_UNAUTHENTICATED_API": "true"},
            )
        )
    return found


def reach_broker(settings: Settings) -> None:
    """Connect to the broker once.

    Raises:
        BrokerUnavailable: it does not answer.
    """
    app = _control_app(settings)
    try:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0.2, timeout=CONNECT_SECONDS)
    except _connection_errors(app) as exc:
        raise BrokerUnavailable(redact(settings.resolved_broker_url), exc) from exc


def choose_flower_port(settings: Settings) -> int:
    """Return the port of the settings, or a free one when it is the default and taken.

    Raises:
        FlowerAddressError: the chosen port is taken, the address is not this machine's, or Flower would be
            open to the network with nobody asked for a password.
    """
    address, port = settings.flower_address, settings.flower_port
    secured = os.environ.get("FLOWER_BASIC_AUTH") or os.environ.get("FLOWER_AUTH")
    if not secured and not _is_loopback(address):
        raise FlowerAddressError(
            f"Flower would be open to everybody who reaches {address}; "
            "set FLOWER_BASIC_AUTH=user:password, or PODIUM_FLOWER_ADDRESS=127.0.0.1"
        )
    found = _free_port(address, port, default=Settings.flower_port)
    if found is None:
        raise FlowerAddressError(_taken(address, port, "PODIUM_FLOWER_PORT"))
    return found


def choose_api_port(settings: Settings) -> int:
    """Return the port of the settings, or a free one when it is the default and taken.

    Raises:
        ApiPortError: the chosen port is taken, or the address is not this machine's.
    """
    address, port = settings.api_address, settings.api_port
    found = _free_port(address, port, default=Settings.api_port)
    if found is None:
        raise ApiPortError(_taken(address, port, "PODIUM_API_PORT"))
    return found


def _free_port(address: str, port: int, default: int) -> int | None:
    if _is_free(address, port):
        return port
    if port != default:
        return None
    with socket.create_server((address, 0), family=_family(address)) as listener:
        return int(listener.getsockname()[1])


def _taken(address: str, port: int, variable: str) -> str:
    return f"port {port} of {address} is taken; stop what listens there or set {variable} to another"


def _celery(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "celery", "-A", "app", *words)


def _environment(settings: Settings) -> dict[str, str]:
    ours = {PREFIX + item.name.upper() for item in fields(Settings)}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    return {**inherited, "PYTHONUNBUFFERED": "1", **settings.environment()}


def _control_app(settings: Settings) -> Celery:
    app = Celery("podium-up", set_as_current=False)
    app.conf.update(celery_config(settings))
    return app


def _connection_errors(app: Celery) -> tuple[type[Exception], ...]:
    return (OperationalError, *app.connection_for_write().connection_errors)


def _answers_ping(settings: Settings, node: str) -> Callable[[Child], bool]:
    app = _control_app(settings)
    broken = _connection_errors(app)

    def ready(_child: Child) -> bool:
        try:
            with app.connection_for_write() as connection:
                asked = app.control.inspect(destination=[node], timeout=0.5, limit=1, connection=connection)
                return bool(asked.ping())
        except broken:
            return False

    return ready


def _flower_is_healthy(address: str, port: int) -> bool:
    connection = http.client.HTTPConnection(address, port, timeout=1.0)
    try:
        connection.request("GET", "/healthcheck")
        return connection.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _is_free(address: str, port: int) -> bool:
    with socket.socket(_family(address), socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
