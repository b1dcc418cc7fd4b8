"""LiteLLM adapter: errors named and prices known by LiteLLM.

The only module that imports LiteLLM; ``litellm_request`` builds requests by it. Its retries,
fallbacks, caches, callbacks and logs are off. The import takes seconds: it happens at boot, and not in
management commands.
"""

from __future__ import annotations

import importlib
import logging
import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import httpx

from routing.domain.llm import ListPrice, Priced, Usage, cost
from routing.domain.rules import ModelRef
from routing.llm.providers.base import Provider
from routing.llm.providers.finish_reasons import FinishReason, read_finish
from routing.llm.providers.litellm_wire import split_lines
from routing.llm.providers.registry import PROVIDERS
from routing.llm.providers.usage import clean_usage, count

# LiteLLM ends streams that repeat a piece a hundred times: a ruler, a table, a long row of letters.
os.environ.setdefault("REPEATED_STREAMING_CHUNK_LIMIT", str(10**9))
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it fetches prices over HTTP
os.environ.setdefault("LITELLM_MODE", "PRODUCTION")  # else it reads .env into our environment
os.environ["MAX_IMAGE_URL_DOWNLOAD_SIZE_MB"] = "0"  # else it fetches addresses in callers' messages
import litellm  # the variables count at this import only
from litellm.constants import DEFAULT_CHAT_COMPLETION_PARAM_VALUES
from litellm.exceptions import UnsupportedParamsError
from litellm.litellm_core_utils import core_helpers
from litellm.llms.custom_httpx import http_handler
from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler
from litellm.types.utils import LlmProviders
from litellm.utils import ProviderConfigManager, get_optional_params, supports_pdf_input

__all__ = [  # for our own modules
    "DEFAULT_CHAT_COMPLETION_PARAM_VALUES",
    "AsyncHTTPHandler",
    "LlmProviders",
    "ProviderConfigManager",
    "UnsupportedParamsError",
    "close_litellm_async_clients",
    "get_optional_params",
    "litellm",
    "supports_pdf_input",
]


def _quieten() -> None:
    """Nothing is printed, logged, sent home or tried again."""
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.turn_off_message_logging = True
    litellm.redact_messages_in_exceptions = True
    litellm.disable_streaming_logging = True
    litellm.success_callback = litellm.failure_callback = litellm.callbacks = []
    litellm.num_retries = 0
    litellm.disable_token_counter = True  # it invents usage, on the event loop
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)


def _warm() -> None:
    """Build now what both libraries build at first use: the first answer waited two seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of LiteLLM's own pydantic models
        for part in ("chat", "embeddings", "images"):
            importlib.import_module(f"openai.resources.{part}")
        messages = [{"role": "user", "content": "-"}]
        for stream in (False, True):
            answer = litellm.completion("gpt-4o", messages, stream=stream, mock_response="-")
            if stream:
                list(answer)


class _FinishReasons(dict[str, str]):
    """Our table of finish reasons, in the words that LiteLLM's types allow.

    LiteLLM's own turns words that it does not know, and errors, into ``stop``.
    """

    def get(self, word: Any, default: Any = None) -> str:
        """``read_finish`` reads the result back as it would read ``word``."""
        match read_finish(word):
            case FinishReason.OTHER | None:
                return "finish_reason_unspecified"
            case FinishReason.BROKEN:
                return "malformed_function_call"
            case finish:
                return finish.value


class _LineHandler(AsyncHTTPHandler):
    """LiteLLM's HTTP client with the lines of event streams as the standard cuts them."""

    def __init__(self, timeout: Any = None, event_hooks: Any = None, **more: Any) -> None:
        hooks = dict(event_hooks or {})
        hooks["response"] = [*hooks.get("response", ()), split_lines]
        super().__init__(timeout, hooks, **more)


http_handler.AsyncHTTPHandler = _LineHandler  # type: ignore[misc,assignment]
core_helpers._FINISH_REASON_MAP = _FinishReasons()  # type: ignore[misc,assignment]  # noqa: SLF001
_quieten()
_warm()


NEAR = 0.6
"""Similarity of a name from which it is offered in place of one that nobody knows."""


@lru_cache(maxsize=256)
def lookup(litellm_name: str) -> Any:
    """The provider's own name of a model, the provider, and its key and address in the environment.
    Raises LiteLLM's error for an unknown name."""
    return litellm.get_llm_provider(litellm_name)


@lru_cache(maxsize=256)
def direct_provider(litellm_name: str) -> Provider | None:
    """The provider of a model whose answers we read ourselves; ``None`` where LiteLLM reads them.

    Models that know OpenAI's Responses API alone are among the latter. Raises as ``lookup`` does.
    """
    name, provider, *_ = lookup(litellm_name)
    chats = litellm.model_cost.get(name, {}).get("mode", "chat") == "chat"
    return PROVIDERS.get(provider) if chats else None


def continues(litellm_name: str) -> bool:
    """Whether the model continues a partial answer, as far as LiteLLM knows."""
    listed = litellm.model_cost.get(litellm_name.partition("/")[2] or litellm_name)
    return bool(listed and listed.get("supports_assistant_prefill"))


@lru_cache(maxsize=256)
def transformation(provider: str, name: str) -> Any:
    """LiteLLM's translator to the provider's format."""
    return ProviderConfigManager.get_provider_chat_config(name, LlmProviders(provider))


@contextmanager
def refusals_named(litellm_name: str) -> Iterator[None]:
    """Raise an error status of a provider as LiteLLM's class for it."""
    try:
        yield
    except httpx.HTTPStatusError as status_error:
        name, provider, *_ = lookup(litellm_name)
        error = transformation(provider, name).get_error_class(
            error_message=str(status_error),
            status_code=status_error.response.status_code,
            headers=status_error.response.headers,
        )
        error.__cause__ = status_error
        raise _named(error, name, provider) from error


def _named(error: Exception, name: str, provider: str) -> Exception:
    try:
        litellm.exception_type(model=name, original_exception=error, custom_llm_provider=provider)
    except Exception as exc:  # noqa: BLE001 - what it is for is to raise, and all its classes differ
        return exc
    return error


def read_usage(model: ModelRef, reported: Any) -> Usage | None:
    """The usage that a provider reported, with its cost; ``None`` where it did not tell both counts.

    ``reported`` is the provider's own JSON, or LiteLLM's object. Never raises.
    """
    told = _told(model.litellm_name, reported)
    if told is None:
        return None
    usage = Usage(
        told.prompt_tokens,
        told.completion_tokens,
        cached_tokens=_detail(told, "prompt_tokens", "cached_tokens"),
        reasoning_tokens=_detail(told, "completion_tokens", "reasoning_tokens"),
    )
    # An answer has at least a token of either: LiteLLM writes 0 for what was not told.
    return priced(model, usage, told) if usage.input_tokens and usage.output_tokens else None


def _detail(told: Any, whole: str, part: str) -> int:
    """A part of a count, and never more than it."""
    details = getattr(told, f"{whole}_details", None)
    return min(count(getattr(details, part, None)) or 0, int(getattr(told, whole)))


def _told(litellm_name: str, reported: Any) -> Any:
    """LiteLLM's object, which its prices need for cached tokens; ``None`` without both counts."""
    ours = isinstance(reported, litellm.Usage)
    counts = clean_usage(reported.model_dump() if ours else reported)
    if not {"prompt_tokens", "completion_tokens"} <= counts.keys():
        return None
    name, provider, *_ = lookup(litellm_name)
    calculate = None if ours else getattr(transformation(provider, name), "calculate_usage", None)
    try:
        if calculate is None:  # the provider reports in OpenAI's form
            return litellm.Usage(**counts)
        return calculate(usage_object=counts, reasoning_content=None)
    except Exception:  # noqa: BLE001 - no answer is lost to a count, whatever LiteLLM makes of it
        return None


def priced(model: ModelRef, usage: Usage, reported: Any = None) -> Usage:
    """The same usage with its cost: by the model's own prices, else by LiteLLM's list.

    ``reported`` is LiteLLM's usage object, which may hold cheaper, cached tokens.
    """
    return usage.at(cost(model, usage, _listed(model, usage, reported)))


def cached_input_cost(model: ModelRef, tokens: int) -> Decimal | None:
    """The cost of input that the provider has in its cache; ``None`` where no price is known."""
    details = {"cached_tokens": tokens}
    reported = litellm.Usage(tokens, 0, tokens, prompt_tokens_details=details)
    return priced(model, Usage(input_tokens=tokens, cached_tokens=tokens), reported).cost_usd


def has_price(model: Priced) -> bool:
    """Whether the cost of a call can be known: a price of the model's own, or a listed name."""
    own = model.input_price is not None and model.output_price is not None
    return own or _is_listed(model.litellm_name)


def name_doubt(litellm_name: str) -> str:
    """The doubt about a name, in words; empty for one on LiteLLM's list, and for a provider without one."""
    try:
        _, provider, *_ = lookup(litellm_name)
    except Exception:  # noqa: BLE001 - told by several classes
        return "LiteLLM knows no provider of this name, so each call fails: write provider/model"
    listed = litellm.models_by_provider.get(provider)
    # People give the models of these names of their own.
    own = provider in {"azure", "ollama", "ollama_chat", "bedrock", "vertex_ai", "sagemaker"}
    if _is_listed(litellm_name) or own or not listed:
        return ""
    near = get_close_matches(litellm_name, sorted(listed), n=3, cutoff=NEAR)
    bare = [name.removeprefix(f"{provider}/") for name in near]
    told = f"did you mean {', '.join(dict.fromkeys(bare))}?" if bare else "check the spelling"
    return f"LiteLLM's list has no such model of {provider}: {told}"


def listed_prices(litellm_name: str) -> tuple[Decimal, Decimal] | None:
    """The price list's US dollars for a million tokens, in and out; ``None`` for a name without both."""
    try:
        name, provider, *_ = lookup(litellm_name)
    except Exception:  # noqa: BLE001 - told by several classes
        return None
    prices = litellm.model_cost
    listed = prices.get(litellm_name) or prices.get(f"{provider}/{name}") or prices.get(name, {})
    parts = [listed.get(f"{side}_cost_per_token") for side in ("input", "output")]
    if any(part is None for part in parts):
        return None
    read, written = (Decimal(str(part)) * 1_000_000 for part in parts)
    return read, written


def _listed(model: ModelRef, usage: Usage, reported: Any) -> ListPrice | None:
    # With odd details of cached tokens LiteLLM's price is negative: then without them.
    for details in (reported, None):
        try:
            prices = litellm.cost_per_token(
                model=model.litellm_name,
                prompt_tokens=usage.input_tokens,
                completion_tokens=usage.output_tokens,
                usage_object=details,
            )
        except Exception:  # noqa: BLE001, S112 - a missing price is told by several classes, bare Exception among them
            continue
        if all(0 <= price < math.inf for price in prices):
            known = any(prices) or _is_listed(model.litellm_name)
            return (Decimal(str(prices[0])), Decimal(str(prices[1]))) if known else None
    return None


@lru_cache(maxsize=256)
def _is_listed(litellm_name: str) -> bool:
    """Whether the list has a price of this very name: LiteLLM prices an unlisted name of a known family
    at 0, without an error."""
    try:
        name, provider, *_ = lookup(litellm_name)
    except Exception:  # noqa: BLE001 - as above
        return False
    prices = litellm.model_cost
    listed = prices.get(litellm_name) or prices.get(f"{provider}/{name}") or prices.get(name, {})
    # Older models that draw are listed by size and quality.
    return any("cost_per" in field for field in listed) or any(
        key.endswith(f"/1024-x-1024/{name}") for key in prices
    )
