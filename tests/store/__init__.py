"""One conformance suite of the store for SQLite and PostgreSQL."""
