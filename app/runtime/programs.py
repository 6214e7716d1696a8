"""Programs by id, kept in memory: they never change."""

from __future__ import annotations

import threading
from collections import OrderedDict

from app.errors import StoreError
from app.store import definitions
from app.store.unit_of_work import Session, Store
from workflows.program import Program


class Programs:
    """A cache of the programs that this process has met lately."""

    def __init__(self, store: Store, size: int = 512) -> None:
        self._store = store
        self._size = size
        self._kept: OrderedDict[str, Program] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, program_id: str, session: Session | None = None) -> Program:
        """The program; read with `session` or, when not given, on its own.

        Raises:
            StoreError: it is not stored.
        """
        found = self.find(program_id, session)
        if found is None:
            raise StoreError(f"program {program_id} is not in the database; was the database replaced?")
        return found

    def find(self, program_id: str, session: Session | None = None) -> Program | None:
        """The program, or None where it is not stored."""
        with self._lock:
            found = self._kept.get(program_id)
            if found is not None:
                self._kept.move_to_end(program_id)
                return found
        if session is None:
            content = self._store.read(lambda s: definitions.program_content(s, program_id))
        else:
            content = definitions.program_content(session, program_id)
        return None if content is None else self.put(Program.load(content))

    def put(self, program: Program) -> Program:
        """Remember a program that was just made."""
        with self._lock:
            self._kept[program.id] = program
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return program
