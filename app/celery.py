"""The Celery application: `celery -A app worker|beat|flower|workflow`."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from celery import Celery, signals

from app import bootstrap
from config import kombu_guard
from config.celery import celery_config
from config.logging import formatter
from config.settings import Settings, current
from tasks.step import StepTask, register


def make_app(settings: Settings, name: str = "podium", set_as_current: bool = False) -> Celery:
    """A Celery application for these settings; importing the tasks is left to Celery's loader."""
    kombu_guard.install()
    made = Celery(name, task_cls=StepTask, set_as_current=set_as_current)
    made.conf.update({**celery_config(settings), "imports": ()})
    made.podium_settings = settings
    register(made)
    return made


def import_tasks(settings: Settings) -> None:
    """Import every module below PODIUM_IMPORTS, so that the tasks in them are registered."""
    for name in settings.imports:
        module = importlib.import_module(name)
        for found in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{name}."):
            importlib.import_module(found.name)


bootstrap.connect_signals()

app: Any = make_app(current(), set_as_current=True)


def _import(**_: object) -> None:
    import_tasks(app.podium_settings)


signals.import_modules.connect(_import, sender=app, weak=False)


def _format_lines(logger: Any, **_: object) -> None:
    # Where lines go and how severe they must be is Celery's own (--logfile, --loglevel).
    for handler in logger.handlers:
        handler.setFormatter(formatter(app.podium_settings))


signals.after_setup_logger.connect(_format_lines, weak=False)
signals.after_setup_task_logger.connect(_format_lines, weak=False)
