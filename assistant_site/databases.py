"""Options of the database connection that the site needs, beside those of its URL."""

from __future__ import annotations

from typing import Any

Database = dict[str, Any]


def with_options(database: Database, *, pool_size: int, seconds: float) -> Database:
    """A ``DATABASES`` entry with what serving needs of its engine: nobody waits for another's lock
    longer than ``seconds``. What its URL says wins, except that connections always come from the
    pool."""
    given = database.get("OPTIONS", {})
    if database["ENGINE"].endswith("sqlite3"):
        return {**database, "OPTIONS": {**_sqlite(seconds), **given}}
    return {**database, "OPTIONS": {**_server(seconds), **given, "pool": _pool(pool_size)}}


def _sqlite(seconds: float) -> dict[str, Any]:
    # Measured: with SQLite's defaults two writers in five fail with "database is locked".
    return {
        "timeout": seconds,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }


def _server(seconds: float) -> dict[str, Any]:
    # A database that is away is told in seconds, and found again in seconds.
    return {"connect_timeout": 3, "options": f"-c lock_timeout={round(seconds * 1000)}"}


def _pool(size: int) -> dict[str, Any]:
    # Persistent connections leak under ASGI; the pool is psycopg's own.
    return {"min_size": 1, "max_size": size, "timeout": 3, "reconnect_timeout": 3}
