"""``GET /v1/models`` and ``GET /v1/models/{id}``: the models that the caller may ask for."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse

from conversations.api.authentication import authenticate
from conversations.api.openai.errors import ParameterFault
from conversations.api.responses import json_response, native
from conversations.bootstrap import container
from conversations.domain.api_keys import ROUTED, Caller
from routing.domain.actions import ModelKind, action_for
from routing.domain.errors import ModelUnknown
from routing.domain.rules import ModelRef, RuleSet


@native
async def list_models(request: HttpRequest) -> HttpResponse:
    """``assistant`` first, which the rules answer, then the published models."""
    caller = await authenticate(request)
    return json_response({"object": "list", "data": await _objects(caller)})


@native
async def read_model(request: HttpRequest, model: str) -> HttpResponse:
    """One of them. Unknown and forbidden models are the same."""
    caller = await authenticate(request)
    found = [each for each in await _objects(caller) if each["id"] == model]
    if not found:
        detail = f"There is no model {model[:96]!r} for this key."
        raise ParameterFault("model", detail, "model_not_found")
    return json_response(found[0])


async def _objects(caller: Caller) -> list[dict[str, Any]]:
    await container().llm.loaded()
    release = await container().rules.for_person(caller.user)
    rules = release.rules_for(caller.user)
    answering = [model for model in rules.models if action_for(model.kind)]
    named = [
        *(answering if rules.callers_choose else ()),
        *container().embeddings.offered(rules),
    ]
    objects = [_routed(rules, answering), *(_named(model) for model in named)]
    return [each for each in objects if _is_allowed(caller, each["id"])]


def _is_allowed(caller: Caller, model: str) -> bool:
    try:
        caller.require_model(model)
    except ModelUnknown:
        return False
    return True


def _routed(rules: RuleSet, answering: list[ModelRef]) -> dict[str, Any]:
    chat = [model for model in answering if model.kind is ModelKind.CHAT]
    limits = [model.max_output_tokens for model in chat if model.max_output_tokens]
    return _object(
        ROUTED,
        owner=ROUTED,
        abilities=sorted({ability for model in answering for ability in _abilities(model)}),
        context_tokens=max((model.context_window for model in chat), default=None),
        max_output_tokens=max(limits, default=None),
        provider=None,
        routes=True,
    )


def _named(model: ModelRef) -> dict[str, Any]:
    return _object(
        model.name,
        owner=model.provider,
        abilities=_abilities(model),
        context_tokens=model.context_window,
        max_output_tokens=model.max_output_tokens,
        provider=model.provider,
        routes=False,
    )


def _abilities(model: ModelRef) -> list[str]:
    if model.kind is ModelKind.IMAGE:
        return ["image_output"]
    return sorted(container().llm.abilities(model)) if model.kind is ModelKind.CHAT else []


def _object(name: str, *, owner: str, **assistant: Any) -> dict[str, Any]:
    # The tables do not say when a model came: the API wants a number.
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": owner,
        "assistant": assistant,
    }
