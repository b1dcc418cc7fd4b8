"""Database work from a task that no request owns."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import close_old_connections

P = ParamSpec("P")
T = TypeVar("T")


async def in_database(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``call`` in a thread of its own and close that thread's connection afterwards.

    A task outside a request has nobody who closes its connections: left open they leak one
    descriptor per run.
    """

    def work() -> T:
        try:
            return call(*args, **kwargs)
        finally:
            close_old_connections()

    async with ThreadSensitiveContext():
        return await sync_to_async(work, thread_sensitive=True)()
