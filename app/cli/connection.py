"""The way to the engine."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from config.settings import current

if TYPE_CHECKING:
    from app.client import Podium


@contextmanager
def connected() -> Iterator[Podium]:
    """A `Podium` on the environment's settings, closed at the end of the block.

    Raises:
        SettingsError, StoreError: the settings, or the database, are of no use.
        click.UsageError: PODIUM_IMPORTS names a module that is not there.
    """
    imports = current().imports
    # Celery's own commands find the user's modules in the working directory; so must these.
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        # Importing the Celery application reads the settings, whose errors are the command's; and help needs no engine.
        from app.client import Podium

        podium = Podium()
    except ModuleNotFoundError as error:
        if not any(error.name == name or name.startswith(f"{error.name}.") for name in imports):
            raise
        raise click.UsageError(
            f"PODIUM_IMPORTS={','.join(imports)}: there is no module {error.name!r} in {os.getcwd()} "
            "or among the installed packages"
        ) from None
    with podium:
        yield podium


def actor() -> str:
    """Who is recorded as having done it: the user of the operating system."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user need not have a name.
        return f"uid {os.getuid()}"
