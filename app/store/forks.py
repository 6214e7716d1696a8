"""Nobody forks while SQLite is open.

A child inherits SQLite's notes of which locks its process has. What its parent held at that moment is held for the
child for ever, because nobody there gives it back: it could never write again. So whoever forks first waits for the
transactions of the other threads, and closes what is open.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable

WAIT_SECONDS = 30.0
"""After this a fork goes on whatever is open: a database that does not answer must not keep a worker from its pool."""

_gates: weakref.WeakSet[ForkGate] = weakref.WeakSet()


class ForkGate:
    """Counts the connections that threads use, and keeps forks and them apart.

    close: closes the connections that nobody uses.
    """

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close
        self._changed = threading.Condition()
        self._users: dict[int, int] = {}
        self._forking: int | None = None
        _gates.add(self)

    def enter(self) -> None:
        """A connection is about to be used in this thread."""
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: self._forking in (None, me))
            self._users[me] = self._users.get(me, 0) + 1

    def leave(self) -> None:
        """It has been given back."""
        me = threading.get_ident()
        with self._changed:
            self._users[me] -= 1
            if not self._users[me]:
                del self._users[me]
            self._changed.notify_all()

    def before_fork(self) -> None:
        me = threading.get_ident()
        with self._changed:
            self._changed.wait_for(lambda: self._forking is None)
            self._forking = me
            self._changed.wait_for(lambda: not self._users.keys() - {me}, WAIT_SECONDS)
        self._close()

    def after_fork_in_parent(self) -> None:
        with self._changed:
            self._forking = None
            self._changed.notify_all()

    def after_fork_in_child(self) -> None:
        # The threads that used connections, and perhaps held the lock, are not here.
        self._changed = threading.Condition()
        self._users, self._forking = {}, None


def _each(step: Callable[[ForkGate], None]) -> Callable[[], None]:
    def hook() -> None:
        for gate in list(_gates):
            step(gate)

    return hook


os.register_at_fork(
    before=_each(ForkGate.before_fork),
    after_in_parent=_each(ForkGate.after_fork_in_parent),
    after_in_child=_each(ForkGate.after_fork_in_child),
)
