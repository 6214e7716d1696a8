"""Domains: which workers may have a task. Conductor's `taskToDomain`, by the names of tasks."""

from __future__ import annotations

from collections.abc import Mapping

from workflows.errors import PodiumError

NO_DOMAIN = "NO_DOMAIN"
ALL_OTHERS = "*"


class DomainError(PodiumError):
    """A taskToDomain is of no use."""


def domains_of(task_to_domain: Mapping[str, str], name: str) -> list[str | None]:
    """The domains of a task in the order of preference; None: workers without a domain."""
    text = task_to_domain.get(name) or task_to_domain.get(ALL_OTHERS) or ""
    named = [one.strip() for one in text.split(",")]
    return [None if one == NO_DOMAIN else one for one in named if one]


def queue_of(queue: str, domain: str | None) -> str:
    """The queue of a domain's workers: `eu:celery`."""
    return f"{domain}:{queue}" if domain else queue


def check(task_to_domain: Mapping[str, str]) -> None:
    """Raise where it names no domain.

    Raises:
        DomainError: it does not.
    """
    for name, text in task_to_domain.items():
        if not isinstance(text, str) or not domains_of({name: text}, name):
            raise DomainError(
                f"taskToDomain: {name!r} must be given a domain, or several separated by commas, not {text!r}"
            )
