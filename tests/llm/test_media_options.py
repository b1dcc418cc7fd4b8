"""Parameters of pictures and vectors that a model takes, and the price of vectors."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest

from routing.domain.actions import ModelKind
from routing.domain.rules import ModelRef
from routing.llm.providers.litellm_media import (
    embedding_usage,
    takes_dimensions,
    unsupported_picture_option,
)


@pytest.mark.parametrize(
    ("model", "options", "fault"),
    [
        ("openai/gpt-image-1", {"size": "1024x1536", "quality": "high"}, None),
        ("openai/gpt-image-1", {"size": "512x512"}, "size"),
        ("openai/gpt-image-1", {"quality": "hd"}, "quality"),
        ("azure/dall-e-3", {"size": "1792x1024", "quality": "hd"}, None),
        ("azure/dall-e-3", {"size": "1024x1536"}, "size"),
        ("openai/some-new-model", {"size": "2048x1152", "quality": "high"}, None),
        ("openai/some-new-model", {"size": "wide"}, "size"),
        ("gemini/imagen-4.0-generate-001", {"quality": "high"}, "quality"),
        ("bedrock/stability.sd3-large-v1:0", {"size": "1024x1024"}, "size"),
    ],
)
def test_sizes_and_qualities(model: str, options: dict[str, str], fault: str | None) -> None:
    assert unsupported_picture_option(model, options) == fault


def test_dimensions() -> None:
    assert takes_dimensions("openai/text-embedding-3-small", 256)
    assert not takes_dimensions("openai/text-embedding-ada-002", 256)


@pytest.mark.parametrize(
    ("name", "price", "cost"),
    [
        ("openai/text-embedding-3-small", None, Decimal("0.02")),
        ("openai/text-embedding-3-small", Decimal("0.5"), Decimal("0.5")),
        ("openai/my-own", Decimal("0.5"), Decimal("0.5")),
        ("openai/my-own", None, None),
    ],
)
def test_vectors_have_a_price(name: str, price: Decimal | None, cost: Decimal | None) -> None:
    model = ModelRef("vectors", name, "openai", ModelKind.EMBEDDING, input_price=price)
    told = SimpleNamespace(model_dump=lambda: {"prompt_tokens": 1_000_000})

    usage = embedding_usage(model, SimpleNamespace(usage=told))
    assert (usage.input_tokens, usage.cost_usd) == (1_000_000, cost)
