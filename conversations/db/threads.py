"""Database work off the event loop, by threads that last.

Measured: to open a SQLite connection costs 1.1 ms of CPU, three times what the two writes of a turn do. So
its threads keep theirs; PostgreSQL's connections are the pool's, and go back to it after each call.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from functools import cache, partial
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, connection, connections

P = ParamSpec("P")
T = TypeVar("T")

AWAY = (OperationalError, InterfaceError, InternalError)
"""What Django raises when a database is gone, locked, full or read-only."""

SQLITE_READERS = 4
"""Threads that read a SQLite file: more of them would only wait for the interpreter."""

_given_up: ContextVar[threading.Event | None] = ContextVar("given_up", default=None)


async def in_database(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``call`` in a thread that has a connection.

    Raises ``OperationalError`` after DATABASE_SECONDS: a database that hangs must not hang the people
    who wait. The thread waits on; what it writes must ask ``still_awaited`` first.
    """
    return await _done_by(_threads(), partial(call, *args, **kwargs))


async def written(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """``in_database`` for what mostly writes, and does it in a moment.

    SQLite has one writer. Who finds its lock taken looks again and again, asleep for up to 100 ms in
    between, and may never find it free while many write; so in this process writers take turns.
    """
    return await _done_by(_writers(), partial(call, *args, **kwargs))


async def _done_by(threads: Executor, work: Callable[[], T]) -> T:
    given_up, context, patience = threading.Event(), copy_context(), settings.DATABASE_SECONDS
    context.run(_given_up.set, given_up)
    try:
        async with asyncio.timeout(patience):
            running = asyncio.get_running_loop()
            return await running.run_in_executor(threads, context.run, _connected, work)
    except TimeoutError as exc:
        _leave_behind(threads)
        raise OperationalError(f"no answer from the database in {patience:g} s") from exc
    finally:
        given_up.set()


def _leave_behind(threads: Executor) -> None:
    """Nobody else waits for the one writer when it hangs; its thread ends when it is done."""
    if threads is _writers() is not _threads():
        _writers.cache_clear()


def still_awaited() -> None:
    """Called last in a transaction: takes it back, by ``OperationalError``, when its caller was told
    already that it failed."""
    given_up = _given_up.get()
    if given_up and given_up.is_set():
        raise OperationalError("nobody waits for this any more")


def _connected(work: Callable[[], T]) -> T:
    try:
        return work()
    finally:
        for each in connections.all(initialized_only=True):
            if each.vendor != "sqlite" or each.errors_occurred:
                each.close()


@cache
def _threads() -> ThreadPoolExecutor:
    # As many as there are connections: one more would only wait for one, and fail sooner.
    size = SQLITE_READERS if connection.vendor == "sqlite" else settings.DATABASE_POOL_SIZE
    return ThreadPoolExecutor(size, thread_name_prefix="database")


@cache
def _writers() -> ThreadPoolExecutor:
    if connection.vendor == "sqlite":
        return ThreadPoolExecutor(1, thread_name_prefix="database writer")
    return _threads()
