"""The table of exit codes, and how an error becomes one."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

import app
import tasks
import workflows
from app.cli.command import podium_command
from app.cli.exit_codes import ERRORS, MEANINGS, exit_code
from app.errors import ExecutionNotFound, StoreUnavailable, WrongState
from config.database import DatabaseUrlError
from config.settings import SettingsError
from workflows.errors import PodiumError


def _import_all() -> None:
    for package in (app, tasks, workflows):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            # Programs that run when they are imported, and the scripts of Alembic.
            if not module.name.endswith("__main__") and ".migrations." not in module.name:
                importlib.import_module(module.name)


def _below(error: type[Exception]) -> Iterator[type[Exception]]:
    for child in error.__subclasses__():
        if child.__module__.split(".")[0] in ("app", "tasks", "workflows", "config"):
            yield child
            yield from _below(child)


def _raising(error: BaseException) -> click.Command:
    @podium_command("fails", ("fails", "always"))
    def command() -> None:
        """Fail."""
        raise error

    return command


def test_every_error_of_podium_has_an_exit_code_and_every_name_in_the_table_is_an_error() -> None:
    _import_all()
    errors = [*_below(PodiumError), SettingsError, DatabaseUrlError]

    assert [error.__name__ for error in errors if exit_code(error) is None] == []
    assert set(ERRORS) - {error.__name__ for error in errors} == set()
    assert set(ERRORS.values()) < set(MEANINGS)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ExecutionNotFound("42"), 3, "Error: no execution has the id '42'; 'podium list' shows the latest"),
        (WrongState("it has ended"), 4, "Error: it has ended"),
        (
            StoreUnavailable("sqlite:///x", OSError("gone")),
            5,
            "Error: the database sqlite:///x does not answer",
        ),
        (SettingsError(["PODIUM_X is not a setting"]), 2, "Error: PODIUM_X is not a setting"),
        (WrongState("\x1b]0;title\x07\x1b[31mred"), 4, "Error: \\x1b]0;title\\x07\\x1b[31mred"),
    ],
)
def test_an_error_is_a_sentence_on_stderr_and_its_code(error: Exception, code: int, message: str) -> None:
    done = CliRunner().invoke(_raising(error), [])

    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.startswith(message)


def test_ctrl_c_is_130() -> None:
    assert CliRunner().invoke(_raising(KeyboardInterrupt()), []).exit_code == 130


def test_a_bug_is_not_taken_for_an_error_of_the_user() -> None:
    bug = ZeroDivisionError("ours")

    assert CliRunner().invoke(_raising(bug), []).exception is bug
