"""What all commands share: examples in the help, `--json`, and errors as one sentence with an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from app.cli import exit_codes
from app.cli.output import plain

Example = tuple[str, str]
"""A command line, and what it does."""


class PodiumCommand(click.Command):
    """A command with examples, whose errors end in an exit code of `app.cli.exit_codes`."""

    def __init__(self, *args: Any, examples: Sequence[Example], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        with formatter.section("Examples"):
            for index, (line, meaning) in enumerate(self.examples):
                if index:
                    formatter.write_paragraph()
                formatter.write_text(f"# {meaning}")
                formatter.write(f"{'':{formatter.current_indent}}{line}\n")

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; an error that is raised on purpose is a sentence on stderr."""
        with _ends_with_a_code(ctx):
            return super().invoke(ctx)


def podium_command(name: str, *examples: Example) -> Callable[[Callable[..., Any]], PodiumCommand]:
    """Make a function a command; its docstring is the help.

    Raises:
        ValueError: no example is given.
    """
    if not examples:
        raise ValueError(f"the command {name!r} has no example")

    def decorate(function: Callable[..., Any]) -> PodiumCommand:
        made: PodiumCommand = click.command(name, cls=PodiumCommand, examples=examples)(function)
        return made

    return decorate


def json_option(help: str = "Print one JSON document.") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--json`, handed over as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help=help)


@contextmanager
def _ends_with_a_code(ctx: click.Context) -> Iterator[None]:
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more at its exit, which must not fail then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        ctx.exit(exit_codes.BROKEN_PIPE)
    except KeyboardInterrupt:
        ctx.exit(exit_codes.INTERRUPTED)
    except Exception as error:
        code = exit_codes.exit_code(type(error))
        if code is None:
            raise
        click.echo(f"Error: {plain(str(error))}", err=True)
        ctx.exit(code)
