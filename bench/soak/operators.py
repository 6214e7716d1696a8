"""People who do anything to any execution at any time."""

from __future__ import annotations

import functools
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from app.client import Podium
from app.errors import BrokerUnavailable, InvalidInput, TaskNotFound, WrongState
from app.operations import control, signal
from app.operations.outside import ResultStatus
from bench.soak.definitions import DEFINITIONS

_STARTED = [name for name in DEFINITIONS if name != "soak_child"]
_REMEMBERED = 200

Act = Callable[[str], Any]


class Operators:
    """Starts executions and controls those that were started last."""

    def __init__(self, podium: Podium, pick: random.Random) -> None:
        self._podium, self._pick = podium, pick
        engine = podium.engine
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.recent: list[str] = []
        self.started = 0
        self._acts: dict[str, Act] = {
            "pause": lambda id: control.pause(engine, id),
            "resume": lambda id: control.resume(engine, id),
            "terminate": lambda id: control.terminate(engine, id),
            "retry": lambda id: control.retry(engine, id),
            "retry, sub-workflows too": lambda id: control.retry(engine, id, resume_sub_workflows=True),
            "rerun": lambda id: control.rerun(engine, id),
            "rerun from a task": lambda id: control.rerun(engine, id, self._task_of(id)),
            "rerun from a task with input": lambda id: control.rerun(
                engine, id, self._task_of(id), input={"x": 1}
            ),
            "restart": lambda id: control.restart(engine, id),
            "restart, latest": lambda id: control.restart(engine, id, latest_definition=True),
            "skip": lambda id: control.skip_task(engine, id, "last", output={"skipped": True}),
            "update variables": lambda id: control.update_variables(engine, id, {"v": self._pick.random()}),
            "complete": lambda id: signal.complete_task(engine, id, "last"),
            "fail": lambda id: signal.fail_task(engine, id, "last", "by hand", terminal=True),
            "signal": lambda id: signal.signal(engine, id, ResultStatus.COMPLETED, {"ok": True}),
            "answer": lambda id: self._complete(id, "human"),
        }

    def start(self) -> None:
        """Start an execution of a random definition."""
        name = self._pick.choice(_STARTED)
        if self._refusable("start", lambda: self._start(name)):
            self.started += 1

    def _start(self, name: str) -> None:
        self.recent.append(self._podium.start(name, {"case": self._pick.choice("abc")}).id)
        del self.recent[:-_REMEMBERED]

    def act(self) -> None:
        """Do something to one of the executions that were started last."""
        if self.recent:
            # Mostly to those that have just begun: the others have ended.
            among = self.recent[-self._pick.choice([3, 10, _REMEMBERED]) :]
            name, id = self._pick.choice(list(self._acts)), self._pick.choice(among)
            self._refusable(name, lambda: self._acts[name](id))

    def answer(self, tasks: list[tuple[str, str]]) -> None:
        """Have people answer at each of these (execution, reference)."""
        for id, ref in tasks:
            self._refusable("answer", functools.partial(self._complete, id, ref))

    def _complete(self, id: str, ref: str) -> None:
        signal.complete_task(self._podium.engine, id, ref, {"ok": True})

    def take_up(self, id: str, status: str) -> None:
        """Have an execution go on, whatever it was stopped by."""
        if status == "PAUSED":
            self._refusable("resume", lambda: self._acts["resume"](id))
        elif status != "RUNNING":
            name = "retry, sub-workflows too"
            if not self._refusable(name, lambda: self._acts[name](id)):
                self._refusable("restart", lambda: self._acts["restart"](id))

    def _task_of(self, id: str) -> str:
        tasks = self._podium.execution(id).tasks
        return self._pick.choice(tasks).id if tasks else "none"

    def _refusable(self, name: str, act: Callable[[], Any]) -> bool:
        try:
            act()
        except (WrongState, TaskNotFound, InvalidInput, BrokerUnavailable) as error:
            self.refused[f"{name}: {type(error).__name__}"] += 1
            return False
        self.done[name] += 1
        return True
