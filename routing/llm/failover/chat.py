"""Failover chat: calls the candidates until one answers whole, and streams the answer.

First step of failover, and the engine's ``Chat`` port. ``FailoverChat`` takes models from
``candidates``, calls them through ``attempt`` (hedged where the first token is late), and asks
``policy`` what to do after a failure. Before a model's first token a change of model is silent; after
it the text so far is void and the next model starts over, unless the model that was cut off continues.
docs/reliability.md has the whole story.
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
from routing.llm.failover.attempt import ChatAttempt, HedgedAttempts
from routing.llm.failover.candidates import Candidates, Failover, PermittedModel
from routing.llm.failover.policy import drop_oldest, was_cut_off

Events = AsyncGenerator[GenerationEvent, None]


class FailoverChat:
    """Streams answers of one provider client.

    ``failover`` is the process's; without it each model is called once. ``continues`` says whether a
    model continues a partial answer. ``now`` gives Unix nanoseconds.
    """

    def __init__(
        self,
        client: ChatClient,
        failover: Failover | None = None,
        *,
        continues: Callable[[ModelRef], bool] = lambda _: False,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._client = client
        self._failover = failover or Failover.plain()
        self._continues = continues
        self._now = now

    async def stream(
        self, candidates: Sequence[ModelRef], messages: Sequence[ChatMessage], meter: Meter
    ) -> Events:
        """Yield ``AnsweringModel`` before each model's first ``TextDelta``, ``Switched`` between
        models, ``Completed`` last. ``meter`` receives every attempt as it ends, a cancelled one
        too. Raises ``NoProviderAvailable``. Close it with ``contextlib.aclosing``.
        """
        models = self._failover.candidates(candidates)
        first = await models.next()
        if first is not None:
            answer = _Answer(self, models, tuple(messages), meter)
            async with aclosing(answer.run(candidates[0], first)) as events:
                async for event in events:
                    yield event
            if answer.whole:
                return
        raise NoProviderAvailable(models.causes) from (models.causes[-1] if models.causes else None)

    def attempt(
        self, permitted: PermittedModel, prompt: tuple[ChatMessage, ...], meter: Meter
    ) -> ChatAttempt:
        """A call to one model, begun."""
        return ChatAttempt(
            self._client, permitted, prompt, meter=meter, failover=self._failover, now=self._now
        )

    def may_continue(self, model: ModelRef) -> bool:
        """Whether to have the model continue an answer that was cut off."""
        return self._failover.policy.continue_cut and self._continues(model)

    @property
    def hedge_after(self) -> float | None:
        """Seconds; see ``FailoverPolicy``."""
        return self._failover.policy.hedge_after


class _Answer:
    """One answer in the making: the text that was passed on, and the reason of the last change."""

    def __init__(
        self,
        chat: FailoverChat,
        candidates: Candidates,
        messages: tuple[ChatMessage, ...],
        meter: Meter,
    ) -> None:
        self._chat, self._candidates = chat, candidates
        self._messages, self._meter = messages, meter
        self._text = ""
        self._reason = "circuit_open"
        self.whole = False

    async def run(self, announced: ModelRef, permitted: PermittedModel | None) -> Events:
        """Call models until the answer is ``whole`` or no candidate is left.

        ``announced`` is the model that the listener believes to answer: at first the first choice.
        """
        while permitted is not None:
            if permitted.model != announced:
                yield self._switched(announced, permitted.model)
            announced = permitted.model
            error: ProviderError | None = None
            async with self._attempts(permitted) as attempts:
                attempt = await attempts.first_text()
                if attempt.model != announced:
                    yield self._switched(announced, attempt.model, attempt.error)
                    announced = attempt.model
                if attempt.began:
                    async with aclosing(self._pass_on(attempt)) as events:
                        async for event in events:
                            yield event
                error = attempt.error
            if error is None:
                return
            permitted, change = await self._next(announced, error)
            if change:
                yield change
                announced = permitted.model if permitted else announced

    async def _pass_on(self, attempt: ChatAttempt) -> Events:
        yield AnsweringModel(attempt.model)
        pieces = [self._text] if self._text else []
        # The prompt of a continued answer ends before its white space, so the model repeats it.
        repeated = self._text[len(self._text.rstrip()) :]
        try:
            async with aclosing(attempt.texts()) as texts:
                async for piece in texts:
                    text = piece.removeprefix(repeated) if repeated else piece
                    repeated = ""
                    if text:
                        pieces.append(text)
                        yield TextDelta(text)
        finally:
            self._text = "".join(pieces)
        if attempt.error is None and attempt.metered is not None:
            self.whole = True
            metered = attempt.metered
            yield Completed(attempt.model, metered.finish_reason or "stop", metered.usage)

    async def _next(
        self, model: ModelRef, error: ProviderError
    ) -> tuple[PermittedModel | None, GenerationEvent | None]:
        """The call after ``model`` failed, and the event that announces it, if any."""
        candidates = self._candidates
        self._reason = error.code
        if self._text and was_cut_off(error) and self._chat.may_continue(model):
            again = await candidates.retry(model, error)
            if again:
                candidates.causes.append(error)
                return again, Continued(model, error.code)
        if isinstance(error, ContextTooLong) and not candidates.has_larger_window(model):
            shorter = drop_oldest(self._messages)
            if shorter:
                dropped, self._messages = len(self._messages) - len(shorter), shorter
                candidates.causes.append(error)
                return await candidates.repeat(model), Shortened(model, dropped)
        permitted = await candidates.next_after(model, error, began=bool(self._text))
        if permitted is None or not self._text:
            return permitted, None
        self._text = ""
        return permitted, Switched(model, permitted.model, error.code, discard=True)

    def _prompt(self) -> tuple[ChatMessage, ...]:
        """The messages, and the text so far of an answer that is continued."""
        text = self._text.rstrip()  # Anthropic rejects a partial answer that ends in white space
        return (*self._messages, ChatMessage("assistant", text)) if text else self._messages

    def _attempts(self, permitted: PermittedModel) -> HedgedAttempts:
        prompt = self._prompt()

        async def hedge() -> ChatAttempt | None:
            other = await self._candidates.next_for_hedge()
            return self._chat.attempt(other, prompt, self._meter) if other else None

        # An answer that is continued is not hedged: another model could not go on with its text.
        hedge_after = None if self._text else self._chat.hedge_after
        return HedgedAttempts(
            self._chat.attempt(permitted, prompt, self._meter),
            hedge_after=hedge_after,
            hedge=hedge,
            on_lost=self._lost,
            on_failed=self._failed,
        )

    def _lost(self, attempt: ChatAttempt) -> None:
        self._reason = "slow_first_token"
        self._candidates.put_last(attempt.model)

    def _failed(self, attempt: ChatAttempt) -> None:
        if attempt.error:
            self._reason = attempt.error.code
            self._candidates.causes.append(attempt.error)

    def _switched(
        self, announced: ModelRef, model: ModelRef, error: ProviderError | None = None
    ) -> Switched:
        reason = error.code if error else self._reason
        return Switched(announced, model, reason, discard=False)
