"""Database work off the event loop, by threads that last."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from functools import cache, partial
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, close_old_connections

P = ParamSpec("P")
T = TypeVar("T")

AWAY = (OperationalError, InterfaceError, InternalError)
"""What Django raises when a database is gone, locked, full or read-only."""

_given_up: ContextVar[threading.Event | None] = ContextVar("given_up", default=None)


async def in_database(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``call`` in a thread, whose connection is given back afterwards.

    Raises ``OperationalError`` after DATABASE_SECONDS: a database that hangs must not hang the people
    who wait. The thread waits on; what it writes must ask ``still_awaited`` first.
    """
    given_up, context, patience = threading.Event(), copy_context(), settings.DATABASE_SECONDS
    context.run(_given_up.set, given_up)
    work = partial(context.run, _connected, partial(call, *args, **kwargs))
    try:
        async with asyncio.timeout(patience):
            return await asyncio.get_running_loop().run_in_executor(_threads(), work)
    except TimeoutError as exc:
        raise OperationalError(f"no answer from the database in {patience:g} s") from exc
    finally:
        given_up.set()


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
        close_old_connections()


@cache
def _threads() -> ThreadPoolExecutor:
    # As many as there are connections: one more would only wait for one, and fail sooner.
    return ThreadPoolExecutor(settings.DATABASE_POOL_SIZE, thread_name_prefix="database")
