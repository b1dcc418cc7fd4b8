"""Background work: one owner starts, names, counts and closes tasks, periodic loops and threads.

Detached tasks run in an empty context: the context of a request carries a database thread that ends
with the request, and the request's fields for the logs.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import suppress
from functools import partial
from itertools import chain, repeat
from typing import Any, TypeVar

import structlog

_log = structlog.get_logger("assistant.background")
T = TypeVar("T")

CLOSE_SECONDS = 2.0
"""How long ``close`` waits for work that should finish, and for threads."""
AGAIN_SECONDS = 0.05
"""Until a task that ignored its cancellation is cancelled again."""
FAILED_SECONDS = 1.0
"""Pause after an error of a loop that has no pause of its own."""


class Background:
    """Owner of background work, for one event loop. Names are few: they are a label of the metrics."""

    def __init__(self) -> None:
        self._tasks: dict[str, set[asyncio.Task[Any]]] = {}
        self._finish: set[str] = set()
        self._last: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {}
        self._threads: dict[threading.Thread, Callable[[], object]] = {}

    def start(
        self,
        name: str,
        work: Coroutine[Any, Any, T],
        *,
        subject: object = "",
        finish: bool = False,
        awaited: bool = False,
    ) -> asyncio.Task[T]:
        """Run ``work`` as a detached task. ``subject`` is added to the name of the task only.

        ``close`` waits for work to ``finish`` and cancels other work. An error is logged, except where
        the task is ``awaited`` and its awaiter handles the error.
        """
        # The callback, too, must not keep the caller's context alive as long as the task lives.
        context = contextvars.Context()
        task = asyncio.get_running_loop().create_task(
            work, name=f"{name} {subject}".rstrip(), context=context
        )
        self._tasks.setdefault(name, set()).add(task)
        if finish:
            self._finish.add(name)
        task.add_done_callback(partial(self._ended, name, awaited), context=context)
        return task

    def every(
        self,
        name: str,
        work: Callable[[], Coroutine[Any, Any, object]],
        *,
        seconds: float = 0.0,
        busy: Collection[object] = (True,),
        at_once: bool = False,
        last: bool = False,
    ) -> None:
        """Repeat ``work`` after pauses of ``seconds`` while ``busy`` is not empty. Does nothing while this
        loop runs.

        An error is logged and does not end the loop. ``at_once``: no pause before the first time. ``last``:
        ``close`` calls ``work`` once more.
        """
        if last:
            self._last[name] = work
        if not self.count(name):
            pauses = chain((0.0,) if at_once else (), repeat(seconds))
            self.start(name, self._repeat(name, work, pauses, busy))

    def thread(
        self, name: str, work: Callable[[], object], *, stop: Callable[[], object]
    ) -> threading.Thread:
        """Run ``work`` in a daemon thread. ``close`` calls ``stop``, which may wait, in a thread."""
        thread = threading.Thread(target=work, name=name, daemon=True)
        self._threads = {each: self._threads[each] for each in self._threads if each.is_alive()}
        self._threads[thread] = stop
        thread.start()
        return thread

    def count(self, name: str) -> int:
        """Tasks of this name that run."""
        return sum(not task.done() for task in self._tasks.get(name, ()))

    def running(self) -> Counter[str]:
        """What runs: the number of tasks and threads by name."""
        tasks = Counter({name: self.count(name) for name in self._tasks})
        threads = Counter(thread.name for thread in list(self._threads) if thread.is_alive())
        return +tasks + threads

    async def wait(self, *names: str, seconds: float | None = None) -> None:
        """Wait until no task of these names runs, for ``seconds`` at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while tasks := self._running(names):
                    await asyncio.wait(tasks)

    async def end(self, *names: str) -> None:
        """Cancel the tasks of these names, and wait until they are done."""
        await ended(self._running(names))

    async def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """End everything: loops at once, work that should finish and threads after ``seconds`` at most."""
        # Threads first, for they take longest; their work may need this loop until they end.
        stops = (asyncio.to_thread(_stop, *each, seconds) for each in self._threads.items())
        threads = asyncio.gather(*stops)
        await self.end(*self._tasks.keys() - self._finish)
        # Loops are over: none of them can run beside its own last call.
        for name, work in self._last.items():
            self.start(name, work(), finish=True)
        await self.wait(*self._finish, seconds=seconds)
        # Again and again: a task may start another one while it ends.
        while any(map(self.count, self._tasks)):
            await self.end(*self._tasks)
        await threads

    def _running(self, names: Collection[str]) -> set[asyncio.Task[Any]]:
        return {task for name in names for task in self._tasks.get(name, ()) if not task.done()}

    def _ended(self, name: str, awaited: bool, task: asyncio.Task[Any]) -> None:
        self._tasks[name].discard(task)
        if task.cancelled():
            return
        # Reading the error marks it as seen, also where the awaiter is gone.
        error = task.exception()
        if error and not awaited:
            _log.error("background work failed", work=name, exc_info=error)

    async def _repeat(
        self,
        name: str,
        work: Callable[[], Coroutine[Any, Any, object]],
        pauses: Iterator[float],
        busy: Collection[object],
    ) -> None:
        while busy:
            await asyncio.sleep(seconds := next(pauses))
            try:
                await work()
            except Exception:  # noqa: BLE001 - an error in one period must not end the loop
                _log.exception("background work failed", work=name)
                await asyncio.sleep(0 if seconds else FAILED_SECONDS)


def _stop(thread: threading.Thread, stop: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    stop()
    thread.join(max(0.0, deadline - time.monotonic()))


async def ended(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they are done. Their errors are dropped.

    One cancellation is not enough: a cancellation that arrives together with the result that
    ``asyncio.wait_for`` waited for is lost on Python 3.11 (python/cpython#86296), and redis-py waits so
    for every answer.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
