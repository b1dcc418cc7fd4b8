"""Attempts: one call to one model, and a hedged pair of them.

Third step of failover, called by ``chat``. ``ChatAttempt`` reads the provider client's stream to its
end (whole, failed or cancelled), meters it once and gives the permit back to ``circuits``.
``HedgedAttempts`` starts a second attempt when the first token is late; the first answer wins. An answer
begins with its first text or tool call; thoughts are a sign of life, and no answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Self

from routing.common.time_limits import TimeLimit
from routing.domain.errors import (
    ErrorKind,
    ProviderError,
    ProviderStreamBroken,
    ProviderTimeout,
    TimeoutPhase,
)
from routing.domain.llm import (
    Attempt,
    ChatClient,
    ChatMessage,
    ChatOptions,
    Meter,
    RawChunk,
    ThinkingBlock,
    Usage,
)
from routing.domain.token_counts import estimated_usage
from routing.llm.failover.candidates import Failover, PermittedModel

LATE = "another model was sooner"


class ChatAttempt:
    """Read ``begin``, then ``chunks``; ``close`` in any case, which meters an unfinished attempt.

    ``error`` is the reason of a failure. ``now`` gives Unix nanoseconds.
    """

    def __init__(
        self,
        client: ChatClient,
        permitted: PermittedModel,
        prompt: tuple[ChatMessage, ...],
        *,
        options: ChatOptions | None = None,
        meter: Meter,
        failover: Failover,
        now: Callable[[], int],
    ) -> None:
        self.model = permitted.model
        self.error: ProviderError | None = None
        self.metered: Attempt | None = None
        self._permit, self._failover = permitted.permit, failover
        self._prompt, self._options = prompt, options
        self._client, self._meter, self._now = client, meter, now
        self._chunks = client.stream(self.model, prompt, options)
        self._clock = asyncio.get_running_loop().time
        self._deadline = self._clock() + self.model.timeouts.total
        self._limit = TimeLimit()
        self._started_ns = now()
        self._first_ns: int | None = None
        self._pieces: list[str] = []
        self._thoughts: list[str] = []
        self._first: RawChunk | None = None
        self._last = RawChunk()

    @property
    def began(self) -> bool:
        """Whether text or a tool call arrived."""
        return self._first is not None

    async def begin(self) -> AsyncGenerator[str, None]:
        """Thoughts, until the answer begins. Afterwards the attempt ``began``, or there is an ``error``."""
        thinking: tuple[ThinkingBlock, ...] = ()
        try:
            while self._first is None:
                chunk = await self._next()
                if chunk is None or chunk.finish_reason is not None:
                    raise ProviderStreamBroken(self.model.name, "an answer without text")
                thinking += chunk.thinking
                if answers(chunk):
                    self._first = replace(chunk, thinking=thinking) if thinking else chunk
                elif chunk.thought:
                    yield chunk.thought
        except ProviderError as error:
            await self._end(error)
            return
        self._first_ns = self._now()
        # A probe that begins to answer closes the circuit at once: others need not wait for its end.
        if self._permit.decides:
            await self._failover.circuits.leave(self._permit, "heard")

    async def chunks(self) -> AsyncGenerator[RawChunk, None]:
        """The chunks from the first of the answer on. Ends with the answer, or with an ``error``."""
        if self._first:
            yield self._first
        try:
            while (chunk := await self._next()) is not None:
                yield chunk
        except ProviderError as error:
            await self._end(error)
        else:
            await self._end(None)

    async def close(self, detail: str = "") -> None:
        """Close the connection; an unfinished attempt is metered as cancelled."""
        # First the connection, so that the provider stops writing; then the count.
        await self._chunks.aclose()
        self._limit.close()
        if self.metered is None:
            self._record("cancelled", detail, None)
            await self._failover.circuits.leave(self._permit, "released")

    async def _end(self, error: ProviderError | None) -> None:
        self.error = error
        outcome, detail = (error.code, error.detail) if error else ("ok", "")
        self._record(outcome, detail, error.kind if error else None)
        await self._failover.report(self._permit, error)

    async def _next(self) -> RawChunk | None:
        """The next chunk; ``None`` at the end."""
        chunk = await self._awaited()
        if chunk is not None:
            if chunk.finish_reason is not None:
                self._last = chunk
            called = (call.name + call.arguments for call in chunk.tool_calls)
            self._pieces += filter(None, (chunk.text, *called))
            self._thoughts += [chunk.thought] if chunk.thought else []
        return chunk

    async def _awaited(self) -> RawChunk | None:
        # Time-outs guard the arrival of chunks, not of bytes: pings do not count.
        timeouts = self.model.timeouts
        phase: TimeoutPhase = "stall" if self.began else "first_token"
        limit = timeouts.stall if self.began else timeouts.first_token
        until = self._clock() + limit
        if self._deadline < until:
            phase, until = "total", self._deadline
        try:
            with self._limit.until(until):
                return await anext(self._chunks, None)
        except TimeoutError as exc:
            seconds = timeouts.total if phase == "total" else limit
            raise ProviderTimeout(self.model.name, phase, seconds) from exc

    def _record(self, outcome: str, detail: str, kind: ErrorKind | None) -> None:
        """Meter the attempt, once; a usage that the provider did not report is estimated."""
        output, first = "".join(self._pieces), self._first_ns
        self.metered = Attempt(
            operation="chat",
            model=self.model.name,
            provider=self.model.provider,
            started_ns=self._started_ns,
            ended_ns=self._now(),
            outcome=outcome,
            usage=self._last.usage or self._estimated(outcome),
            first_token_ms=None if first is None else (first - self._started_ns) / 1e6,
            finish_reason=self._last.finish_reason,
            detail=detail,
            error_kind=kind,
            prompt=self._prompt,
            output=output,
        )
        self._meter(self.metered)

    def _estimated(self, outcome: str) -> Usage:
        """Nothing for a request that the provider rejected before it wrote anything."""
        output = "".join((*self._thoughts, *self._pieces))
        if not (output or outcome in {"ok", "cancelled"}):
            return Usage()
        return self._client.priced(self.model, estimated_usage(self._prompt, output, self._options))


def answers(chunk: RawChunk) -> bool:
    """Whether the chunk is a part of the answer."""
    return bool(chunk.text or chunk.tool_calls)


@dataclass(slots=True)
class HedgedAttempts:
    """Hedged request: waits for the first of up to two attempts to begin. Leaving it closes both.

    ``hedge`` starts the second attempt, or returns ``None``; it is called once, after ``hedge_after``
    seconds without an answer. ``on_lost`` receives an attempt that was cancelled for the winner,
    ``on_failed`` one that failed while the other still ran.
    """

    first: ChatAttempt
    hedge_after: float | None
    hedge: Callable[[], Awaitable[ChatAttempt | None]]
    on_lost: Callable[[ChatAttempt], None]
    on_failed: Callable[[ChatAttempt], None]
    second: ChatAttempt | None = None
    winner: ChatAttempt = field(init=False)
    """The attempt that began to answer; when none did, the last that failed."""
    _running: dict[asyncio.Task[list[str]], ChatAttempt] = field(default_factory=dict)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cancel_running("")
        await self.first.close()
        if self.second:
            await self.second.close()

    async def thoughts(self) -> AsyncGenerator[str, None]:
        """The thoughts of the ``winner`` before its answer. Where a second attempt may start they are held
        until it is known: two models would think at the same time."""
        if self.hedge_after is None:
            self.winner = self.first
            async with aclosing(self.first.begin()) as thoughts:
                async for thought in thoughts:
                    yield thought
            return
        self.winner, held = await self._race()
        for thought in held:
            yield thought

    async def _race(self) -> tuple[ChatAttempt, list[str]]:
        self._start(self.first)
        done, _ = await asyncio.wait(self._running, timeout=self.hedge_after)
        if not done and (second := await self.hedge()):
            self.second = second
            self._start(second)
        while True:
            done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            attempt, thoughts = self._take(done)
            if attempt.began or not self._running:
                await self._cancel_running(LATE)
                return attempt, thoughts
            self.on_failed(attempt)

    def _start(self, attempt: ChatAttempt) -> None:
        task = asyncio.create_task(_begun(attempt), name=f"ask {attempt.model.name}")
        self._running[task] = attempt

    def _take(self, done: set[asyncio.Task[list[str]]]) -> tuple[ChatAttempt, list[str]]:
        """One that is done, rather one that began; an unexpected exception is raised here."""
        task = max(done, key=lambda each: self._running[each].began)
        attempt = self._running.pop(task)
        return attempt, task.result()

    async def _cancel_running(self, reason: str) -> None:
        cancelled, self._running = self._running, {}
        for task in cancelled:
            task.cancel()
        if cancelled:
            await asyncio.gather(*cancelled, return_exceptions=True)
        for attempt in cancelled.values():
            await attempt.close(reason)
            if reason and not attempt.error:
                self.on_lost(attempt)


async def _begun(attempt: ChatAttempt) -> list[str]:
    async with aclosing(attempt.begin()) as thoughts:
        return [thought async for thought in thoughts]
