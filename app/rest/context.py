"""What every route is handed: the engine, who waits, who may do what."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, ParamSpec, TypeVar

import anyio.to_thread
from fastapi import Depends, Request

from app.bootstrap import Process
from app.rest.access import Access, Caller
from app.rest.hub import Hub
from app.rest.metrics import Metrics
from app.rest.polls import Polls
from app.runtime.engine import Engine

Params = ParamSpec("Params")
Result = TypeVar("Result")


@dataclass
class Context:
    """One API process."""

    process: Process
    access: Access
    hub: Hub = field(default_factory=Hub)
    polls: Polls = field(default_factory=Polls)
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        self.metrics = Metrics(self.process.engine)

    @property
    def engine(self) -> Engine:
        """What moves executions."""
        return self.process.engine


async def run(function: Callable[Params, Result], *args: Params.args, **kwargs: Params.kwargs) -> Result:
    """Call an operation in a thread: operations talk to the database and block."""
    return await anyio.to_thread.run_sync(functools.partial(function, *args, **kwargs))


# Asynchronous, though they wait for nothing: others are run in a thread each.
async def _context(request: Request) -> Any:
    return request.app.state.podium


async def _engine(request: Request) -> Any:
    return request.app.state.podium.engine


async def _caller(request: Request) -> Any:
    return request.state.caller


Here = Annotated[Context, Depends(_context)]
EngineHere = Annotated[Engine, Depends(_engine)]
CallerHere = Annotated[Caller, Depends(_caller)]
