"""How a provider's stream is read to its true end, and closed on every way out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from routing.domain.errors import ProviderError, ProviderRefused, ProviderStreamBroken

USAGE_GRACE = 2.0
"""Seconds a finished stream may still take to tell its usage."""
_FINISHES = {"stop", "length", "content_filter"}


async def pieces(stream: Any, model: str) -> AsyncGenerator[str, None]:
    """The texts of a LiteLLM stream; ``""`` when the model is thinking aloud.

    Raises ``ProviderStreamBroken`` when the provider told no finish or no text at all,
    ``ProviderRefused`` when its policy took the text's place.
    """
    told = False
    async for chunk in _chunks(stream):
        delta = chunk.choices[0].delta if chunk.choices else None
        text = getattr(delta, "content", None) or ""
        told = told or bool(text)
        if text or getattr(delta, "reasoning_content", None):
            yield text
    finish = stream.received_finish_reason
    if finish is None or finish == "error":
        raise ProviderStreamBroken(model, "the stream ended without a finish")
    if not told:
        raise empty_answer(model, normal_finish(finish))


async def _chunks(stream: Any) -> AsyncIterator[Any]:
    """All chunks; once the finish is in, neither silence nor a broken end spoils the answer."""
    iterator = aiter(stream)
    while True:
        finished = stream.received_finish_reason is not None
        try:
            async with asyncio.timeout(USAGE_GRACE if finished else None):
                chunk = await anext(iterator)
        except StopAsyncIteration:
            return
        except Exception:
            if not finished:
                raise
            return
        yield chunk


def normal_finish(reason: str | None) -> str:
    """The provider's finish in OpenAI's words: ``stop``, ``length`` or ``content_filter``."""
    return reason if reason in _FINISHES else "stop"


def empty_answer(model: str, finish: str) -> ProviderError:
    """Why a whole answer has no text."""
    if finish == "content_filter":
        return ProviderRefused(model, "the provider's content policy refused")
    return ProviderStreamBroken(model, f"an answer without text ({finish})")


@asynccontextmanager
async def closed_after(responses: Sequence[httpx.Response]) -> AsyncIterator[None]:
    """Close the responses that were opened meanwhile, so that the provider stops writing."""
    try:
        yield
    finally:
        for response in responses:
            await response.aclose()
