"""Moderation by one provider: long prompts in pieces, pictures one by one, all within one time limit.

Another model's word is no substitute, so nothing takes its place: a failed call is tried again where that may
help, and an open circuit is not waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from routing.domain.errors import ProviderError, ProviderTimeout, ProviderUnavailable
from routing.domain.llm import Meter, ModerationClient, ModerationInput
from routing.domain.moderation import ModerationReport, ModerationResult, ModerationTerms
from routing.domain.rules import ModelRef
from routing.llm.failover.candidates import Failover, PermittedModel
from routing.llm.failover.policy import may_recover
from routing.llm.failover.whole_calls import metered

PIECE, OVERLAP = 6_000, 200
"""Characters of a piece of a long text, and those that it has in common with the piece before: a sentence across
a cut is whole in one of them."""
PIECES_A_CALL = 4
"""So that a call stays below 32,768 tokens, the most that OpenAI's model reads."""
CALLS_AT_ONCE = 4
GRACE = 0.1
"""Seconds by which the limit of all is later than that of a call: the circuit hears of a provider that is slow."""
SHOWN_CHARS = 4_000
"""Characters of the text in a trace."""


def pieces(text: str) -> list[str]:
    """The whole text, in pieces that overlap; none of blanks alone."""
    last = max(1, len(text) - OVERLAP)
    cut = (text[start : start + PIECE] for start in range(0, last, PIECE - OVERLAP))
    return [piece for piece in cut if piece.strip()]


def calls_for(text: str, pictures: Sequence[str]) -> Iterator[ModerationInput]:
    """The calls that a prompt takes. OpenAI's endpoint takes one picture in each."""
    cut = pieces(text)
    for start in range(0, len(cut), PIECES_A_CALL):
        yield ModerationInput(tuple(cut[start : start + PIECES_A_CALL]))
    yield from (ModerationInput(picture=picture) for picture in pictures)


@dataclass(frozen=True, slots=True)
class ProviderModerator:
    """Asks ``model`` within its total time-out. ``failover`` is the process's."""

    client: ModerationClient
    model: ModelRef
    failover: Failover
    terms: ModerationTerms

    async def look(self, text: str, pictures: Sequence[str], meter: Meter) -> ModerationReport:
        """The word on a prompt; one that is blank is not asked about. ``meter`` receives every attempt. Never
        raises a ``ProviderError``: a provider that is away is told in the report."""
        results: list[ModerationResult] = []
        try:
            await self._look(list(calls_for(text, pictures)), results, meter)
        except ProviderError as error:
            # A hit in another part stands.
            return replace(self.terms.report(results), away=True, detail=str(error))
        return self.terms.report(results)

    async def _look(
        self, inputs: Sequence[ModerationInput], results: list[ModerationResult], meter: Meter
    ) -> None:
        await self.failover.ready()  # before the seconds begin
        seconds, loop = self.model.timeouts.total, asyncio.get_running_loop()
        deadline, room = loop.time() + seconds, asyncio.Semaphore(CALLS_AT_ONCE)

        async def ask(one: ModerationInput) -> None:
            async with room:
                results.extend(await self._ask(one, deadline, meter))

        try:
            async with asyncio.timeout_at(deadline + GRACE):
                asked = await asyncio.gather(*map(ask, inputs), return_exceptions=True)
        except TimeoutError as exc:
            raise ProviderTimeout(self.model.name, "total", seconds) from exc
        if fault := next((each for each in asked if each), None):
            raise fault

    async def _ask(
        self, one: ModerationInput, deadline: float, meter: Meter
    ) -> tuple[ModerationResult, ...]:
        model, failover = self.model, self.failover
        if not failover.has_key(model):
            raise failover.candidates([model]).causes[0]
        permit = await failover.circuits.enter(model.name)
        if not permit.allowed:
            raise ProviderUnavailable(model.name, "its circuit is open")
        candidates = failover.candidates([model])
        permitted: PermittedModel | None = PermittedModel(model, permit)
        while permitted:
            try:
                async with failover.settled(permitted.permit):
                    return await self._call(one, deadline, meter)
            except ProviderError as error:
                fault = error
                again = may_recover(error) and asyncio.get_running_loop().time() < deadline
                permitted = await candidates.retry(model, error) if again else None
        raise fault

    async def _call(
        self, one: ModerationInput, deadline: float, meter: Meter
    ) -> tuple[ModerationResult, ...]:
        """One attempt, in the rest of the time."""
        left = max(0.0, deadline - asyncio.get_running_loop().time())
        model = replace(self.model, timeouts=replace(self.model.timeouts, total=left))
        shown = "\n".join(one.texts)[:SHOWN_CHARS] or "a picture"
        async with metered("moderation", model, shown, meter) as attempt:
            raw = await self.client.moderate(model, one)
            attempt.usage = raw.usage
        return raw.results
