"""Moderation in OpenAI's form: the input of a request, and the names and numbers of a reply.

A reply that says nothing about a part must not be taken for a word in its favour, so all of it is checked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from routing.domain.llm import ModerationInput, Usage, estimated_tokens
from routing.domain.moderation import UNNAMED, ModerationResult, category_name
from routing.domain.rules import ModelRef
from routing.llm.providers.litellm import priced

if TYPE_CHECKING:
    from openai.types import ModerationMultiModalInputParam

MOST_CATEGORIES = 64
MOST_BYTES = 1_000_000


def moderation_input(asked: ModerationInput) -> list[str] | list[ModerationMultiModalInputParam]:
    """The texts as they are, each with a result of its own; or the picture."""
    if asked.texts:
        return list(asked.texts)
    parts: list[ModerationMultiModalInputParam] = [
        {"type": "image_url", "image_url": {"url": asked.picture}}
    ]
    return parts


def read_results(reply: bytes, parts: int) -> tuple[ModerationResult, ...]:
    """The results on ``parts`` parts. Raises one of ``MALFORMED`` for another number of them, and for one
    without a word."""
    if len(reply) > MOST_BYTES:
        raise ValueError("a reply of this size")
    results = orjson.loads(reply)["results"]
    if not isinstance(results, list) or len(results) != parts:
        raise ValueError("another number of results than parts")
    return tuple(map(_result, results))


def _result(result: Any) -> ModerationResult:
    """The provider's flag counts beside those of its categories; some providers have the latter alone."""
    told: dict[str, Any] = {}
    for name, value in _named(result["categories"]):
        if value is not None:  # two of the provider's names may be one here
            told[name] = told.get(name, False) or value
    word = result["flagged"] if "flagged" in result or not told else any(told.values())
    if not all(isinstance(value, bool) for value in (word, *told.values())):
        raise ValueError("a result without a word")
    flagged = frozenset(name for name, value in told.items() if value)
    if word and not flagged:
        flagged = frozenset({UNNAMED})
    return ModerationResult(flagged, _scores(result.get("category_scores")))


def _scores(values: Any) -> dict[str, float]:
    scores: dict[str, float] = {}
    for name, value in _named(values):
        if (score := _score(value)) is not None:
            scores[name] = max(score, scores.get(name, 0.0))
    return scores


def _named(values: Any) -> Iterator[tuple[str, Any]]:
    """The first categories, by their names here."""
    for name, value in islice((values or {}).items(), MOST_CATEGORIES):
        if clean := category_name(str(name)):
            yield clean, value


def _score(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return min(1.0, max(0.0, float(value)))


def moderation_usage(model: ModelRef, text: str) -> Usage:
    """The usage of a call, which no provider tells: our own count where the model has a price, and no tokens
    where it is free. Never raises."""
    # Nothing is written: an output price of the model's own has nothing to be paid for.
    asked = replace(model, output_price=model.input_price and Decimal(0))
    usage = priced(asked, Usage(estimated_tokens(text), estimated=True))
    return usage if usage.cost_usd != 0 else Usage().at(Decimal(0))
