"""One prompt to one model, past rules and caches: does it answer, how soon, and what if not?"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, replace
from decimal import Decimal

from asgiref.sync import async_to_sync
from django.conf import settings

from conversations import bootstrap
from routing.domain.actions import ModelKind
from routing.domain.errors import AssistantError, ProviderError, ProviderTimeout
from routing.domain.llm import ChatMessage, Usage
from routing.domain.rules import ModelRef
from routing.guard.validation import validate_prompt
from routing.models import LLMModel
from routing.publishing.draft import model_ref

PATIENCE = 60.0
"""Seconds that a page waits at most, whatever the model's own time-outs."""


@dataclass(frozen=True, slots=True)
class ModelTrial:
    """``answer`` in words, or ``error`` with its ``code``. Times are in milliseconds."""

    prompt: str
    answer: str = ""
    finish_reason: str = ""
    error: str = ""
    code: str = ""
    first_token_ms: int | None = None
    total_ms: int = 0
    usage: Usage | None = None

    @property
    def cost_usd(self) -> Decimal | None:
        """What it cost, where that is known."""
        return self.usage.cost_usd if self.usage else None


def try_model(row: LLMModel, prompt: str) -> ModelTrial:
    """Ask the model as its row says now. Raises ``PromptRejected``."""
    validate_prompt(prompt, max_chars=settings.PROMPT_MAX_CHARS)
    return async_to_sync(_try)(model_ref(row), prompt)


async def _try(model: ModelRef, prompt: str) -> ModelTrial:
    started = time.monotonic()
    seconds = min(model.timeouts.total, PATIENCE)
    async with bootstrap.evaluation_container() as desk:
        try:
            async with asyncio.timeout(seconds):
                made = await _asked(desk, model, prompt, started)
        except TimeoutError:
            made = _failed(prompt, ProviderTimeout(model.name, "total", seconds))
        except AssistantError as exc:
            made = _failed(prompt, exc)
    return replace(made, total_ms=_since(started))


def _failed(prompt: str, error: AssistantError) -> ModelTrial:
    detail = error.detail if isinstance(error, ProviderError) else str(error)
    return ModelTrial(prompt, error=detail or type(error).__name__, code=error.code)


async def _asked(
    desk: bootstrap.EvaluationContainer, model: ModelRef, prompt: str, started: float
) -> ModelTrial:
    if model.kind is ModelKind.IMAGE:
        picture = await desk.llm.image(model, prompt)
        told = f"A picture of {len(picture.data):,} bytes."
        return ModelTrial(prompt, told, usage=picture.usage)
    if model.kind is ModelKind.EMBEDDING:
        (vector,) = await desk.llm.embed(model.litellm_name, [prompt])
        return ModelTrial(prompt, f"A vector of {len(vector):,} dimensions.")
    return await _chatted(desk, model, prompt, started)


async def _chatted(
    desk: bootstrap.EvaluationContainer, model: ModelRef, prompt: str, started: float
) -> ModelTrial:
    first: int | None = None
    made = ModelTrial(prompt)
    pieces: list[str] = []
    async with aclosing(desk.llm.stream(model, [ChatMessage("user", prompt)])) as chunks:
        async for chunk in chunks:
            if chunk.text and first is None:
                first = _since(started)
            pieces.append(chunk.text)
            made = replace(made, finish_reason=chunk.finish_reason or "", usage=chunk.usage)
    return replace(made, answer="".join(pieces), first_token_ms=first)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
