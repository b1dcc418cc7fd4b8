"""Time limit of a stream: one timer for all of its waits, moved on only when it fires.

``asyncio.timeout`` sets and cancels a timer for every wait; a stream of a thousand tokens waits a thousand
times.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

_EARLY = 0.001
"""Seconds that a timer may fire before its time: event loops round to milliseconds."""


class TimeLimit:
    """Used as ``with limit.until(time): await …``, one wait after the other, each in any task.

    Raises ``TimeoutError`` in a block that is not over at its ``time``, which is of the event loop's clock.
    A cancellation from elsewhere passes. ``close`` it after the last wait.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[object] | None = None
        self._due = 0.0
        self._cancelling = 0
        self._expired = False

    def until(self, time: float) -> Self:
        """The limit of the block that follows."""
        self._due = time
        return self

    def close(self) -> None:
        """Leave no timer behind."""
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._cancelling = self._task.cancelling() if self._task else 0
        if self._timer is None or self._timer.when() > self._due:
            self.close()
            self._timer = self._loop.call_at(self._due, self._fire)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        expired, self._expired = self._expired, False
        # The cancellation is ours alone where no other one came since the block began.
        ours = expired and task is not None and task.uncancel() <= self._cancelling
        if ours and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _fire(self) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._loop.time() + _EARLY < self._due:
            self._timer = self._loop.call_at(self._due, self._fire)
        else:
            self._expired = True
            self._task.cancel()
