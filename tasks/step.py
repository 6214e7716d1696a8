"""The step: a Celery task class that runs its task as a step of a workflow when the message says so.

A message without Podium's header is a plain Celery call and runs as ever. With it, the message's step is claimed,
run and completed, and the steps that follow run here too as long as they may; Celery always sees success, because
how a step ended is in the table and not in a result.
"""

from __future__ import annotations

import time
from typing import Any

import celery

from app.runtime.engine import Engine
from app.runtime.execution import Execution
from app.runtime.hand import Hand, Held
from app.runtime.ports import Owner, Send, SendHeads
from app.runtime.recovery import lost_message
from app.runtime.straight import Head
from workflows.canvas import BATCH, HEADER, PREFIX
from workflows.operator import operators
from workflows.program import Path


class StepTask(celery.Task):  # type: ignore[misc]  # Celery has no types
    """Base of every task of the app: `Celery(task_cls=StepTask)`."""

    Request = "tasks.request:StepRequest"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        request = self.request
        header = None if request.called_directly else (request.headers or {}).get(HEADER)
        if header is None:
            return super().__call__(*args, **kwargs)
        deliver(self, header)
        return None

    def apply_async(self, args: Any = None, kwargs: Any = None, *rest: Any, **options: Any) -> Any:
        if HEADER in (options.get("headers") or {}):
            # The input is in the table; Celery must not miss it among the arguments.
            return self.app.send_task(self.name, args, kwargs, *rest, **options)
        return super().apply_async(args, kwargs, *rest, **options)


def register(app: celery.Celery) -> None:
    """Register the tasks that run operators and batches."""
    for name in (*(PREFIX + kind for kind in operators()), BATCH):
        app.task(_only_as_a_step, name=name, typing=False)


def _only_as_a_step() -> None:
    raise RuntimeError("this task is a step of a workflow: start the workflow, it can't be called alone")


def deliver(task: StepTask, header: dict[str, Any]) -> None:
    """One message, in a worker's process."""
    from app.bootstrap import process

    request, here = task.request, process()
    with here.engine.store.held(), here.events.message(len(header["at"]) == 1 and not header.get("ask")):
        work_on(here.engine, hand_for(here.engine, here.owner(), request, header), request, header)


def hand_for(engine: Engine, owner: Owner, request: Any, header: dict[str, Any]) -> Hand:
    """The hand of `owner` for one message."""
    return Hand(
        owner=owner,
        message_id=request.id,
        queue=(request.delivery_info or {}).get("routing_key"),
        until=time.monotonic() + engine.settings.in_place_seconds,
        fork=_fork(header),
    )


def work_on(engine: Engine, hand: Hand, request: Any, header: dict[str, Any]) -> None:
    """Claim what a message names, carry it on, and tell Celery what becomes of the rest of its canvas.

    request: Celery's, of which `id`, `chain`, `chord`, `group` and `group_index` are read, and all but the first
        are changed.
    """
    execution = Execution(
        header["w"],
        header["r"],
        engine.programs.get(header["p"]),
        awaited=header.get("told"),
        priority=header.get("pr", 0),
        routed="d" in header,
    )
    try:
        if header.get("ask"):
            sends = _ask(engine, hand, execution, header["at"][0])
        else:
            sends = _run(engine, hand, execution, header["at"])
    except Exception as error:
        # A fault of our own must not leave a claim that nobody works on.
        end_part(request)
        assert hand.owner is not None
        why = f"Podium failed here: {type(error).__name__}: {error}"
        lost_message(engine, hand.owner.id, request.id, why)
        raise
    if not _keep_chain(request, execution, sends):
        end_part(request)
        engine.publisher.publish(sends)


def _fork(header: dict[str, Any]) -> tuple[str, str, Path] | None:
    fork = header.get("fork")
    return (header["w"], fork[0], tuple(fork[1])) if fork else None


def _ask(engine: Engine, hand: Hand, execution: Execution, at: list[Any]) -> list[Send | SendHeads]:
    node, path = execution.program.node(at[0]), tuple(at[1])
    moves = engine.settle(hand, lambda s: s.ask_if_ready(execution, node, path), patience=None)
    return _carry_on(engine, hand, moves.claimed, moves.sends)


def _run(engine: Engine, hand: Hand, execution: Execution, at: list[list[Any]]) -> list[Send | SendHeads]:
    if len(at) == 1:
        ref, path, attempt = at[0]
        held = engine.claim(hand, execution, execution.program.node(ref), tuple(path), attempt)
        return _carry_on(engine, hand, held, [])
    return _run_batch(engine, hand, execution, at)


def _carry_on(
    engine: Engine, hand: Hand, held: Held | None, sends: list[Send | SendHeads]
) -> list[Send | SendHeads]:
    if held is None:
        return sends
    if sends:
        engine.publisher.publish(sends)
    return engine.carry(hand, held)


def _run_batch(
    engine: Engine, hand: Hand, execution: Execution, at: list[list[Any]]
) -> list[Send | SendHeads]:
    """Branches one after the other; when the time is used up, the others go out in smaller messages."""
    began, total = time.monotonic(), len(at)
    nodes = execution.program.nodes
    hand.heads.extend(Head(nodes[ref], tuple(path), attempt) for ref, path, attempt in at)
    while hand.heads:
        done = total - len(hand.heads)
        if done and not hand.has_time:
            each = (time.monotonic() - began) / done
            per_message = max(1, int(engine.settings.in_place_seconds / each))
            left = [head.node for head in hand.heads]
            return [
                SendHeads(engine.order(execution), left, hand.heads[0].path, -(-len(left) // per_message))
            ]
        head = hand.heads.popleft()
        held = engine.claim(hand, execution, head.node, head.path, head.attempt)
        engine.publisher.publish(_carry_on(engine, hand, held, []))
    return []


def _keep_chain(request: Any, execution: Execution, sends: list[Send | SendHeads]) -> bool:
    """Whether what is next is the next step of this message's own chain: then Celery sends it."""
    if len(sends) != 1 or not isinstance(sends[0], Send) or not request.chain:
        return False
    send = sends[0]
    wanted = [send.node.ref, list(send.path), send.attempt]
    while request.chain:
        header = request.chain[-1]["options"]["headers"][HEADER]
        if header["w"] == send.order.execution_id and header["at"] == [wanted]:
            return True
        if len(request.chain) == 1:
            return False
        request.chain.pop()
    return False


def end_part(request: Any) -> None:
    """Drop the rest of the chain; a chord that the branch belongs to is still told that its part has ended."""
    rest = request.chain
    if rest and not request.chord:
        last = rest[0]["options"]
        request.chord = last.get("chord")
        request.group = last.get("group_id")
        request.group_index = last.get("group_index")
    request.chain = None
