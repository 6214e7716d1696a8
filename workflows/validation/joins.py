"""Checks of FORK_JOIN and JOIN: a JOIN that waits for what never runs hangs for ever in Conductor."""

from __future__ import annotations

from collections.abc import Iterator

from workflows.operator import Finding, is_operator, operator_of
from workflows.validation.flow import Fact, Flow, Site
from workflows.validation.references import nearest

_JOINS = ("JOIN", "EXCLUSIVE_JOIN")


def check_joins(flow: Flow) -> Iterator[Finding]:
    """Findings about all forks and joins."""
    for site in flow.sites:
        if _is_fork(site) and (site.following is None or site.following.type not in _JOINS):
            message = f"The fork {site.ref!r} is not followed by a JOIN."
            fix = "Put a JOIN behind it whose joinOn names the last task of each branch."
            yield Finding(site.path, message, fix, "error", "fork-without-join")
        if site.task.type == "JOIN":
            yield from _check_join(flow, site)


def _is_fork(site: Site) -> bool:
    return is_operator(site.task.type) and operator_of(site.task.type).contains == "branches"


def _check_join(flow: Flow, site: Site) -> Iterator[Finding]:
    if site.previous is not None and site.previous.type == "FORK_JOIN_DYNAMIC":
        # Its JOIN waits for whatever was forked; joinOn is not read.
        return
    path = f"{site.path}.joinOn"
    if not site.task.join_on:
        message = f"The JOIN {site.ref!r} waits for nothing: joinOn is empty."
        yield Finding(path, message, "Name the last task of each branch.", "error", "empty-join")
    for index, ref in enumerate(site.task.join_on):
        target = flow.by_ref.get(ref)
        where = f"{path}[{index}]"
        if target is None:
            fix = f"{nearest(ref, flow.by_ref)}Name the last task of a branch."
            yield Finding(where, f"{ref!r} is no task of this workflow.", fix, "error", "unknown-join")
        else:
            yield from _check_target(where, site, target)


def _check_target(path: str, site: Site, target: Site) -> Iterator[Finding]:
    ref, fact = target.ref, site.fact(target.ref)
    if target.loops != site.loops:
        message = f"{ref!r} and the JOIN {site.ref!r} are not in the same loop: the JOIN would wait for ever."
        fix = "Wait for the loop itself, or put both into its body."
        yield Finding(path, message, fix, "error", "join-across-loops")
    elif fact is None:
        message = f"{ref!r} can't run before the JOIN {site.ref!r} has ended: it would wait for ever."
        fix = "Name the last task of each branch of the fork before it."
        yield Finding(path, message, fix, "error", "join-never-runs")
    elif fact in (Fact.MAYBE, Fact.MAYBE_RUNNING):
        message = f"{ref!r} runs only in some cases: the JOIN {site.ref!r} would wait for ever in the others."
        fix = "Wait for the SWITCH (or the loop) around it, or for a task behind that in the same branch."
        yield Finding(path, message, fix, "error", "join-may-hang")
