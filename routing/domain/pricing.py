"""Tokens and dollars: the price of an attempt, and an estimate where the provider never told.

Pure: standard library only.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from routing.domain.llm import ChatMessage, Usage
from routing.domain.rules import ModelRef

_BYTES_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4
_MILLION = Decimal(1_000_000)
_MICRODOLLAR = Decimal("0.000001")

ListPrice = tuple[Decimal, Decimal]


def estimated_tokens(text: str) -> int:
    """Roughly the tokens of ``text``: a token is about four UTF-8 bytes, in any script."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)


def estimated_usage(prompt: Sequence[ChatMessage], output: str) -> Usage:
    """What an attempt must have used whose provider never said, marked as estimated."""
    asked = sum(estimated_tokens(message.content) + _TOKENS_PER_MESSAGE for message in prompt)
    return Usage(input_tokens=asked, output_tokens=estimated_tokens(output), estimated=True)


def cost(model: ModelRef, usage: Usage, listed: ListPrice | None) -> Decimal | None:
    """US dollars, to the millionth: the model's own prices over the price list's.

    ``listed`` is what the list asks for this input and this output, ``None`` where it does not
    know the model. ``None`` when a part has no price at all.
    """
    parts = (
        _part(model.input_price, usage.input_tokens, listed and listed[0]),
        _part(model.output_price, usage.output_tokens, listed and listed[1]),
    )
    if parts[0] is None or parts[1] is None:
        return None
    return (parts[0] + parts[1]).quantize(_MICRODOLLAR)


def _part(price: Decimal | None, tokens: int, listed: Decimal | None) -> Decimal | None:
    return listed if price is None else price * tokens / _MILLION
