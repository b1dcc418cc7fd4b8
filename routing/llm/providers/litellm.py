"""LiteLLM adapter: requests built, errors named and prices known by LiteLLM.

The only module that imports LiteLLM, and the only one that calls its private functions
(``ProviderConfigManager``, ``get_optional_params``, a transformation's methods). Its retries,
fallbacks, caches, callbacks and logs are off. The import takes seconds: it happens at boot, and not in
management commands.
"""

from __future__ import annotations

import importlib
import logging
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from decimal import Decimal
from functools import lru_cache
from typing import Any

import httpx
import orjson

from routing.domain.llm import ChatMessage, ChatOptions, ListPrice, Priced, Usage, cost
from routing.domain.rules import ModelRef
from routing.llm.providers.base import Credential, Provider, ProviderRequest
from routing.llm.providers.finish_reasons import FinishReason, read_finish
from routing.llm.providers.litellm_wire import split_lines
from routing.llm.providers.registry import PROVIDERS
from routing.llm.providers.usage import clean_usage

# LiteLLM ends streams that repeat a piece a hundred times: a ruler, a table, a long row of letters.
os.environ.setdefault("REPEATED_STREAMING_CHUNK_LIMIT", str(10**9))
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it fetches prices over HTTP
os.environ.setdefault("LITELLM_MODE", "PRODUCTION")  # else it reads .env into our environment
os.environ["MAX_IMAGE_URL_DOWNLOAD_SIZE_MB"] = "0"  # else it fetches addresses in callers' messages
import litellm  # the variables count at this import only
from litellm.exceptions import UnsupportedParamsError
from litellm.litellm_core_utils import core_helpers
from litellm.llms.custom_httpx import http_handler
from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients
from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler
from litellm.types.utils import LlmProviders
from litellm.utils import ProviderConfigManager, get_optional_params

__all__ = [  # for our own modules
    "AsyncHTTPHandler",
    "LlmProviders",
    "ProviderConfigManager",
    "UnsupportedParamsError",
    "close_litellm_async_clients",
    "litellm",
]

_STREAM: Mapping[str, Any] = {"stream": True}


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


@lru_cache(maxsize=256)
def supported_parameters(litellm_name: str) -> Sequence[str]:
    """OpenAI's parameters that the model understands, as far as LiteLLM knows."""
    return tuple(litellm.get_supported_openai_params(model=litellm_name) or ())


@lru_cache(maxsize=1024)
def understands(litellm_name: str, option: str, encoded: bytes) -> bool:
    """Whether LiteLLM would send the option, with this value in JSON. Its list of supported parameters
    names some that it refuses afterwards."""
    name, provider, *_ = lookup(litellm_name)
    given = {option: orjson.loads(encoded)}
    try:
        get_optional_params(model=name, custom_llm_provider=provider, drop_params=False, **given)
    except UnsupportedParamsError:
        return False
    return True


def continues(litellm_name: str) -> bool:
    """Whether the model continues a partial answer, as far as LiteLLM knows."""
    listed = litellm.model_cost.get(litellm_name.partition("/")[2] or litellm_name)
    return bool(listed and listed.get("supports_assistant_prefill"))


def wire_messages(messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    """Messages in OpenAI's form. Copies: LiteLLM writes into them."""
    return [
        deepcopy(dict(message.form))
        if message.form
        else {"role": message.role, "content": message.content}
        for message in messages
    ]


def limited_options(model: ModelRef, options: ChatOptions) -> dict[str, Any]:
    """The parameters with the model's limit for its answer, where it is the lower one."""
    limits = [limit for limit in (model.max_output_tokens, options.get("max_tokens")) if limit]
    return {**options, "max_tokens": min(limits)} if limits else dict(options)


def build_request(
    provider: Provider,
    model: ModelRef,
    messages: Sequence[ChatMessage],
    credential: Credential | None,
    options: Mapping[str, Any] = _STREAM,
) -> ProviderRequest:
    """The request for a streamed answer, or for one by ``options`` (OpenAI's parameters). Raises
    LiteLLM's errors."""
    name, _, key, base = lookup(model.litellm_name)
    if credential:
        key, base = credential.api_key or key, credential.base_url or base
    given = {
        "model": name,
        "messages": wire_messages(messages),
        "optional_params": _parameters(model, options),
        "litellm_params": {},
    }
    transformation = _transformation(provider.name, name)
    headers = transformation.validate_environment(
        headers={},
        api_key=key or litellm.get_secret_str(provider.key_variable),
        api_base=base,
        **given,
    )
    body = transformation.transform_request(headers=headers, **given)
    body = {**body.pop("extra_body", {}), **body}
    url = provider.endpoint(base)
    return ProviderRequest(url, headers, body, provider, model.timeouts, model.ends_without_finish)


@lru_cache(maxsize=256)
def _transformation(provider: str, name: str) -> Any:
    return ProviderConfigManager.get_provider_chat_config(name, LlmProviders(provider))


def _parameters(model: ModelRef, options: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters beside the messages; a new object each time, because LiteLLM writes into it."""
    encoded = orjson.dumps(limited_options(model, options))
    parameters: dict[str, Any] = orjson.loads(_translated(model.litellm_name, encoded))
    return parameters


@lru_cache(maxsize=256)
def _translated(litellm_name: str, encoded: bytes) -> bytes:
    """JSON of OpenAI's parameters in the provider's; the same for every question."""
    name, provider, *_ = lookup(litellm_name)
    options = orjson.loads(encoded)
    if options.get("stream") and "stream_options" in supported_parameters(litellm_name):
        options["stream_options"] = {"include_usage": True}
    translated = get_optional_params(
        model=name, custom_llm_provider=provider, drop_params=True, **options
    )
    translated.pop("json_mode", None)  # passes between LiteLLM's own functions only
    return orjson.dumps(translated)


@contextmanager
def refusals_named(litellm_name: str) -> Iterator[None]:
    """Raise an error status of a provider as LiteLLM's class for it."""
    try:
        yield
    except httpx.HTTPStatusError as status_error:
        name, provider, *_ = lookup(litellm_name)
        error = _transformation(provider, name).get_error_class(
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
    usage = Usage(told.prompt_tokens, told.completion_tokens)
    # An answer has at least a token of either: LiteLLM writes 0 for what was not told.
    return priced(model, usage, told) if usage.input_tokens and usage.output_tokens else None


def _told(litellm_name: str, reported: Any) -> Any:
    """LiteLLM's object, which its prices need for cached tokens; ``None`` without both counts."""
    ours = isinstance(reported, litellm.Usage)
    counts = clean_usage(reported.model_dump() if ours else reported)
    if not {"prompt_tokens", "completion_tokens"} <= counts.keys():
        return None
    name, provider, *_ = lookup(litellm_name)
    calculate = None if ours else getattr(_transformation(provider, name), "calculate_usage", None)
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
    return f"LiteLLM's list has no such model of {provider}: check the spelling"


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
