"""One attempt at one model, from the question to its honest end: whole, failed, or cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from routing.domain.errors import ProviderError, ProviderStreamBroken, ProviderTimeout, TimeoutPhase
from routing.domain.llm import Attempt, ChatClient, ChatMessage, Meter, RawChunk, Usage
from routing.domain.pricing import estimated_usage
from routing.llm.failover.candidates import Failover, Pass


class Trial:
    """Call ``begin``, then read ``texts``; ``close`` in any case, which meters what was not.

    ``error`` says why it failed. ``now`` gives Unix nanoseconds.
    """

    def __init__(
        self,
        client: ChatClient,
        turn: Pass,
        prompt: tuple[ChatMessage, ...],
        *,
        meter: Meter,
        shared: Failover,
        now: Callable[[], int],
    ) -> None:
        self.model = turn.model
        self.error: ProviderError | None = None
        self.metered: Attempt | None = None
        self._turn, self._prompt, self._shared = turn, prompt, shared
        self._client, self._meter, self._now = client, meter, now
        self._chunks = client.stream(turn.model, prompt)
        self._end = asyncio.get_running_loop().time() + turn.model.timeouts.total
        self._started_ns = now()
        self._first_ns: int | None = None
        self._pieces: list[str] = []
        self._last = RawChunk()

    @property
    def begun(self) -> bool:
        """Whether it said a word."""
        return bool(self._pieces)

    async def begin(self) -> None:
        """Wait for the first text. Afterwards it has ``begun``, or there is an ``error``."""
        try:
            if await self._text() is None:
                raise ProviderStreamBroken(self.model.name, "an answer without text")
        except ProviderError as error:
            await self._ended(error)
            return
        self._first_ns = self._now()
        if self._turn.permit.decides:
            await self._shared.circuits.leave(self._turn.permit, "heard")

    async def texts(self) -> AsyncGenerator[str, None]:
        """The texts from the first on. Ends with the answer, or with an ``error``."""
        yield self._pieces[0]
        try:
            while (text := await self._text()) is not None:
                yield text
        except ProviderError as error:
            await self._ended(error)
        else:
            await self._ended(None)

    async def close(self, detail: str = "") -> None:
        """Leave the provider; what had not ended is metered as cancelled."""
        await self._chunks.aclose()
        if self.metered is None:
            self._metered("cancelled", detail)
            await self._shared.circuits.leave(self._turn.permit, "released")

    async def _ended(self, error: ProviderError | None) -> None:
        self.error = error
        self._metered(error.code if error else "ok", error.detail if error else "")
        await self._shared.report(self._turn.permit, error)

    async def _text(self) -> str | None:
        """The next text; ``None`` at the end.

        Time-outs guard the arrival of words, not of bytes: pings do not count.
        """
        while True:
            chunk = await self._next()
            if chunk is None:
                return None
            if chunk.finish_reason is not None:
                self._last = chunk
            if chunk.text:
                self._pieces.append(chunk.text)
                return chunk.text

    async def _next(self) -> RawChunk | None:
        patience = self.model.timeouts
        phase: TimeoutPhase = "stall" if self._pieces else "first_token"
        limit = patience.stall if self._pieces else patience.first_token
        left = self._end - asyncio.get_running_loop().time()
        if left < limit:
            phase, limit = "total", left
        try:
            async with asyncio.timeout(limit):
                return await anext(self._chunks, None)
        except TimeoutError as exc:
            seconds = patience.total if phase == "total" else limit
            raise ProviderTimeout(self.model.name, phase, seconds) from exc

    def _metered(self, outcome: str, detail: str) -> None:
        """Tell the meter, once; a usage that nobody told is estimated."""
        output, first = "".join(self._pieces), self._first_ns
        self.metered = Attempt(
            operation="chat",
            model=self.model.name,
            provider=self.model.provider,
            started_ns=self._started_ns,
            ended_ns=self._now(),
            outcome=outcome,
            usage=self._last.usage or self._estimated(output, outcome),
            first_token_ms=None if first is None else (first - self._started_ns) / 1e6,
            finish_reason=self._last.finish_reason,
            detail=detail,
            prompt=self._prompt,
            output=output,
        )
        self._meter(self.metered)

    def _estimated(self, output: str, outcome: str) -> Usage:
        """Nothing was used where the provider turned the request away before a word."""
        if not (output or outcome in {"ok", "cancelled"}):
            return Usage()
        return self._client.priced(self.model, estimated_usage(self._prompt, output))
