"""LiteLLM requests: a model's abilities, and a chat in its provider's form, as LiteLLM translates them.

``client`` asks it about abilities and options; it and ``litellm_calls`` send what is built here. Calls
LiteLLM's private functions (``get_optional_params``, a transformation's methods).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from functools import lru_cache
from typing import Any

import orjson

from routing.common.text import is_json_object
from routing.domain.abilities import Ability
from routing.domain.endpoints import parameters_of
from routing.domain.errors import ProviderMisconfigured
from routing.domain.llm import ChatMessage, ChatOptions
from routing.domain.rules import ModelRef
from routing.llm.providers.anthropic import JSON_TOOL
from routing.llm.providers.base import Credential, Provider, ProviderRequest
from routing.llm.providers.litellm import (
    DEFAULT_CHAT_COMPLETION_PARAM_VALUES,
    LlmProviders,
    UnsupportedParamsError,
    get_optional_params,
    litellm,
    lookup,
    supports_pdf_input,
    transformation,
)
from routing.llm.providers.thinking import (
    REASONING,
    WANT_TEXT,
    brings_thinking,
    with_thinking,
)

_STREAM: Mapping[str, Any] = {"stream": True}
_LONGEST_KEPT = 4_096
"""Bytes of parameters whose translation is kept: tools may have megabytes."""
_CUSTOM_TOOLS = frozenset({"openai", "azure"})
_TAKES_CUSTOM = re.compile(r"gpt-(?:[5-9]|[1-9]\d)(?!\d)")
"""Models of OpenAI since GPT-5 take tools whose input is any text; LiteLLM's list does not say so."""
_LEAST_BUDGET = 1_024
"""Tokens of thinking that providers with a budget demand at least."""
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    Ability.TOOLS: ("tools", "tool_choice", "parallel_tool_calls"),
    Ability.JSON_SCHEMA: ("response_format",),
    Ability.LOGPROBS: ("logprobs", "top_logprobs"),
    Ability.REASONING: ("reasoning_effort",),
}
"""OpenAI's parameters of an ability, the telling one first."""
_CHECKS: Mapping[str, Callable[[str, str], bool]] = {
    Ability.TOOLS: litellm.supports_function_calling,
    Ability.JSON_SCHEMA: litellm.supports_response_schema,
    Ability.IMAGE_INPUT: litellm.supports_vision,
    Ability.FILE_INPUT: supports_pdf_input,
    Ability.AUDIO_INPUT: litellm.supports_audio_input,
    Ability.REASONING: litellm.supports_reasoning,
}


OPENAI_PARAMETERS = frozenset(DEFAULT_CHAT_COMPLETION_PARAM_VALUES)
"""The parameters of OpenAI's chats that LiteLLM translates."""


@lru_cache(maxsize=256)
def supported_parameters(litellm_name: str) -> Sequence[str]:
    """OpenAI's parameters that the model understands, as far as LiteLLM knows."""
    return tuple(litellm.get_supported_openai_params(model=litellm_name) or ())


@lru_cache(maxsize=256)
def known_abilities(litellm_name: str) -> frozenset[str]:
    """The abilities that LiteLLM's list has of the model. Of a name that it does not have, a server of the
    operator's perhaps, those whose parameters it would send."""
    try:
        name, provider, *_ = lookup(litellm_name)
        sent = supported_parameters(litellm_name)
    except Exception:  # noqa: BLE001 - a name of no provider fails by its own error when it is asked
        return frozenset()
    if not (litellm.model_cost.get(litellm_name) or litellm.model_cost.get(name)):
        return frozenset(ability for ability, options in _OPTIONS.items() if options[0] in sent)
    known = {ability for ability, check in _CHECKS.items() if check(name, provider)}
    if Ability.TOOLS in known and provider in _CUSTOM_TOOLS and _TAKES_CUSTOM.match(name):
        known.add(Ability.CUSTOM_TOOLS)
    return frozenset(known | ({Ability.LOGPROBS} if "logprobs" in sent else set()))


def options_of(abilities: Collection[str]) -> frozenset[str]:
    """OpenAI's parameters that a model with these abilities understands, whatever LiteLLM knows of it."""
    able = (options for ability, options in _OPTIONS.items() if ability in abilities)
    return frozenset(option for options in able for option in options)


def understands(litellm_name: str, option: str, value: Any) -> bool:
    """Whether LiteLLM would send the option, with this value. Its list of supported parameters names some
    that it refuses afterwards."""
    encoded = orjson.dumps({option: value})
    return bool(_kept(_understands, encoded)(litellm_name, encoded))


@lru_cache(maxsize=1024)
def _understands(litellm_name: str, encoded: bytes) -> bool:
    name, provider, *_ = lookup(litellm_name)
    given = orjson.loads(encoded)
    try:
        get_optional_params(model=name, custom_llm_provider=provider, drop_params=False, **given)
    except UnsupportedParamsError:
        return False
    return True


def _kept(cached: Any, encoded: bytes) -> Any:
    return cached if len(encoded) <= _LONGEST_KEPT else cached.__wrapped__


def wire_messages(model: ModelRef, messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    """Messages in OpenAI's form, with the thoughts that the model's provider has made. Copies: LiteLLM
    writes into them."""
    provider = lookup(model.litellm_name)[1]
    forms = []
    for message in messages:
        form = (
            _plain_form(deepcopy(dict(message.form)))
            if message.form
            else {"role": message.role, "content": message.content}
        )
        if provider not in WANT_TEXT:  # others refuse the field, or bill it
            form.pop(REASONING, None)
        if message.thinking and _thinks(model):
            form = with_thinking(form, message, provider)
        forms.append(form)
    return forms


def _thinks(model: ModelRef) -> bool:
    return Ability.REASONING in (model.abilities or known_abilities(model.litellm_name))


def _plain_form(form: dict[str, Any]) -> dict[str, Any]:
    """The message in the form that every translation of LiteLLM's takes: a refusal as text, and arguments
    of calls that are an object of JSON; a model's half ones it refuses."""
    if form.get("refusal") and not form.get("content"):
        form["content"] = form["refusal"]
    form.pop("refusal", None)
    for call in form.get("tool_calls") or ():
        function = call.get("function") or {}
        if function.get("arguments") and not is_json_object(function["arguments"]):
            function["arguments"] = orjson.dumps({"invalid": function["arguments"]}).decode()
    return form


def fitted_options(
    model: ModelRef, options: ChatOptions, messages: Sequence[ChatMessage] = ()
) -> dict[str, Any]:
    """The parameters with the model's own where the request has none, with its limit for its answer, where it
    is the lower one, and with thinking that fits into it and to the chat."""
    options = _with_callable_tools(model, {**own_options(model), **options})
    limits = [limit for limit in (model.max_output_tokens, options.get("max_tokens")) if limit]
    fitted = {**options, "max_tokens": min(limits)} if limits else dict(options)
    thinking = _parameters(model, fitted).get("thinking") if "reasoning_effort" in options else None
    if not thinking:
        return fitted
    # A model that thinks in blocks wants them back with its calls, and can't be forced to call.
    forced = options.get("tool_choice") not in (None, "auto", "none")
    called = bool(messages) and messages[-1].role == "tool"
    bare = called and not brings_thinking(messages, lookup(model.litellm_name)[1])
    limit = fitted.get("max_tokens") or _LEAST_BUDGET + 1
    if forced or bare or limit <= _LEAST_BUDGET:
        del fitted["reasoning_effort"]
    elif fitted.get("max_tokens") and (thinking.get("budget_tokens") or 0) >= limit:
        del fitted["reasoning_effort"]
        fitted["thinking"] = {**thinking, "budget_tokens": max(_LEAST_BUDGET, limit // 2)}
    return fitted


def own_options(model: ModelRef) -> dict[str, Any]:
    """The parameters that a model has of its own, but for those that it does not understand: one that was
    published must not make each answer fail."""
    return dict(pair for pair in _own_options(model).items() if not _is_strange(model, *pair))


def strange_options(model: ModelRef) -> list[str]:
    """The names of a model's own parameters that LiteLLM does not send to it."""
    return [name for name, value in _own_options(model).items() if _is_strange(model, name, value)]


def _own_options(model: ModelRef) -> dict[str, Any]:
    named = {"temperature": model.temperature, "reasoning_effort": model.reasoning_effort or None}
    own = {name: value for name, value in named.items() if value is not None}
    return {**parameters_of(model.parameters), **own}


def _is_strange(model: ModelRef, name: str, value: Any) -> bool:
    if name in options_of(model.abilities):
        return False
    if name in OPENAI_PARAMETERS:
        return not understands(model.litellm_name, name, value)
    # Beyond OpenAI's: a server of one's own may know it, else the provider's class names it.
    return not model.base_url and name not in _provider_parameters(model.litellm_name)


@lru_cache(maxsize=256)
def _provider_parameters(litellm_name: str) -> frozenset[str]:
    """Parameters of the provider's own that LiteLLM's class for it names."""
    name, provider, *_ = lookup(litellm_name)
    if provider not in {each.value for each in LlmProviders}:
        return frozenset()
    config = getattr(transformation(provider, name), "get_config", dict)
    try:
        return frozenset(config())
    except TypeError:  # newer classes take the model's name
        return frozenset(config(model=name))


def _with_callable_tools(model: ModelRef, options: ChatOptions) -> ChatOptions:
    """The parameters under which tools can be called beside an answer in JSON. LiteLLM asks older models of
    Anthropic for JSON by a tool of its own, and forces that one: the caller's are never called."""
    form = options.get("response_format")
    if not (form and options.get("tools") and _asks_by_tool(model, form)):
        return options
    match options.get("tool_choice"):
        case None | "auto":
            return {**options, "tool_choice": "required"}  # one of the caller's, or the answer
        case "none":
            return {**options, "tool_choice": {"type": "function", "function": {"name": JSON_TOOL}}}
        case _:  # the caller wants a call, and no answer yet
            return {name: value for name, value in options.items() if name != "response_format"}


def _asks_by_tool(model: ModelRef, form: Mapping[str, Any]) -> bool:
    tools = _parameters(model, {"response_format": form}).get("tools")
    return bool(tools) and JSON_TOOL.encode() in orjson.dumps(tools)


def without_marks(
    model: ModelRef, messages: list[dict[str, Any]], options: ChatOptions
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The chat without marks for a cache, where the provider refuses them: LiteLLM's own calls forget to
    take them off."""
    name, provider, *_ = lookup(model.litellm_name)
    known = provider in {each.value for each in LlmProviders}
    translator = transformation(provider, name) if known else None
    strip = getattr(translator, "remove_cache_control_flag_from_messages_and_tools", None)
    if strip is None:
        return messages, dict(options)
    plain, tools = strip(name, messages, deepcopy(options.get("tools")))
    return plain, {**options, "tools": tools} if tools else dict(options)


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
        "messages": wire_messages(model, messages),
        "optional_params": _parameters(model, fitted_options(model, options, messages)),
        "litellm_params": {},
    }
    translator = transformation(provider.name, name)
    headers = translator.validate_environment(
        headers={},
        api_key=key or litellm.get_secret_str(provider.key_variable),
        api_base=base,
        **given,
    )
    try:
        body = translator.transform_request(headers=headers, **given)
    except Exception as exc:  # noqa: BLE001 - of any class, and its message quotes the whole chat
        detail = f"LiteLLM does not translate the messages ({type(exc).__name__})"
        raise ProviderMisconfigured(model.name, detail, status=400) from None
    body = {**body.pop("extra_body", {}), **body}
    url = provider.endpoint(base)
    return ProviderRequest(url, headers, body, provider, model.timeouts, model.ends_without_finish)


def _parameters(model: ModelRef, options: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters beside the messages; a new object each time, because LiteLLM writes into it."""
    encoded = orjson.dumps(options)
    allowed = tuple(sorted(options_of(model.abilities) & options.keys()))
    translate = _kept(_translated, encoded)
    parameters: dict[str, Any] = orjson.loads(translate(model.litellm_name, encoded, allowed))
    return parameters


@lru_cache(maxsize=256)
def _translated(litellm_name: str, encoded: bytes, allowed: tuple[str, ...]) -> bytes:
    """JSON of OpenAI's parameters in the provider's; the same for every question. ``allowed`` are passed
    on whatever LiteLLM knows of the model."""
    name, provider, *_ = lookup(litellm_name)
    options = orjson.loads(encoded)
    if options.get("stream") and "stream_options" in supported_parameters(litellm_name):
        options["stream_options"] = {"include_usage": True}
    translated = get_optional_params(
        model=name,
        custom_llm_provider=provider,
        drop_params=True,
        allowed_openai_params=list(allowed),
        **options,
    )
    translated.pop("json_mode", None)  # passes between LiteLLM's own functions only
    return orjson.dumps(translated)
