"""A provider's content policy is known by code and phrase, however the provider tells it."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import Any

import pytest

from routing.domain.errors import ProviderError, ProviderRefused
from routing.domain.rules import ModelRef
from routing.llm.providers.client import ProviderClient
from routing.llm.providers.refusals import is_refusal
from tests.llm.conftest import CLAUDE, GPT
from tests.llm.test_client import ASK, PAINTER, SCHEMA
from tests.llm.wire import Wire, anthropic_frames, event, openai_frames

AZURE = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content"
        " management policy. Please modify your prompt and retry.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}},
    }
}
AZURE_INNER = {
    "error": {"code": 400, "message": "?", "innererror": {"code": "ResponsibleAIPolicyViolation"}}
}
CLAUDES = {
    "type": "error",
    "error": {
        "type": "invalid_request_error",
        "message": "Output blocked by content filtering policy",
    },
}
OPENROUTER = {
    "error": {
        "code": 403,
        "message": 'x-ai/grok-4 requires moderation on xAI. Your input was flagged for "violence".',
        "metadata": {"reasons": ["violence"], "flagged_input": "...", "provider_name": "xAI"},
    }
}
XAI = {
    "code": "The caller does not have permission to execute the specified operation",
    "error": "Content violates usage guidelines. Team: t, Model: grok-4, Failed check: SAFETY",
}


def said(message: str, **more: Any) -> dict[str, Any]:
    """An error in OpenAI's form."""
    return {"error": {"message": message, "type": "invalid_request_error", "code": None, **more}}


REFUSALS: dict[str, dict[str, Any]] = {
    "azure": AZURE,
    "azure, inner code": AZURE_INNER,
    "anthropic": CLAUDES,
    "openrouter": OPENROUTER,
    "openrouter, reasons alone": {"error": OPENROUTER["error"] | {"message": "Forbidden"}},
    "openrouter, another's report": {
        "error": {
            "code": 400,
            "message": "Provider returned error",
            "metadata": {"raw": json.dumps(AZURE), "provider_name": "Azure"},
        }
    },
    "xai": XAI,
    "dashscope": said(
        "Input data may contain inappropriate content.",
        code="data_inspection_failed",
        type="data_inspection_failed",
    ),
    "dashscope, words": said("Output data may contain inappropriate content."),
    "dashscope, native": {"code": "DataInspectionFailed", "message": "?", "request_id": "r"},
    "deepseek": said("Content Exists Risk"),
    "zhipu": said("系统检测到输入或生成内容可能包含不安全或敏感内容", code="1301"),
    "zhipu, code": said("?", code=1301),
    "moonshot": said(
        "The request was rejected because it was considered high risk", type="content_filter"
    ),
    "openai": said("?", code="content_policy_violation"),
    "openai, prompt": said("Invalid prompt: your prompt was flagged.", code="invalid_prompt"),
    "openai, pictures": said(
        "Your request was rejected by the safety system. safety_violations=[violence].",
        type="image_generation_user_error",
        code="moderation_blocked",
    ),
    "openai, pictures, words": said("Your request was rejected as a result of our safety system."),
    "openai, type": said("?", type="safety_violations"),
    "gemini": {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "code": None},
    "gemini, other names": {"prompt_feedback": {"block_reason": "BLOCKLIST"}},
    "gemini, code": said("?", code="SAFETY"),
    "bedrock": said("The generated text has been blocked by our content filters."),
    "minimax": {"base_resp": {"status_code": 1026, "status_msg": "input new_sensitive"}},
    "ark": said("?", code="InputTextSensitiveContentDetected"),
    "a gateway's words": said(
        "litellm.BadRequestError: litellm.ContentPolicyViolationError: AzureException - The response"
        " was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        code="400",
    ),
    "a gateway's JSON": said(f"BadRequestError: AnthropicException - {json.dumps(CLAUDES)}"),
}
OTHERS: dict[str, dict[str, Any]] = {
    "a parameter": said("Unknown parameter: 'content_filter'.", param="content_filter"),
    "a quoted code": said("Invalid value: 'content_policy_violation'. Supported: 'stop'."),
    "a quoted phrase": said(
        "Invalid 'stop': 'Output blocked by content filtering policy' is too long."
    ),
    "quoted JSON": said('Invalid messages[0]: {"error": {"code": "content_filter"}} is no text.'),
    "moderation away": said("The model moderation_blocked does not exist.", code="not_found"),
    "a setting": said("Content filtering policy must be one of: default, strict."),
    "metadata": {"error": {"code": 400, "message": "?", "metadata": {"raw": "bad", "reasons": []}}},
    "validation": {"detail": [{"type": "enum", "msg": "?", "input": {"code": "content_filter"}}]},
}


SENT = (
    "azure",
    "azure, inner code",
    "anthropic",
    "openrouter, reasons alone",
    "xai",
    "deepseek",
    "zhipu, code",
    "openai, pictures",
)
"""One of each shape, which is sent over a socket."""
NESTED = tuple(name for name in SENT if isinstance(REFUSALS[name].get("error"), dict))


@pytest.fixture(params=[True, False], ids=["fast lane", "LiteLLM"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    """Both lanes keep one contract."""
    return bool(request.param)


@pytest.mark.parametrize("report", REFUSALS.values(), ids=REFUSALS)
def test_the_table_knows_each_form(report: dict[str, Any]) -> None:
    assert is_refusal(report)
    assert is_refusal(json.dumps(report))
    assert is_refusal(json.dumps([report]))


@pytest.mark.parametrize("report", OTHERS.values(), ids=OTHERS)
def test_words_alone_are_no_refusal(report: dict[str, Any]) -> None:
    assert not is_refusal(report)
    assert not is_refusal(json.dumps(report))


async def streamed(client: ProviderClient, model: ModelRef) -> None:
    async with aclosing(client.stream(model, ASK)) as chunks:
        async for _ in chunks:
            pass


@pytest.mark.parametrize("model", [GPT, CLAUDE, PAINTER], ids=lambda model: str(model.name))
@pytest.mark.parametrize("name", SENT)
async def test_an_error_status_is_one(
    wired: ProviderClient, wire: Wire, name: str, model: ModelRef
) -> None:
    report = REFUSALS[name]
    wire.answer(report, status=403 if report in (OPENROUTER, XAI) else 400)

    with pytest.raises(ProviderRefused):
        await (wired.image(model, "a box") if model is PAINTER else streamed(wired, model))


@pytest.mark.parametrize("model", [GPT, CLAUDE, PAINTER], ids=lambda model: str(model.name))
@pytest.mark.parametrize("report", OTHERS.values(), ids=OTHERS)
async def test_an_error_about_something_else_is_none(
    wired: ProviderClient, wire: Wire, report: dict[str, Any], model: ModelRef
) -> None:
    wire.answer(report, status=400)

    with pytest.raises(ProviderError) as caught:
        await (wired.image(model, "a box") if model is PAINTER else streamed(wired, model))
    assert not isinstance(caught.value, ProviderRefused)


@pytest.mark.parametrize("texts", [(), ("Half ", "of it")], ids=["first", "midway"])
@pytest.mark.parametrize("name", NESTED)
async def test_an_error_inside_a_stream_is_one(
    wired: ProviderClient,
    wire: Wire,
    name: str,
    texts: tuple[str, ...],
    fast_lane: bool,
) -> None:
    report = REFUSALS[name]
    frame = f"data: {json.dumps(report)}\n\n"
    wire.say(*(openai_frames(*texts, finish=None) if texts else ()), frame)
    with pytest.raises(ProviderRefused):
        await streamed(wired, GPT)

    if not fast_lane and not is_refusal(report["error"]["message"]):
        return  # LiteLLM keeps the message alone
    wire.say(*anthropic_frames(*texts, finish=None), event("error", error=report["error"]))
    with pytest.raises(ProviderRefused):
        await streamed(wired, CLAUDE)


@pytest.mark.parametrize("name", NESTED)
async def test_an_error_in_a_body_with_status_200_is_one(
    wired: ProviderClient, wire: Wire, name: str
) -> None:
    wire.answer(REFUSALS[name])

    with pytest.raises(ProviderRefused):
        await wired.complete_json(GPT, ASK, SCHEMA)
    with pytest.raises(ProviderRefused):
        await wired.image(PAINTER, "a box")
