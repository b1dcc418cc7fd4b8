"""Background tasks end, whatever becomes of the first cancellation."""

from __future__ import annotations

import asyncio

from routing.common.tasks import ended


async def test_a_task_that_loses_a_cancellation_is_cancelled_again() -> None:
    lost = 0

    async def careless() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if lost:
                    raise
                lost += 1

    task = asyncio.create_task(careless())
    await asyncio.sleep(0)  # begun
    async with asyncio.timeout(5):
        await ended([task])

    assert lost == 1
    assert task.cancelled()


async def test_what_a_task_raises_is_nobodys() -> None:
    async def broken() -> None:
        raise ValueError("a bug")

    task = asyncio.create_task(broken())
    await asyncio.sleep(0)
    await ended([task])
    await ended([])

    assert isinstance(task.exception(), ValueError)
