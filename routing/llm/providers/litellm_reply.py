"""LiteLLM reply: the pieces, the finish and the usage of one answer that LiteLLM streams.

``litellm_calls`` opens the stream. Where the connection is ours, ``EventFilter`` reads the same bytes, and
what it read counts: LiteLLM loses parts of answers, and knows neither an early finish nor an odd one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from routing.domain.errors import ProviderStreamBroken
from routing.domain.rules import ModelRef
from routing.llm.providers import base
from routing.llm.providers.answer_text import read_content
from routing.llm.providers.base import AnswerPiece, EventError, empty_answer
from routing.llm.providers.finish_reasons import FinishReason, read_finish
from routing.llm.providers.litellm_wire import EventFilter
from routing.llm.providers.logprobs import read_logprobs
from routing.llm.providers.openai_compatible import read_calls
from routing.llm.providers.refusals import is_refusal
from routing.llm.providers.registry import PROVIDERS
from routing.llm.providers.thinking import ThinkingReader


class LiteLLMReply:
    """One streamed reply: LiteLLM's stream of it, and the filter that read it first.

    Only connections of ours have a filter: ``provider`` has a row in the registry, and its own key.
    """

    def __init__(self, model: ModelRef, provider: str) -> None:
        self._model = model
        self._stream: Any = None
        self._answered = self._answers = False
        self._thinking = ThinkingReader()
        marked = model.ends_without_finish
        self.filter = (
            EventFilter(provider, model.name, ends_without_finish=marked)
            if provider in PROVIDERS
            else None
        )

    def take(self, stream: Any) -> None:
        """Read LiteLLM's ``stream``."""
        self._stream = stream
        stream.completion_stream = _plain_chunks(stream.completion_stream)

    @property
    def finish(self) -> FinishReason | None:
        """The finish so far."""
        if self._filtered:
            return self._filtered.answer.finish
        return read_finish(self._stream.received_finish_reason)

    @property
    def usage(self) -> Any:
        """The provider's own object, or LiteLLM's."""
        if self._filtered:
            return self._filtered.answer.usage
        usages = [getattr(chunk, "usage", None) for chunk in self._stream.chunks]
        return next(filter(None, reversed(usages)), None)

    async def pieces(self) -> AsyncGenerator[AnswerPiece, None]:
        """The pieces. Raises ``EventError``, and LiteLLM's errors."""
        async for chunk in self._chunks():
            piece = self._filtered.take() if self._filtered else _piece_of(chunk, self._thinking)
            self._answers = piece is not None and piece.answers
            self._answered = self._answered or self._answers
            if piece is not None:
                yield piece
        if self._filtered and (piece := self._filtered.take()):
            self._answered = True
            yield piece
        if self.filter and self.filter.error:
            raise self.filter.error

    def whole_finish(self) -> FinishReason:
        """Raises ``ProviderStreamBroken`` for a stream without a finish or without an answer,
        ``ProviderRefused`` where the provider's policy took the text's place."""
        if self._filtered:
            self._filtered.answer.check_whole()
        finish = self.finish or (FinishReason.STOP if self._model.ends_without_finish else None)
        if finish is None:
            raise ProviderStreamBroken(self._model.name, "the stream ended without a finish")
        if finish is FinishReason.BROKEN:
            raise ProviderStreamBroken(self._model.name, "the provider broke its answer off")
        if not self._answered:
            raise empty_answer(self._model.name, finish)
        return finish

    @property
    def _filtered(self) -> EventFilter | None:
        return self.filter if self.filter and self.filter.attached else None

    async def _chunks(self) -> AsyncIterator[Any]:
        """All chunks. After the finish neither silence nor a broken end spoils the answer."""
        iterator, now = aiter(self._stream), asyncio.get_running_loop().time
        until: float | None = None
        while True:
            try:
                async with asyncio.timeout_at(until):
                    chunk = await anext(iterator)
            except StopAsyncIteration:
                return
            except Exception:
                if self.finish is None:
                    raise
                return
            yield chunk
            if self.finish is None:
                until = None
            elif until is None or self._answers:
                until = now() + self._grace()

    def _grace(self) -> float:
        if self._filtered:
            return self._filtered.answer.grace(self._model.timeouts.stall)
        return base.USAGE_GRACE


def _piece_of(chunk: Any, thinking: ThinkingReader) -> AnswerPiece | None:
    """What LiteLLM read of an event, in OpenAI's form."""
    choice = chunk.choices[0].model_dump() if chunk.choices else {}
    delta = choice.get("delta") or {}
    text, thought = delta.get("content") or "", delta.get("reasoning_content") or ""
    calls = read_calls(delta.get("tool_calls"))
    blocks = tuple((0, block) for block in thinking.take(delta.get("thinking_blocks")))
    if not (text or thought or calls or blocks):
        return None
    return AnswerPiece(text, thought, calls, read_logprobs(choice.get("logprobs")), blocks)


async def _plain_chunks(chunks: Any) -> AsyncGenerator[Any, None]:
    """The provider's chunks for LiteLLM, which loses content in parts, refusals, and errors without a
    choice: content as text, a refusal as the finish ``content_filter``, an error as ``EventError``."""
    refused = False
    async for chunk in chunks:
        extra = getattr(chunk, "model_extra", None)
        choices = getattr(chunk, "choices", None) or ()
        if not choices and extra and is_refusal(extra):
            raise EventError(extra)
        for choice in choices[:1]:
            delta: Any = getattr(choice, "delta", None)
            content = read_content(getattr(delta, "content", None))
            refused = refused or content.refused or bool(getattr(delta, "refusal", None))
            if isinstance(getattr(delta, "content", None), list):
                delta.content = content.text
                delta.reasoning_content = content.thought or None
            if refused and choice.finish_reason:
                choice.finish_reason = "content_filter"
        yield chunk
