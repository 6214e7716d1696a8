"""The group of all commands. A command's module is imported when it is asked for: `podium --help` loads no engine."""

from __future__ import annotations

import difflib
import importlib

import click

COMMANDS = {
    "up": "Run broker, worker, beat, events, REST API and Flower together until Ctrl-C.",
    "db": "Bring the database to the schema of this version, or look at it.",
    "validate": "Check definitions without registering them.",
    "register": "Register the definitions of files, all of them or none.",
    "compile": "Show what a definition compiles to: Celery canvases, or a flowchart.",
    "definitions": "List registered definitions, or print one.",
    "operators": "List the operators, or explain one.",
    "start": "Start an execution of a registered definition.",
    "status": "Say how an execution is doing.",
    "show": "Show an execution's tasks as a tree.",
    "explain": "Say in a sentence what an execution waits for, or how it ended.",
    "list": "List executions, the newest first.",
    "search": "Search executions or tasks by conditions and free text.",
    "complete": "Complete a task that waits, with an output.",
    "fail": "Fail a task that is open; its retry policy decides what follows.",
    "signal": "End the first task that waits, in an execution or in its sub-workflows.",
    "send-message": "Send a message to an execution, which a PULL_WORKFLOW_MESSAGES task of it takes.",
    "reset-callbacks": "Have worker tasks that asked to be called again later called now.",
    "pause": "Have nothing new begin in executions.",
    "resume": "Go on with executions that are paused.",
    "terminate": "End executions.",
    "retry": "Try again what failed in executions that did not complete.",
    "rerun": "Do an execution that has ended again from a task on.",
    "restart": "Do executions that have ended all anew.",
    "skip": "Have a task that was not reached yet passed over.",
    "update-variables": "Set variables of an execution; others stay.",
    "history": "Show every transition of an execution and its tasks, with its time and who made it.",
    "diff": "Compare two executions task by task.",
    "archive": "Write executions that have ended into the archive.",
    "remove": "Delete executions that have ended.",
    "prune": "Remove executions that ended long ago, in small batches.",
    "event": "Publish events; look after event handlers and what they did.",
    "events": "Receive events, act on them, and send what is to go out, until Ctrl-C.",
    "schema": "Keep JSON Schemas that definitions name.",
    "schedule": "Start workflows by the clock.",
    "workers": "List the workers that live.",
    "api": "Serve the REST API until Ctrl-C.",
    "keys": "Make, list and delete the keys of the REST API.",
}
"""Every command with its short help, in the order in which they are shown."""


class LazyGroup(click.Group):
    """Knows its commands by name and short help, and imports one when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, as they are to be shown."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; None: there is none."""
        if cmd_name not in COMMANDS:
            return None
        found = importlib.import_module(f"app.cli.commands.{cmd_name.replace('-', '_')}").command
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name where there is none."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(COMMANDS)}"
            ctx.fail(f"there is no command {name!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does, but with the short helps that are known here."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


_EPILOG = "'COMMAND --help' shows examples. Settings are the environment's PODIUM_* variables."


@click.group(cls=LazyGroup, name="podium", epilog=_EPILOG)
@click.version_option(package_name="podium", message="%(package)s %(version)s")
def main() -> None:
    """Run workflow definitions on Celery, durably."""


@click.group(cls=LazyGroup, name="workflow", epilog=_EPILOG)
def workflow() -> None:
    """Workflows: register definitions, run them, look at executions (as 'podium')."""
