"""Answer cleaner: the pieces of one answer as both lanes read them, as chunks that may be passed on.

All parts are cleaned here, at one place for all providers: text and thoughts by ``answer_text``, calls by
``tool_calls``. Log probabilities wait for the text that they belong to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from routing.common.text import TextCleaner
from routing.domain.llm import RawChunk, ThinkingBlock, ToolCallDelta
from routing.llm.providers.answer_text import AnswerText
from routing.llm.providers.base import AnswerPiece, empty_answer
from routing.llm.providers.finish_reasons import FinishReason
from routing.llm.providers.thinking import REASONING, WANT_TEXT, ThinkingBounds
from routing.llm.providers.tool_calls import ToolCalls


class AnswerCleaner:
    """Cleaner of one answer; ``model`` names errors. Raises ``ProviderStreamBroken`` for odd calls. ``provider``
    is LiteLLM's name of the one that gets the thinking blocks back.

    Without ``calls_tools`` no tool was offered, and calls are left out.
    """

    def __init__(self, model: str, provider: str = "", *, calls_tools: bool) -> None:
        self._model, self._provider, self._calls_tools = model, provider, calls_tools
        self._thinking = ThinkingBounds()
        self._said: list[str] = []
        """Pieces of a thought whose text the provider wants back."""
        self._text, self._thought, self._calls = AnswerText(), TextCleaner(), ToolCalls(model)
        self._tokens: tuple[Mapping[str, Any], ...] = ()

    def feed(self, piece: AnswerPiece) -> RawChunk:
        """The chunk that may be passed on now."""
        text = self._text.feed(piece.text)
        thought = self._thought.clean(piece.thought) + self._text.take_thought()
        if thought and self._provider in WANT_TEXT:
            self._said.append(thought)
        calls = self._calls.feed(piece.calls) if piece.calls and self._calls_tools else ()
        self._tokens += piece.logprobs
        chunk = self._chunk(text, thought, calls)
        ended = [*piece.thinking, *(self._thought_text() if text or calls else ())]
        if ended and (blocks := self._thinking.take(ended)):
            thinking = (
                ThinkingBlock(self._provider, block, min(at, len(text))) for at, block in blocks
            )
            return replace(chunk, thinking=tuple(thinking))
        return chunk

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

    def _thought_text(self) -> tuple[tuple[int, Mapping[str, str]], ...]:
        """The thought before the text or the call that begins now."""
        said, self._said = "".join(self._said), []
        return ((0, {"type": REASONING, "text": said}),) if said else ()

    def _chunk(self, text: str, thought: str, calls: tuple[ToolCallDelta, ...]) -> RawChunk:
        tokens: tuple[Mapping[str, Any], ...] = ()
        if text:
            tokens, self._tokens = self._tokens, ()
        return RawChunk(text, thought=thought, tool_calls=calls, logprobs=tokens)
