"""The values of secrets, looked up when a step uses them: from the environment, or from a directory of files."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from typing import Any

from app.errors import SecretNotFound
from config.settings import Settings
from workflows import secrets
from workflows.operator import Done, Failed, Outcome
from workflows.program import Node

PREFIX = "PODIUM_SECRET_"
Hide = Callable[[Any], Any]


class Secrets:
    """Looks secrets up; nothing is kept, so that a file that changes holds from the next use on."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.secrets_dir

    def value(self, name: str) -> str:
        """The value of a secret.

        Raises:
            SecretNotFound: there is none.
        """
        found = os.environ.get(PREFIX + name)
        if found is None and self._folder is not None:
            try:
                # As Kubernetes and Docker mount them; the newline at the end is the editor's.
                found = (self._folder / name).read_text(encoding="utf-8").removesuffix("\n")
            except (OSError, UnicodeDecodeError):
                found = None
        if found is None:
            raise SecretNotFound(name, self._folder and self._folder / name)
        return found

    def runtime_value(self, name: str) -> str:
        """What `runtimeMetadata` names: a workflow's variable of the environment, else a secret.

        Raises:
            SecretNotFound: it is neither.
        """
        found = os.environ.get(f"PODIUM_ENV_{name}")
        return self.value(name) if found is None else found

    def names(self) -> list[str]:
        """The names of all secrets that can be used here, sorted."""
        found = {name.removeprefix(PREFIX) for name in os.environ if name.startswith(PREFIX)}
        if self._folder is not None and self._folder.is_dir():
            found |= {file.name for file in self._folder.iterdir() if file.is_file()}
        return sorted(name for name in found if secrets.NAME.fullmatch(f"${{workflow.secrets.{name}}}"))

    def reveal(self, node: Node, given: dict[str, Any]) -> tuple[dict[str, Any], Hide]:
        """A step's input with the values of its secrets, and what hides them in what comes back of it.

        Raises:
            SecretNotFound: one is not there.
        """
        values: dict[str, str] = {}
        for place in node.secrets:
            for name in place.names:
                values[name] = self.value(name)
        return secrets.revealed(given, node.secrets, values.__getitem__), secrets.hider(list(values.values()))


def hidden(outcome: Outcome, hide: Hide) -> Outcome:
    """An outcome without the values of secrets in what is going to be stored."""
    match outcome:
        case Failed():
            return dataclasses.replace(outcome, output=hide(outcome.output), reason=hide(outcome.reason))
        case Done():
            reason = None if outcome.reason is None else hide(outcome.reason)
            return dataclasses.replace(outcome, output=hide(outcome.output), reason=reason)
    if hasattr(outcome, "output"):
        return dataclasses.replace(outcome, output=hide(outcome.output))
    return outcome
