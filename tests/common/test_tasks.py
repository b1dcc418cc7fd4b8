"""Background: every task, loop and thread is owned, named, counted and closed."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import Any

import pytest
from structlog.testing import capture_logs

from routing.common import tasks
from routing.common.tasks import Background, ended

REQUEST: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="none")


async def for_ever() -> None:
    await asyncio.Event().wait()


async def broken() -> None:
    raise ValueError("a bug")


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
    task = asyncio.create_task(broken())
    await asyncio.sleep(0)
    await ended([task])
    await ended([])

    assert isinstance(task.exception(), ValueError)


async def test_work_is_named_and_counted() -> None:
    background, ticked = Background(), asyncio.Event()

    async def tick() -> None:
        ticked.set()

    first = background.start("run", for_ever(), subject=7)
    background.start("run", for_ever())
    for _ in range(2):  # the second changes nothing: the loop runs
        background.every("keeper", tick, seconds=0.001)
    await ticked.wait()

    assert first.get_name() == "run 7"
    assert background.running() == {"run": 2, "keeper": 1}
    await background.end("run")
    assert background.running() == {"keeper": 1}
    assert background.count("run") == 0
    await background.close()
    assert background.running() == {}


async def test_work_runs_outside_the_callers_context() -> None:
    background, seen = Background(), list[str]()

    async def look() -> None:
        seen.append(REQUEST.get())

    REQUEST.set("a request")
    await background.start("look", look())

    assert seen == ["none"]


async def test_an_error_is_logged_once_with_the_name() -> None:
    background = Background()
    with capture_logs() as logs:
        background.start("import", broken())
        await background.wait("import")

    assert [(log["work"], log["log_level"]) for log in logs] == [("import", "error")]
    assert isinstance(logs[0]["exc_info"], ValueError)


async def test_an_error_of_an_awaited_task_is_its_awaiters() -> None:
    background = Background()
    with capture_logs() as logs, pytest.raises(ValueError, match="a bug"):
        await background.start("request", broken(), awaited=True)

    assert logs == []


@pytest.mark.parametrize("seconds", [0.0, 0.001])
async def test_an_error_in_one_period_does_not_end_the_loop(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "FAILED_SECONDS", 0.001)
    background, periods = Background(), [1, 2, 3]

    async def fail() -> None:
        periods.pop()
        await broken()

    with capture_logs() as logs:
        background.every("fails", fail, seconds=seconds, busy=periods)
        await background.wait("fails")

    assert not periods
    assert [log["work"] for log in logs] == ["fails"] * 3


async def test_a_loop_ends_when_it_is_not_busy_and_may_begin_again() -> None:
    background, left = Background(), [1, 2]

    async def work() -> None:
        left.pop()

    for _ in range(2):
        background.every("work", work, busy=left)
        await background.wait("work")
        assert not left
        left.append(3)


async def test_closing_ends_everything() -> None:
    background, stop = Background(), threading.Event()
    stubborn = [1, 2]

    async def careless() -> None:
        while True:
            try:
                await for_ever()
            except asyncio.CancelledError:
                if not stubborn:
                    raise
                stubborn.pop()

    async def heir() -> None:
        try:
            await for_ever()
        finally:
            background.start("heir of a task", for_ever())

    background.start("careless", careless())
    background.start("heir", heir())
    background.start("late", for_ever(), finish=True)
    background.every("loop", for_ever)
    thread = background.thread("thread", stop.wait, stop=stop.set)
    await asyncio.sleep(0)
    assert background.running() == dict.fromkeys(("careless", "heir", "late", "loop", "thread"), 1)
    await background.close(seconds=0.01)

    assert background.running() == {}
    assert not thread.is_alive()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_waits_for_what_should_finish() -> None:
    background, written = Background(), list[Any]()

    async def write() -> None:
        await asyncio.sleep(0.01)
        written.append("record")

    async def add_up() -> None:
        written.append("sums")

    background.start("records", write(), finish=True)
    background.every("sums", add_up, seconds=60, last=True)
    await background.close()

    assert sorted(written) == ["record", "sums"]


async def test_a_thread_that_does_not_stop_is_waited_for_no_longer() -> None:
    background, stop = Background(), threading.Event()
    background.thread("stuck", stop.wait, stop=lambda: None)
    async with asyncio.timeout(5):
        await background.close(seconds=0.01)

    assert background.running() == {"stuck": 1}
    stop.set()
