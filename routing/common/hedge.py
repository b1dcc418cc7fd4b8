"""Several ways to one result, of which the later ones are tried when the earlier fail or are late."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
Way = Callable[[], Coroutine[Any, Any, T | None]]


async def first_valid(ways: Sequence[Way[T]], late: float | None) -> tuple[int, T] | None:
    """The first result that is not ``None``, with the place of the way it came by.

    The next way is begun when no other is under way, or beside the others once ``late`` seconds
    passed without a result (``None``: never). Who is still under way at the end is cancelled and
    waited for. Raises what a way raises.
    """
    waiting, running = deque(enumerate(ways)), dict[asyncio.Task[T | None], int]()
    overdue = False
    try:
        while waiting or running:
            if waiting and (overdue or not running):
                place, way = waiting.popleft()
                running[asyncio.create_task(way())] = place
            patience = late if waiting else None
            done, _ = await asyncio.wait(
                running, timeout=patience, return_when=asyncio.FIRST_COMPLETED
            )
            overdue = not done
            for task in sorted(done, key=running.__getitem__):
                place, result = running.pop(task), task.result()
                if result is not None:
                    return place, result
        return None
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
