"""The processes of one installation, as commands with a check that says when each is ready."""

from __future__ import annotations

import http.client
import ipaddress
import os
import socket
import sys
from dataclasses import fields

from celery import Celery

from app.children import Child, Command
from config.celery import celery_config
from config.settings import Settings
from workflows.errors import PodiumError


class PortTaken(PodiumError):
    """Another program listens where Flower should."""


class OpenFlower(PodiumError):
    """Flower would be open to the network with nobody asked for a password."""


def commands(
    settings: Settings, worker_concurrency: int = 2, *, beat: bool = True, flower_port: int | None = None
) -> list[Command]:
    """Return the processes in the order of their start; `flower_port` not given: no Flower.

    Raises:
        OpenFlower: Flower would listen beyond this machine without authentication.
    """
    environment = _environment(settings)
    node = f"podium@{socket.gethostname()}"
    worker = (
        "worker", f"--concurrency={worker_concurrency}", f"--hostname={node}", f"--loglevel={settings.log_level}",
        "--without-mingle", "--without-gossip",
    )
    found = [
        Command(
            name="worker",
            argv=_celery(*worker),
            ready=_answers_ping(settings, node),
            environment=environment,
            grace_seconds=30.0,
        )
    ]
    return found
