"""Answer cleaner: the pieces of one answer as both lanes read them, as chunks that may be passed on.

All parts are cleaned here, at one place for all providers: text and thoughts by ``answer_text``, calls by
``tool_calls``. Log probabilities wait for the text that they belong to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routing.common.text import TextCleaner
from routing.domain.llm import RawChunk, ToolCallDelta
from routing.llm.providers.answer_text import AnswerText
from routing.llm.providers.base import AnswerPiece, empty_answer
from routing.llm.providers.finish_reasons import FinishReason
from routing.llm.providers.tool_calls import ToolCalls


class AnswerCleaner:
    """Cleaner of one answer; ``model`` names errors. Raises ``ProviderStreamBroken`` for odd calls.

    Without ``calls_tools`` no tool was offered, and calls are left out.
    """

    def __init__(self, model: str, *, calls_tools: bool) -> None:
        self._model, self._calls_tools = model, calls_tools
        self._text, self._thought, self._calls = AnswerText(), TextCleaner(), ToolCalls(model)
        self._tokens: tuple[Mapping[str, Any], ...] = ()

    def feed(self, piece: AnswerPiece) -> RawChunk:
        """The chunk that may be passed on now."""
        text = self._text.feed(piece.text)
        thought = self._thought.clean(piece.thought) + self._text.take_thought()
        calls = self._calls.feed(piece.calls) if piece.calls and self._calls_tools else ()
        self._tokens += piece.logprobs
        return self._chunk(text, thought, calls)

    def end(self, finish: FinishReason) -> tuple[RawChunk, FinishReason]:
        """The rest, and the finish as the parts of the answer have it. Raises ``ProviderRefused`` and
        ``ProviderStreamBroken`` for an answer with neither text nor call."""
        text = self._text.end()
        thought = self._thought.end() + self._text.take_thought()
        chunk = self._chunk(text, thought, self._calls.end())
        if not (self._text.visible or self._calls.any):
            raise empty_answer(self._model, finish)
        if self._calls.any and finish in {FinishReason.STOP, FinishReason.OTHER}:
            return chunk, FinishReason.TOOL_CALLS
        if finish is FinishReason.TOOL_CALLS and not self._calls.any:
            return chunk, FinishReason.OTHER
        return chunk, finish

    def _chunk(self, text: str, thought: str, calls: tuple[ToolCallDelta, ...]) -> RawChunk:
        tokens: tuple[Mapping[str, Any], ...] = ()
        if text:
            tokens, self._tokens = self._tokens, ()
        return RawChunk(text, thought=thought, tool_calls=calls, logprobs=tokens)
