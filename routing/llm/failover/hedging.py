"""A hedge: when a first token is late, the next candidate is asked too, and the first word wins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from routing.llm.failover.attempt import Trial

Start = Callable[[], Awaitable[Trial | None]]
LATE = "another model was sooner"


class Race:
    """Waits for the first word. On leaving it every trial is closed, whoever won.

    ``beside`` starts a second trial, or says that there is none; it is called once, when ``late``
    seconds passed without a word. ``lost`` is told of a trial that was given up for the winner,
    ``failed`` of one that failed while the other was still asked.
    """

    def __init__(
        self,
        first: Trial,
        *,
        late: float | None,
        beside: Start,
        lost: Callable[[Trial], None],
        failed: Callable[[Trial], None],
    ) -> None:
        self._first, self._late, self._beside = first, late, beside
        self._lost, self._failed = lost, failed
        self._running: dict[asyncio.Task[None], Trial] = {}
        self._trials = [first]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._give_up("")
        for trial in self._trials:
            await trial.close()

    async def first_word(self) -> Trial:
        """The trial that began to answer; when none did, the last that failed."""
        if self._late is None:
            await self._first.begin()
            return self._first
        self._run(self._first)
        done, _ = await asyncio.wait(self._running, timeout=self._late)
        if not done and (second := await self._beside()):
            self._trials.append(second)
            self._run(second)
        while True:
            done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            trial = self._taken(done)
            if trial.begun or not self._running:
                await self._give_up(LATE)
                return trial
            self._failed(trial)

    def _run(self, trial: Trial) -> None:
        self._running[asyncio.create_task(trial.begin(), name=f"ask {trial.model.name}")] = trial

    def _taken(self, done: set[asyncio.Task[None]]) -> Trial:
        """One that is done, rather one that began; a bug in it is raised here."""
        task = max(done, key=lambda each: self._running[each].begun)
        trial = self._running.pop(task)
        task.result()
        return trial

    async def _give_up(self, why: str) -> None:
        """Cancel those still waited for, and leave their providers."""
        given_up, self._running = self._running, {}
        for task in given_up:
            task.cancel()
        if given_up:
            await asyncio.gather(*given_up, return_exceptions=True)
        for trial in given_up.values():
            await trial.close(why)
            if why and not trial.error:
                self._lost(trial)
