"""The reference page of the command line, made from the commands' help.

`python -m app.cli.reference` prints it; `python -m app.cli.reference FILE` writes it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from app.cli.exit_codes import ERRORS, MEANINGS
from app.cli.group import COMMANDS, main

_WIDTH = 100
_OPENING = """\
# Command line

`podium …` and `celery -A app workflow …` have the same commands. This page is made from their help by
`python -m app.cli.reference docs/reference/cli.md`.

- `--json` prints one JSON document on stdout (with `start --follow` one line for each change), with Conductor's names
  of fields; times are milliseconds since the epoch.
- Errors, warnings and hints go to stderr, an error as one sentence that says what happened, where, and what to do.
- There are colours only in a terminal, and none where `NO_COLOR` is set. Lines are as long as they need to be where
  stdout is no terminal.
- The [settings](../../README.md) are read from the environment. Modules of `PODIUM_IMPORTS` are also looked for in the working directory.

## Exit codes
"""


def cli_page() -> str:
    """The whole page, as Markdown."""
    return "\n".join([_OPENING, *_exit_codes(), "", "## Commands", "", *_commands()])


def _exit_codes() -> Iterator[str]:
    yield "| Code | Meaning | Errors |"
    yield "| --- | --- | --- |"
    for code, meaning in MEANINGS.items():
        errors = ", ".join(f"`{name}`" for name, its in ERRORS.items() if its == code)
        yield f"| {code} | {meaning} | {errors} |"
    yield ""
    yield "An [error](errors.md) that is not named has the code of its nearest base that is."


def _commands() -> Iterator[str]:
    root = click.Context(main, info_name="podium", terminal_width=_WIDTH, max_content_width=_WIDTH)
    yield "| | |\n| --- | --- |"
    for name, short in COMMANDS.items():
        yield f"| [`podium {name}`](#podium-{name}) | {short} |"
    for name in COMMANDS:
        command = main.get_command(root, name)
        assert command is not None
        yield from _section(command, name, root, "###")


def _section(command: click.Command, name: str, parent: click.Context, heading: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, parent=parent)
    yield f"\n{heading} {context.command_path}\n"
    yield f"```text\n{command.get_help(context)}\n```"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            yield from _section(command.commands[inner], inner, context, heading + "#")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(f"{cli_page()}\n", encoding="utf-8")
    else:
        sys.stdout.write(f"{cli_page()}\n")
