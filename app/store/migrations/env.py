"""Alembic's environment: runs the revisions on the connection that it is given.

`upgrade()` gives one with the lock and the transaction; Alembic's own command line gets one from the settings.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from app.store.tables import metadata


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    from config.database import create_engine
    from config.settings import current

    with create_engine(current()).connect() as own:
        _run(own)
