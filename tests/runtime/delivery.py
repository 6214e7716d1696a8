"""A message in the hands of a worker that stops at every effect, until the test says how it goes on.

A worker's thread runs only while the test waits for it, so what happens is in one order, which the test chooses. It
stops where a process could be killed and others could come in between: after a commit, before a worker task does its
work, before a message is sent, before a chord is told. It never stops inside a transaction.
"""

from __future__ import annotations

import sqlite3
import threading
from enum import Enum

import psycopg

from app.runtime.ports import Owner
from tests.runtime.harness import Harness
from tests.runtime.wire import Message

_STOPS = ("after commit", "work", "publish", "chord")
_WAIT_SECONDS = 60


class Fault(Enum):
    """What becomes of a delivery from where it stands."""

    NONE = "it goes on"
    CRASH = "its process is killed here"
    CRASH_AT_COMMIT = "its process is killed before its next commit"
    NO_COMMIT = "its next commit fails"
    NO_ANSWER = "its next commit is carried out, and its answer is lost"


class Killed(BaseException):
    """The process that this thread stands for is no more. No handler of exceptions may see it."""


class Delivery:
    """One message in the hands of one worker."""

    def __init__(self, harness: Harness, message: Message, owner: Owner, steps_in_place: int) -> None:
        self.message, self.owner = message, owner
        self.at: str | None = "begin"
        """Where it stands; None: it has ended."""
        self.killed = False
        self._harness = harness
        self._steps = steps_in_place
        self._fault = Fault.NONE
        self._error: Exception | None = None
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        return self.at is None

    def go(self, fault: Fault = Fault.NONE) -> None:
        """Let it run to the next effect, or to its end.

        Raises:
            Exception: whatever the engine raised there.
        """
        self._fault = fault
        self._go.release()
        if not self._stopped.acquire(timeout=_WAIT_SECONDS):
            raise AssertionError(f"{self.message} does not come to its next effect")
        if self.ended:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """Let it run to its end."""
        while not self.ended:
            self.go()

    def kill(self) -> None:
        """Kill its process where it stands."""
        while not self.ended:
            self.go(Fault.CRASH)

    def _run(self) -> None:
        self._go.acquire()
        try:
            if self._fault is not Fault.CRASH:
                with self._harness.points(self._point):
                    self._harness.deliver(self.message, self.owner, self._steps)
            else:
                self.killed = True
        except Killed:
            self.killed = True
        except Exception as error:  # noqa: BLE001  # handed to the thread of the test
            self._error = error
        finally:
            self.at = None
            self._stopped.release()

    def _point(self, name: str) -> None:
        if name == "before commit":
            self._before_commit()
            return
        if name == "after commit" and self._fault is Fault.NO_ANSWER:
            self._fault = Fault.NONE
            raise self._driver_error("the connection was lost while the commit was on its way")
        if name in _STOPS:
            self._stop(name)

    def _stop(self, name: str) -> None:
        waiting = self._fault
        self.at = name
        self._stopped.release()
        self._go.acquire()
        if self._fault is Fault.CRASH:
            raise Killed
        # An order that has not met its commit yet stays in force.
        if self._fault is Fault.NONE:
            self._fault = waiting

    def _before_commit(self) -> None:
        fault = self._fault
        if fault is Fault.CRASH_AT_COMMIT:
            raise Killed
        if fault is Fault.NO_COMMIT:
            self._fault = Fault.NONE
            raise self._driver_error("the connection was lost before the commit")

    def _driver_error(self, text: str) -> Exception:
        sqlite = self._harness.store.engine.dialect.name == "sqlite"
        return sqlite3.OperationalError(text) if sqlite else psycopg.OperationalError(text)
