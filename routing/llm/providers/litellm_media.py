"""LiteLLM's knowledge of pictures and vectors: prices, and the parameters that a model takes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any

from routing.domain.llm import ImageOptions, Usage, cost
from routing.domain.rules import ModelRef
from routing.llm.providers.litellm import (
    LlmProviders,
    ProviderConfigManager,
    UnsupportedParamsError,
    litellm,
    lookup,
    priced,
)
from routing.llm.providers.usage import clean_usage

_SIZE = re.compile(r"[1-9][0-9]{1,4}x[1-9][0-9]{1,4}")


def unsupported_picture_option(litellm_name: str, options: ImageOptions) -> str | None:
    """The name of the option whose value the model does not take, as far as LiteLLM knows: by the price
    list, which has the sizes and qualities of some models, else by its table of parameters."""
    name, provider, *_ = lookup(litellm_name)
    listed = _listed_options(name, provider)
    for option, value in options.items():
        if listed.get(option):
            if value not in listed[option]:
                return option
        elif (
            not _SIZE.fullmatch(value) if option == "size" else not value.isalpha()
        ) or not _takes(name, provider, option, value):
            return option
    return None


@lru_cache(maxsize=256)
def _listed_options(name: str, provider: str) -> Mapping[str, frozenset[str]]:
    """The sizes and qualities in the price list: ``{provider}/{quality}/{width}-x-{height}/{name}``."""
    sizes, qualities = set[str](), set[str]()
    for entry in litellm.model_cost:
        listed, _, size = entry.removesuffix(f"/{name}").rpartition("/")
        before = listed.split("/") if listed else []
        of_provider = before[:1] == [provider]
        if entry.endswith(f"/{name}") and "-x-" in size and (of_provider or len(before) < 2):
            sizes.add(size.replace("-x-", "x"))
            qualities |= set(before[of_provider:])
    return {"size": frozenset(sizes), "quality": frozenset(qualities)}


def _takes(name: str, provider: str, option: str, value: str) -> bool:
    known, given = LlmProviders(provider), {option: value}
    try:
        litellm.utils.get_optional_params_image_gen(
            model=name,
            custom_llm_provider=provider,
            provider_config=ProviderConfigManager.get_provider_image_generation_config(name, known),
            **given,  # type: ignore[arg-type]
        )
    except Exception:  # noqa: BLE001 - some say so by UnsupportedParamsError, some by ValueError
        return False
    return True


def takes_dimensions(litellm_name: str, dimensions: int) -> bool:
    """Whether vectors of the model may be shortened, as far as LiteLLM knows."""
    name, provider, *_ = lookup(litellm_name)
    try:
        litellm.utils.get_optional_params_embeddings(
            model=name, custom_llm_provider=provider, dimensions=dimensions
        )
    except UnsupportedParamsError:
        return False
    return True


def embedding_usage(model: ModelRef, response: Any) -> Usage:
    """The usage of vectors, with its cost. Never raises."""
    reported = getattr(response, "usage", None)
    counts = clean_usage(reported.model_dump() if reported else None)
    # Nothing is written: an output price of the model's own has nothing to be paid for.
    free = replace(model, output_price=model.input_price and Decimal(0))
    return priced(free, Usage(counts.get("input_tokens", 0)))


def image_usage(model: ModelRef, response: Any, options: ImageOptions) -> Usage:
    """The usage of a picture, with its cost. Never raises."""
    counts = clean_usage(response.usage.model_dump() if response.usage else None)
    usage = Usage(counts.get("input_tokens", 0), counts.get("output_tokens", 0))
    try:
        total = litellm.completion_cost(
            response, model=model.litellm_name, call_type="image_generation", **options
        )
    except Exception:  # noqa: BLE001 - as above
        total = 0
    listed = (Decimal(str(total)), Decimal(0)) if 0 < total < math.inf else None
    own = (model.input_price, model.output_price)
    # By the token, a picture without counted tokens has no known cost, unless tokens are free.
    if listed is None and not usage.output_tokens and any(own):
        return usage.at(None)
    return usage.at(cost(model, usage, listed))
