"""Requests for the fast lane, as LiteLLM's own transformations write them, and its names for refusals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import httpx
import orjson

from routing.domain.rules import ModelRef
from routing.llm.providers.connections import Credential
from routing.llm.providers.http_stream import WireRequest
from routing.llm.providers.litellm import (
    LlmProviders,
    ProviderConfigManager,
    get_optional_params,
    litellm,
)
from routing.llm.providers.wire_formats import ANTHROPIC, OPENAI, WireFormat

_FORMATS: Mapping[str, WireFormat] = {"openai": OPENAI, "anthropic": ANTHROPIC}
_STREAM: Mapping[str, Any] = {"stream": True}
_ANTHROPIC_URL = "https://api.anthropic.com"


@lru_cache(maxsize=256)
def has_fast_lane(litellm_name: str) -> bool:
    """Whether its answers have one of the two wire formats. OpenAI's models that know its Responses API
    alone do not; LiteLLM translates for them. Raises LiteLLM's error for a name it does not know."""
    model, provider, *_ = litellm.get_llm_provider(litellm_name)
    listed = litellm.model_cost.get(model, {})
    return provider in _FORMATS and listed.get("mode", "chat") == "chat"


def wire_request(
    model: ModelRef,
    messages: Sequence[Mapping[str, str]],
    credentials: Mapping[str, Credential],
    wanted: Mapping[str, Any] = _STREAM,
) -> WireRequest:
    """The request that asks ``model`` for a streamed answer, or for one as ``wanted`` says, in OpenAI's
    parameters. Raises LiteLLM's errors."""
    name, provider, key, base = _known(model.litellm_name)
    if credential := credentials.get(provider):
        key, base = credential.api_key or key, credential.base_url or base
    key = key or litellm.get_secret_str(f"{provider.upper()}_API_KEY")
    given = {
        "model": name,
        "messages": [dict(message) for message in messages],
        "optional_params": _parameters(model, wanted),
        "litellm_params": {},
    }
    config = _config(provider, name)
    headers = config.validate_environment(headers={}, api_key=key, api_base=base, **given)
    body = config.transform_request(headers=headers, **given)
    return WireRequest(
        url=_url(provider, base, config, name),
        headers=headers,
        body={**body.pop("extra_body", {}), **body},
        format=_FORMATS[provider],
        timeouts=model.timeouts,
    )


@contextmanager
def named(litellm_name: str) -> Iterator[None]:
    """Raise a provider's refusal under the name that LiteLLM has for it."""
    try:
        yield
    except httpx.HTTPStatusError as refused:
        name, provider, *_ = _known(litellm_name)
        told = _config(provider, name).get_error_class(
            error_message=str(refused),
            status_code=refused.response.status_code,
            headers=refused.response.headers,
        )
        told.__cause__ = refused
        raise _named(told, name, provider) from told


def _named(told: Exception, name: str, provider: str) -> Exception:
    try:
        litellm.exception_type(model=name, original_exception=told, custom_llm_provider=provider)
    except Exception as exc:  # noqa: BLE001 - what it is for is to raise, and all its classes differ
        return exc
    return told


def told_usage(litellm_name: str, told: Mapping[str, Any] | None) -> Any:
    """The provider's usage as LiteLLM's prices understand it, cached tokens included."""
    if not told:
        return None
    name, provider, *_ = _known(litellm_name)
    if provider == "anthropic":
        return _config(provider, name).calculate_usage(
            usage_object=dict(told), reasoning_content=None
        )
    return litellm.Usage(**told)


@lru_cache(maxsize=256)
def _known(litellm_name: str) -> Any:
    """The provider's own name of a model, the provider, and its key and address in the environment. Raises
    LiteLLM's error for a name it does not know."""
    return litellm.get_llm_provider(litellm_name)


@lru_cache(maxsize=256)
def _config(provider: str, name: str) -> Any:
    return ProviderConfigManager.get_provider_chat_config(name, LlmProviders(provider))


def _parameters(model: ModelRef, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent beside the messages, new for each request: LiteLLM writes into it."""
    asked = orjson.dumps({**wanted, **limit(model)})
    parameters: dict[str, Any] = orjson.loads(_translated(model.litellm_name, asked))
    return parameters


def limit(model: ModelRef) -> dict[str, int]:
    """How much it may say, in OpenAI's parameters."""
    return {"max_tokens": model.max_output_tokens} if model.max_output_tokens else {}


@lru_cache(maxsize=256)
def _translated(litellm_name: str, asked: bytes) -> bytes:
    """JSON of OpenAI's parameters in the provider's; the same for every question."""
    name, provider, *_ = _known(litellm_name)
    wanted = orjson.loads(asked)
    if wanted.get("stream") and "stream_options" in supported(litellm_name):
        wanted["stream_options"] = {"include_usage": True}
    given = get_optional_params(
        model=name, custom_llm_provider=provider, drop_params=True, **wanted
    )
    given.pop("json_mode", None)  # a word between LiteLLM's own functions
    return orjson.dumps(given)


@lru_cache(maxsize=256)
def supported(litellm_name: str) -> Sequence[str]:
    """OpenAI's parameters that the model understands, as far as LiteLLM knows."""
    return tuple(litellm.get_supported_openai_params(model=litellm_name) or ())


def _url(provider: str, base: str | None, config: Any, name: str) -> str:
    if provider == "anthropic":  # LiteLLM adds the path elsewhere
        root = (base or _ANTHROPIC_URL).rstrip("/").removesuffix("/v1/messages").removesuffix("/v1")
        return f"{root}/v1/messages"
    return str(
        config.get_complete_url(
            api_base=base, api_key=None, model=name, optional_params={}, litellm_params={}
        )
    )
