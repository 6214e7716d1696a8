"""The group of commands, their help, and the page that is made of it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from app.cli import main, workflow
from app.cli.command import PodiumCommand, podium_command
from app.cli.group import COMMANDS
from app.cli.reference import cli_page
from app.reference import ROOT

PAGE = ROOT / "docs" / "reference" / "cli.md"
HEAVY = ("celery", "sqlalchemy", "pydantic", "rich", "kombu")


def _commands(group: click.Group = main, path: str = "podium") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group, info_name=path)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")


ALL = dict(_commands())
LEAVES = {path: command for path, command in ALL.items() if isinstance(command, PodiumCommand)}


def test_the_help_loads_neither_the_engine_nor_anything_else_that_is_slow() -> None:
    program = (
        "import sys; from app.cli import main; main(['--help'], standalone_mode=False); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert "Run workflow definitions on Celery, durably." in done.stdout
    assert done.stdout.endswith("[]\n")


def test_podium_and_celerys_workflow_have_the_same_commands() -> None:
    context = click.Context(workflow)

    assert workflow.list_commands(context) == main.list_commands(context) == list(COMMANDS)
    assert [workflow.get_command(context, name) for name in COMMANDS] == [
        main.get_command(context, name) for name in COMMANDS
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_what_the_group_says_of_a_command_is_how_its_own_help_begins(name: str) -> None:
    assert (ALL[f"podium {name}"].help or "").startswith(COMMANDS[name])


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_has_examples_that_it_can_parse_and_prints_json(path: str) -> None:
    command = LEAVES[path]

    for line, _meaning in command.examples:
        ours = next(part for part in line.split("|") if path in part)
        words = shlex.split(ours.split("&&")[0].split(">")[0])
        arguments = words[words.index("podium") + len(path.split()) :]
        context = click.Context(command, info_name=path)
        command.make_parser(context).parse_args(arguments)
    assert "--json" in {option for parameter in command.params for option in parameter.opts}


def test_a_command_without_an_example_is_refused() -> None:
    with pytest.raises(ValueError, match="the command 'bare' has no example"):
        podium_command("bare")


@pytest.mark.parametrize(
    ("typed", "hint"), [("strat", "did you mean 'start'?"), ("zzz", "known: up, db, validate, register")]
)
def test_an_unknown_command_is_answered_with_the_nearest(typed: str, hint: str) -> None:
    done = CliRunner().invoke(main, [typed])

    assert done.exit_code == 2
    assert f"there is no command '{typed}'; {hint}" in done.stderr


def test_the_version_is_the_packages() -> None:
    assert CliRunner().invoke(main, ["--version"]).stdout.startswith("podium 0.")


def test_the_reference_page_is_made_from_the_help_as_it_is() -> None:
    assert PAGE.read_text(encoding="utf-8") == f"{cli_page()}\n", (
        "run: python -m app.cli.reference docs/reference/cli.md"
    )
