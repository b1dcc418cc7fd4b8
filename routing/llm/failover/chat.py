"""Failover chat: calls the candidates until one answers whole, and streams the answer.

First step of failover, and the engine's ``Chat`` port. ``FailoverChat`` takes models from
``candidates``, calls them through ``attempt`` (hedged where the first token is late), and asks
``policy`` what to do after a failure. Before a model's first token a change of model is silent; after
it the text so far is void and the next model starts over, unless the model that was cut off continues.
docs/reliability.md has the whole story.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from functools import partial

from routing.domain.errors import (
    ContextTooLong,
    NoProviderAvailable,
    OptionUnsupported,
    ProviderError,
)
from routing.domain.llm import (
    AnsweringModel,
    ChatClient,
    ChatMessage,
    ChatOptions,
    Completed,
    Continued,
    GenerationEvent,
    LogprobsDelta,
    Meter,
    RawChunk,
    Shortened,
    Switched,
    TextDelta,
    ThoughtDelta,
)
from routing.domain.rules import ModelRef
from routing.llm.failover.attempt import ChatAttempt, HedgedAttempts
from routing.llm.failover.candidates import Candidates, Failover, PermittedModel
from routing.llm.failover.policy import drop_oldest, was_cut_off

Events = AsyncGenerator[GenerationEvent, None]


@dataclass(frozen=True, slots=True)
class FailoverChat:
    """Streams answers of one provider client.

    ``failover`` is the process's; without it each model is called once. ``continues`` says whether a
    model continues a partial answer. ``now`` gives Unix nanoseconds.
    """

    client: ChatClient
    failover: Failover = field(default_factory=Failover.plain)
    continues: Callable[[ModelRef], bool] = lambda _: False
    now: Callable[[], int] = time.time_ns

    async def stream(
        self,
        candidates: Sequence[ModelRef],
        messages: Sequence[ChatMessage],
        meter: Meter,
        options: ChatOptions | None = None,
        *,
        shortens: bool = True,
    ) -> Events:
        """Yield ``AnsweringModel`` before each model's first ``TextDelta``, ``Switched`` between
        models, ``Completed`` last. ``meter`` receives every attempt as it ends, a cancelled one
        too. Candidates that do not know one of ``options``, or lack an ability, are passed by.
        ``shortens``: the oldest messages may be left out where a model has no room for all. Raises
        ``NoProviderAvailable`` and ``OptionUnsupported``. Close it with ``contextlib.aclosing``.
        """
        await self.failover.ready()
        chosen = next(iter(candidates), None)
        if options or any(message.form for message in messages):
            candidates = self._able(candidates, options or {}, messages)
        models = self.failover.candidates(candidates)
        first = await models.next()
        if first is not None:
            answer = _Answer(self, models, tuple(messages), meter, options, shortens)
            if candidates[0] != chosen:
                answer.reason = OptionUnsupported.code
            elif not self.failover.has_key(candidates[0]):
                answer.reason = "no_key"
            async with aclosing(answer.run(chosen or candidates[0], first)) as events:
                async for event in events:
                    yield event
            if answer.whole:
                return
        raise NoProviderAvailable(models.causes) from (models.causes[-1] if models.causes else None)

    def _able(
        self,
        candidates: Sequence[ModelRef],
        options: ChatOptions,
        messages: Sequence[ChatMessage],
    ) -> Sequence[ModelRef]:
        unknown = {model: self._unsupported(model, options, messages) for model in candidates}
        able = [model for model, option in unknown.items() if option is None]
        if not able and (option := next(iter(unknown.values()), None)):
            raise OptionUnsupported(option, [model.name for model in candidates])
        return able

    def _unsupported(
        self, model: ModelRef, options: ChatOptions, messages: Sequence[ChatMessage]
    ) -> str | None:
        # A model that cannot be asked at all fails by its own error, when its turn comes.
        with suppress(ProviderError):
            return self.client.unsupported(model, options, messages)
        return None


@dataclass(slots=True)
class _Answer:
    """One answer in the making: the text that was passed on, whether a tool was called, and the reason of
    the last change."""

    chat: FailoverChat
    candidates: Candidates
    messages: tuple[ChatMessage, ...]
    meter: Meter
    options: ChatOptions | None = None
    shortens: bool = True
    text: str = ""
    called: bool = False
    reason: str = "circuit_open"
    whole: bool = False

    async def run(self, announced: ModelRef, permitted: PermittedModel | None) -> Events:
        """Call models until the answer is ``whole`` or no candidate is left.

        ``announced`` is the model that the listener believes to answer: at first the first choice.
        """
        while permitted is not None:
            if permitted.model != announced:
                yield self._switched(announced, permitted.model)
            announced = permitted.model
            async with self._attempts(permitted) as attempts:
                async with aclosing(self._listen(attempts, announced)) as events:
                    async for event in events:
                        yield event
                announced, error = attempts.winner.model, attempts.winner.error
            if error is None:
                return
            # After the attempts are closed: the failed call is metered before the next one starts.
            permitted, change = await self._next(announced, error)
            if change:
                yield change
                announced = permitted.model if permitted else announced

    async def _listen(self, attempts: HedgedAttempts, announced: ModelRef) -> Events:
        async with aclosing(attempts.thoughts()) as thoughts:
            async for thought in thoughts:
                yield ThoughtDelta(thought)
        attempt = attempts.winner
        if attempt.model != announced:
            yield self._switched(announced, attempt.model, attempt.error)
        if attempt.began:
            async with aclosing(self._pass_on(attempt)) as events:
                async for event in events:
                    yield event

    async def _pass_on(self, attempt: ChatAttempt) -> Events:
        yield AnsweringModel(attempt.model)
        pieces = [self.text] if self.text else []
        # The prompt of a continued answer ends before its white space, so the model repeats it.
        repeated = self.text[len(self.text.rstrip()) :]
        try:
            async with aclosing(attempt.chunks()) as chunks:
                async for chunk in chunks:
                    text = chunk.text
                    if text and repeated:
                        text, repeated = text.removeprefix(repeated), ""
                    pieces.append(text)
                    self.called = self.called or bool(chunk.tool_calls)
                    for delta in _deltas(chunk, text):
                        yield delta
        finally:
            self.text = "".join(pieces)
        if attempt.error is None and attempt.metered is not None:
            self.whole = True
            metered = attempt.metered
            yield Completed(attempt.model, metered.finish_reason or "other", metered.usage)

    async def _next(
        self, model: ModelRef, error: ProviderError
    ) -> tuple[PermittedModel | None, GenerationEvent | None]:
        """The call after ``model`` failed, and the event that announces it, if any."""
        candidates = self.candidates
        self.reason = error.code
        may_continue = self.chat.failover.policy.continue_cut and self.chat.continues(model)
        if self.text and self._is_prose and was_cut_off(error) and may_continue:
            again = await candidates.retry(model, error)
            if again:
                candidates.causes.append(error)
                return again, Continued(model, error.code)
        # A candidate with a larger window comes first: it needs no message dropped.
        if isinstance(error, ContextTooLong) and not candidates.has_larger_window(model):
            shorter = drop_oldest(self.messages) if self.shortens and self._is_prose else None
            if shorter:
                dropped, self.messages = len(self.messages) - len(shorter), shorter
                candidates.causes.append(error)
                return await candidates.repeat(model), Shortened(model, dropped)
        permitted = await candidates.next_after(model, error, began=self._began)
        if permitted is None or not self._began:
            return permitted, None
        self.text, self.called = "", False
        return permitted, Switched(model, permitted.model, error.code, discard=True)

    @property
    def _began(self) -> bool:
        return bool(self.text) or self.called

    @property
    def _is_prose(self) -> bool:
        """Whether text alone was asked for, and sent: half a call or half an object can't be continued, and
        a program must not lose turns that it refers to."""
        options = self.options or {}
        return not (self.called or options.get("tools") or options.get("response_format"))

    def _prompt(self) -> tuple[ChatMessage, ...]:
        """The messages, and the text so far of an answer that is continued."""
        text = self.text.rstrip()  # Anthropic rejects a partial answer that ends in white space
        return (*self.messages, ChatMessage("assistant", text)) if text else self.messages

    def _attempts(self, permitted: PermittedModel) -> HedgedAttempts:
        chat, prompt = self.chat, self._prompt()
        attempt = partial(
            ChatAttempt,
            chat.client,
            options=self.options,
            meter=self.meter,
            failover=chat.failover,
            now=chat.now,
        )

        async def hedge() -> ChatAttempt | None:
            other = await self.candidates.next_for_hedge()
            return attempt(other, prompt) if other else None

        # An answer that is continued is not hedged: another model could not go on with its text.
        hedge_after = None if self.text else chat.failover.policy.hedge_after
        first = attempt(permitted, prompt)
        return HedgedAttempts(first, hedge_after, hedge, self._lost, self._failed)

    def _lost(self, attempt: ChatAttempt) -> None:
        self.reason = "slow_first_token"
        self.candidates.put_last(attempt.model)

    def _failed(self, attempt: ChatAttempt) -> None:
        if attempt.error:
            self.reason = attempt.error.code
            self.candidates.causes.append(attempt.error)

    def _switched(
        self, announced: ModelRef, model: ModelRef, error: ProviderError | None = None
    ) -> Switched:
        reason = error.code if error else self.reason
        return Switched(announced, model, reason, discard=False)


def _deltas(chunk: RawChunk, text: str) -> Iterator[GenerationEvent]:
    if chunk.thought:
        yield ThoughtDelta(chunk.thought)
    yield from chunk.thinking
    if chunk.logprobs:
        yield LogprobsDelta(chunk.logprobs)
    if text:
        yield TextDelta(text)
    yield from chunk.tool_calls
