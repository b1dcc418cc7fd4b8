"""How background tasks are ended."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

AGAIN_SECONDS = 0.05
"""Until a task that is still there is cancelled again."""


async def ended(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks that run until then, and wait for them; what they raise is nobody's any more.

    Once is not enough: a cancellation that arrives together with what ``asyncio.wait_for`` waited for is
    lost on Python 3.11 (python/cpython#86296), and redis-py waits so for every answer.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
