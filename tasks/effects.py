"""A worker task's own rows and its completion in one transaction of SQLAlchemy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.orm import Session, scoped_session

from app.errors import EffectImpossible
from app.runtime.ports import Completion

Transaction = Session | scoped_session[Any] | Connection
"""What an effect is committed with."""


class Effect:
    """What a task does, and what it puts out."""

    def __init__(self, idempotency_key: str) -> None:
        self.output: Any = None
        """The task's output: what its function would return. It must be set before the block ends."""
        self.idempotency_key = idempotency_key
        """The same for all attempts of this task: hand it to services that must not act twice."""


@contextlib.contextmanager
def effect_in(
    transaction: Transaction, completion: Completion, effect: Effect, plain: Callable[[Any], Any]
) -> Iterator[Effect]:
    """`TaskContext.effect`; `plain` makes JSON of an output."""
    if isinstance(transaction, scoped_session):
        transaction = transaction()
    connection = _connection(transaction)
    try:
        completion.begin(connection.connection.driver_connection)
        yield effect
        if not isinstance(transaction, Connection):
            transaction.flush()
        completion.settle(plain(effect.output))
        completion.commit(transaction.commit, transaction.rollback)
    except BaseException:
        with contextlib.suppress(Exception):
            transaction.rollback()
        raise


def _connection(transaction: Any) -> Connection:
    if not isinstance(transaction, Session | Connection):
        raise EffectImpossible(
            f"effect() takes a Session or a Connection of SQLAlchemy, not {type(transaction).__qualname__}"
        )
    if transaction.in_nested_transaction():
        raise EffectImpossible("effect() commits: it can't be used inside of begin_nested(), a SAVEPOINT")
    if isinstance(transaction, Connection):
        if not transaction.in_transaction():
            # Without this, commit() would find nothing to commit where the task itself writes nothing.
            transaction.begin()
        return transaction
    return transaction.connection()
