"""Hedging: alternative calls for one result; a late or failed call is joined by the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Call = Callable[[], Coroutine[Any, Any, T | None]]


async def first_valid(calls: Sequence[Call[T]], late: float | None) -> tuple[int, T] | None:
    """The first result that is not ``None``, with the index of its call.

    The next call starts when no other one runs, or beside the others once ``late`` seconds passed
    without a result (``None``: never). Calls that still run at the end are cancelled and waited for.
    Raises the errors of the calls.
    """
    waiting, running = deque(enumerate(calls)), dict[asyncio.Task[T | None], int]()
    overdue = False
    try:
        while waiting or running:
            if waiting and (overdue or not running):
                index, call = waiting.popleft()
                running[asyncio.create_task(call())] = index
            patience = late if waiting else None
            done, _ = await asyncio.wait(
                running, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
            overdue = not done
            # Of results that come together the preferred call's wins.
            for task in sorted(done, key=running.__getitem__):
                index, result = running.pop(task), task.result()
                if result is not None:
                    return index, result
        return None
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
