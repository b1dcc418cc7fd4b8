"""Asks the candidates in order until one answers whole.

Before a model's first token a change of model is silent; after it the text so far is void and
the next model starts over. Nobody waits out a ``Retry-After``: the next candidate is sooner.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Protocol

from routing.domain import ModelRef
from routing.errors import NoProviderAvailable, ProviderError, ProviderTimeout, TimeoutPhase
from routing.llm.metering import estimated_usage
from routing.llm.types import (
    AnsweringModel,
    Attempt,
    ChatMessage,
    Completed,
    GenerationEvent,
    RawChunk,
    Switched,
    TextDelta,
    Usage,
)

Meter = Callable[[Attempt], None]


class ChatClient(Protocol):
    """What is needed of the provider's client."""

    def stream(
        self, model: ModelRef, messages: Sequence[ChatMessage]
    ) -> AsyncGenerator[RawChunk, None]:
        """Text, then one last chunk with the finish. Raises ``ProviderError``."""
        ...

    def priced(self, model: ModelRef, usage: Usage) -> Usage:
        """The same usage with its cost."""
        ...


class FailoverChat:
    """The engine's ``Chat`` port over one provider client.

    ``now`` gives Unix nanoseconds.
    """

    def __init__(self, client: ChatClient, now: Callable[[], int] = time.time_ns) -> None:
        self._client = client
        self._now = now

    async def stream(
        self, candidates: Sequence[ModelRef], messages: Sequence[ChatMessage], meter: Meter
    ) -> AsyncGenerator[GenerationEvent, None]:
        """Yield ``AnsweringModel`` before each model's first ``TextDelta``, ``Switched`` between
        models, ``Completed`` last. ``meter`` hears of every attempt as it ends, a cancelled one
        too. Raises ``NoProviderAvailable``. Close it with ``contextlib.aclosing``.
        """
        causes: list[ProviderError] = []
        waiting = list(dict.fromkeys(candidates))
        while waiting:
            model = waiting.pop(0)
            attempt = _Attempt(model, tuple(messages), self._now)
            try:
                async with aclosing(self._ask(attempt, meter)) as events:
                    async for event in events:
                        yield event
            except ProviderError as error:
                causes.append(error)
                if not error.retryable:
                    break
            else:
                return
            if waiting:
                yield Switched(model, waiting[0], causes[-1].code, discard=attempt.started)
        raise NoProviderAvailable(causes) from (causes[-1] if causes else None)

    async def _ask(self, attempt: _Attempt, meter: Meter) -> AsyncGenerator[GenerationEvent, None]:
        try:
            async with aclosing(self._chunks(attempt)) as chunks:
                async for chunk in chunks:
                    if chunk.text:
                        if attempt.first(chunk.text):
                            yield AnsweringModel(attempt.model)
                        yield TextDelta(chunk.text)
            attempt.outcome = "ok"
        except ProviderError as error:
            attempt.outcome, attempt.detail = error.code, error.detail
            raise
        finally:
            done = attempt.done(self._client.priced)
            meter(done)
        yield Completed(attempt.model, done.finish_reason or "stop", done.usage)

    async def _chunks(self, attempt: _Attempt) -> AsyncGenerator[RawChunk, None]:
        """The client's chunks, each within the model's patience.

        Time-outs guard the arrival of words, not of bytes: pings do not count.
        """
        loop, patience = asyncio.get_running_loop(), attempt.model.timeouts
        end = loop.time() + patience.total
        async with aclosing(self._client.stream(attempt.model, attempt.prompt)) as chunks:
            while True:
                left = end - loop.time()
                phase, limit = attempt.phase()
                chunk = await _next(
                    chunks, attempt.model, *(("total", left) if left < limit else (phase, limit))
                )
                if chunk is None:
                    return
                attempt.heard(chunk)
                yield chunk


async def _next(
    chunks: AsyncGenerator[RawChunk, None], model: ModelRef, phase: TimeoutPhase, limit: float
) -> RawChunk | None:
    try:
        async with asyncio.timeout(limit):
            return await anext(chunks, None)
    except TimeoutError as exc:
        seconds = model.timeouts.total if phase == "total" else limit
        raise ProviderTimeout(model.name, phase, seconds) from exc


@dataclass
class _Attempt:
    """What is learned of one attempt while it runs."""

    model: ModelRef
    prompt: tuple[ChatMessage, ...]
    now: Callable[[], int]
    outcome: str = "cancelled"
    detail: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    texts: list[str] = field(default_factory=list)
    first_ns: int | None = None
    started_ns: int = field(init=False)

    def __post_init__(self) -> None:
        self.started_ns = self.now()

    @property
    def started(self) -> bool:
        """Whether text was passed on."""
        return bool(self.texts)

    def first(self, text: str) -> bool:
        """Keep ``text``; whether it is the first."""
        self.texts.append(text)
        if self.first_ns is None:
            self.first_ns = self.now()
            return True
        return False

    def heard(self, chunk: RawChunk) -> None:
        """Keep what the last chunk tells."""
        if chunk.finish_reason is not None:
            self.finish_reason, self.usage = chunk.finish_reason, chunk.usage

    def phase(self) -> tuple[TimeoutPhase, float]:
        """What is waited for now, and for how many seconds at most."""
        if self.started:
            return "stall", self.model.timeouts.stall
        return "first_token", self.model.timeouts.first_token

    def done(self, priced: Callable[[ModelRef, Usage], Usage]) -> Attempt:
        """The finished attempt; a usage nobody told is estimated."""
        output = "".join(self.texts)
        first = self.first_ns
        return Attempt(
            operation="chat",
            model=self.model.name,
            provider=self.model.provider,
            started_ns=self.started_ns,
            ended_ns=self.now(),
            outcome=self.outcome,
            usage=self.usage or self._estimated(output, priced),
            first_token_ms=None if first is None else (first - self.started_ns) / 1e6,
            finish_reason=self.finish_reason,
            detail=self.detail,
            prompt=self.prompt,
            output=output,
        )

    def _estimated(self, output: str, priced: Callable[[ModelRef, Usage], Usage]) -> Usage:
        """Nothing was used where the provider turned the request away before a word."""
        if not (output or self.outcome in {"ok", "cancelled"}):
            return Usage()
        return priced(self.model, estimated_usage(self.prompt, output))
