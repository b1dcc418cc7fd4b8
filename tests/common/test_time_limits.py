"""One timer for all waits of a stream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from routing.common.time_limits import TimeLimit


class Timers:
    """Counts the timers that the event loop gets, and puts its clock forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        real, self.ahead, self.set = loop.time, 0.0, 0
        call_at = loop.call_at

        def counted(when: float, work: Callable[..., object]) -> asyncio.TimerHandle:
            self.set += 1
            return call_at(when, work)

        monkeypatch.setattr(loop, "time", lambda: real() + self.ahead)
        monkeypatch.setattr(loop, "call_at", counted)

    def jump(self, seconds: float) -> None:
        self.ahead += seconds


def now() -> float:
    return asyncio.get_running_loop().time()


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def test_many_waits_share_a_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    timers, limit = Timers(monkeypatch), TimeLimit()
    for _ in range(1000):
        with limit.until(now() + 60):
            await asyncio.sleep(0)

    assert timers.set == 1
    limit.close()


async def test_a_wait_ends_at_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    timers, limit = Timers(monkeypatch), TimeLimit()
    with limit.until(now() + 60):
        await asyncio.sleep(0)
    # The timer of the first wait fires in the second, which has more time left.
    timers.ahead = 61
    with limit.until(now() + 60):
        for _ in range(10):
            await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(timers.jump, 61)
    with pytest.raises(TimeoutError), limit.until(now() + 60):
        await never()
    # An earlier time than the one before counts too, and one that is over already.
    with pytest.raises(TimeoutError), limit.until(now() - 1):
        await never()
    with limit.until(now() + 60):
        await asyncio.sleep(0)
    limit.close()


async def test_a_cancellation_from_elsewhere_passes() -> None:
    limit = TimeLimit()

    async def waits() -> None:
        with limit.until(now() + 60):
            await never()

    task = asyncio.create_task(waits())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    limit.close()


async def test_a_cancellation_at_the_same_time_is_not_taken_for_the_limit() -> None:
    limit = TimeLimit()

    async def waits() -> None:
        with limit.until(now() - 1):
            await never()

    task = asyncio.create_task(waits())
    # The limit's timer fires in the round after the task's first step; this comes right behind it.
    asyncio.get_running_loop().call_later(0, task.cancel)
    while not task.done():
        await asyncio.sleep(0)
        if task.cancelling():
            task.cancel()
    assert task.cancelled()


async def test_nothing_is_left_when_it_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = TimeLimit()
    with limit.until(now() + 60):
        await asyncio.sleep(0)
    limit.close()
    limit.close()
    assert not [one for one in asyncio.get_running_loop()._scheduled if not one.cancelled()]  # type: ignore[attr-defined]
