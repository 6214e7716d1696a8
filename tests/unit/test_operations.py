"""What can be done with executions has one name, whoever asks for it."""

from __future__ import annotations

import inspect
from types import ModuleType

import click
import pytest

from app.cli.group import COMMANDS, LazyGroup
from app.client import Podium
from app.operations import bulk, control, diff, history, query, retention, search, signal

PARTS: dict[ModuleType, tuple[str, ...]] = {
    control: (
        "pause",
        "resume",
        "terminate",
        "retry",
        "rerun",
        "restart",
        "skip_task",
        "update_variables",
        "reset_callbacks",
    ),
    signal: ("complete_task", "fail_task", "signal", "send_message"),
    retention: ("archive", "remove", "prune"),
    history: ("history",),
    diff: ("diff",),
    query: ("explain",),
    search: ("search", "search_tasks", "search_by_tasks"),
}
OPERATIONS = {name: getattr(module, name) for module, names in PARTS.items() for name in names}


def options_of(command: str) -> set[str]:
    found = LazyGroup().get_command(click.Context(LazyGroup()), command)
    assert found is not None
    return {option for parameter in found.params for option in parameter.opts}


def test_every_public_function_of_these_modules_is_in_the_list() -> None:
    for module in (control, signal, retention, search):
        public = {
            name
            for name, found in vars(module).items()
            if inspect.isfunction(found) and found.__module__ == module.__name__ and not name.startswith("_")
        }
        # A part of operations, and two operations in one transaction, for REST.
        others = {"open_task", "update_state"}
        assert public - others == set(PARTS[module]), module.__name__


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_in_the_python_api_and_in_the_command_line_under_its_name(name: str) -> None:
    assert inspect.isfunction(getattr(Podium, name))
    # A command acts on executions unless it says more: `skip`, `complete`, `fail` are of tasks.
    command, _, flag = name.partition("_") if name.startswith("search_") else (name, "", "")
    command = command.removesuffix("_task").replace("_", "-")
    assert command in COMMANDS
    if flag:
        assert f"--{flag.replace('_', '-')}" in options_of(command)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_python_api_takes_what_the_operation_takes(name: str) -> None:
    operation = inspect.signature(OPERATIONS[name]).parameters
    method = inspect.signature(getattr(Podium, name)).parameters

    assert next(iter(operation)) == "engine"
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in method.values()):
        assert set(method) - {"self", "options"} <= set(operation)
    else:
        assert set(method) - {"self"} == set(operation) - {"engine"}


def test_what_is_done_to_many_at_once_are_operations() -> None:
    assert all(OPERATIONS[name] is act for name, act in bulk.OPERATIONS.items())
