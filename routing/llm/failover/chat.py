"""Asks the candidates until one answers whole.

Before a model's first token a change of model is silent; after it the text so far is void and
the next model starts over, unless the model that was cut off goes on where it stopped. What is
done about which failure stands in ``policy``; docs/reliability.md tells the whole story.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from routing.domain.errors import ContextTooLong, NoProviderAvailable, ProviderError
from routing.domain.llm import (
    AnsweringModel,
    ChatClient,
    ChatMessage,
    Completed,
    Continued,
    GenerationEvent,
    Meter,
    Shortened,
    Switched,
    TextDelta,
)
from routing.domain.rules import ModelRef
from routing.llm.failover.attempt import Trial
from routing.llm.failover.candidates import Failover, Pass, Walk
from routing.llm.failover.context_window import shortened
from routing.llm.failover.hedging import Race
from routing.llm.failover.policy import was_cut

Events = AsyncGenerator[GenerationEvent, None]


class FailoverChat:
    """The engine's ``Chat`` port over one provider client.

    ``shared`` is the process's; without it each model is asked once. ``continues`` says whether a
    model goes on from a beginning of its answer. ``now`` gives Unix nanoseconds.
    """

    def __init__(
        self,
        client: ChatClient,
        shared: Failover | None = None,
        *,
        continues: Callable[[ModelRef], bool] = lambda _: False,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._client = client
        self._shared = shared or Failover.plain()
        self._continues = continues
        self._now = now

    async def stream(
        self, candidates: Sequence[ModelRef], messages: Sequence[ChatMessage], meter: Meter
    ) -> Events:
        """Yield ``AnsweringModel`` before each model's first ``TextDelta``, ``Switched`` between
        models, ``Completed`` last. ``meter`` hears of every attempt as it ends, a cancelled one
        too. Raises ``NoProviderAvailable``. Close it with ``contextlib.aclosing``.
        """
        walk = self._shared.walk(candidates)
        turn = await walk.next()
        if turn is not None:
            policy = self._shared.policy
            continues = self._continues if policy.continue_cut else _never

            def trial(turn: Pass, prompt: tuple[ChatMessage, ...]) -> Trial:
                return Trial(
                    self._client, turn, prompt, meter=meter, shared=self._shared, now=self._now
                )

            answering = _Answering(walk, tuple(messages), trial, policy.hedge_after, continues)
            async with aclosing(answering.run(candidates[0], turn)) as events:
                async for event in events:
                    yield event
            if answering.whole:
                return
        raise NoProviderAvailable(walk.causes) from (walk.causes[-1] if walk.causes else None)


class _Answering:
    """One answer being made: who is thought to answer, and what was passed on."""

    def __init__(
        self,
        walk: Walk,
        messages: tuple[ChatMessage, ...],
        trial: Callable[[Pass, tuple[ChatMessage, ...]], Trial],
        late: float | None,
        continues: Callable[[ModelRef], bool],
    ) -> None:
        self._walk, self._messages, self._trial = walk, messages, trial
        self._late, self._continues = late, continues
        self._said = ""
        self._reason = "circuit_open"
        self.whole = False

    async def run(self, told: ModelRef, turn: Pass | None) -> Events:
        """Ask until the answer is ``whole`` or nobody is left. ``told``: the first choice."""
        while turn is not None:
            if turn.model != told:
                yield self._switched(told, turn.model)
            told = turn.model
            error: ProviderError | None = None
            async with self._race(turn) as race:
                trial = await race.first_word()
                if trial.model != told:
                    yield self._switched(told, trial.model, trial.error)
                    told = trial.model
                if trial.begun:
                    async with aclosing(self._passed_on(trial)) as events:
                        async for event in events:
                            yield event
                error = trial.error
            if error is None:
                return
            turn, change = await self._next(told, error)
            if change:
                yield change
                told = turn.model if turn else told

    async def _passed_on(self, trial: Trial) -> Events:
        yield AnsweringModel(trial.model)
        pieces = [self._said] if self._said else []
        join = self._said[len(self._said.rstrip()) :]
        try:
            async with aclosing(trial.texts()) as texts:
                async for piece in texts:
                    text, join = (piece.removeprefix(join), "") if join else (piece, "")
                    if text:
                        pieces.append(text)
                        yield TextDelta(text)
        finally:
            self._said = "".join(pieces)
        if trial.error is None and trial.metered is not None:
            self.whole = True
            done = trial.metered
            yield Completed(trial.model, done.finish_reason or "stop", done.usage)

    async def _next(
        self, model: ModelRef, error: ProviderError
    ) -> tuple[Pass | None, GenerationEvent | None]:
        """Who is asked after ``model`` failed, and what is told of it, if anything."""
        self._reason = error.code
        if self._said and was_cut(error) and self._continues(model):
            again = await self._walk.again(model, error)
            if again:
                self._walk.causes.append(error)
                return again, Continued(model, error.code)
        if isinstance(error, ContextTooLong) and not self._walk.has_roomier(model):
            shorter = shortened(self._messages)
            if shorter:
                dropped, self._messages = len(self._messages) - len(shorter), shorter
                self._walk.causes.append(error)
                return await self._walk.anew(model), Shortened(model, dropped)
        turn = await self._walk.after(model, error, begun=bool(self._said))
        if turn is None or not self._said:
            return turn, None
        self._said = ""
        return turn, Switched(model, turn.model, error.code, discard=True)

    def _prompt(self) -> tuple[ChatMessage, ...]:
        """The messages, and what an answer that is continued has said so far.

        Anthropic refuses a beginning that ends in white space.
        """
        said = self._said.rstrip()
        return (*self._messages, ChatMessage("assistant", said)) if said else self._messages

    def _race(self, turn: Pass) -> Race:
        prompt = self._prompt()

        async def beside() -> Trial | None:
            found = await self._walk.beside()
            return self._trial(found, prompt) if found else None

        late = None if self._said else self._late
        first = self._trial(turn, prompt)
        return Race(first, late=late, beside=beside, lost=self._lost, failed=self._failed)

    def _lost(self, trial: Trial) -> None:
        self._reason = "slow_first_token"
        self._walk.put_last(trial.model)

    def _failed(self, trial: Trial) -> None:
        if trial.error:
            self._reason = trial.error.code
            self._walk.causes.append(trial.error)

    def _switched(
        self, told: ModelRef, model: ModelRef, error: ProviderError | None = None
    ) -> Switched:
        return Switched(told, model, error.code if error else self._reason, discard=False)


def _never(_: ModelRef) -> bool:
    return False
