"""Finish reasons: the table of all providers' words for the end of an answer.

Read by both ways to an answer, our own and LiteLLM's (whose table it replaces, see ``litellm``). Sources:
the API references of OpenAI, Anthropic, Mistral, Google (Gemini, Vertex AI), Amazon Bedrock, Cohere,
DeepSeek, Zhipu, Alibaba, Baidu, AI21, OpenRouter and watsonx, and the sources of vLLM, SGLang, TGI,
llama.cpp and Ollama.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final


class FinishReason(StrEnum):
    """How an answer ended: its value leaves the LLM layer, in OpenAI's words as far as it has them.

    ``OTHER`` is a word that the table does not have, or one that leaves open whether the answer is
    whole: it is told, and never kept for reuse. ``BROKEN``: the provider gave up; the text is no answer.
    """

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    FILTERED = "content_filter"
    OTHER = "other"
    BROKEN = "error"


_TABLE: Final[Mapping[str, FinishReason]] = {
    word: reason
    for reason, words in {
        FinishReason.STOP: "stop stop_sequence end_turn eos eos_token endoftext complete completed finish "
        "normal stop_criteria_met word",
        FinishReason.LENGTH: "length max_tokens max_output_tokens max_length model_length token_limit limit "
        "time_limit error_limit model_context_window_exceeded incomplete compaction",
        FinishReason.TOOL_CALLS: "tool_calls tool_call tool_use function_call",
        FinishReason.FILTERED: "content_filter content_filtered refusal safety recitation blocklist "
        "prohibited_content spii language sensitive guardrail_intervened error_toxic model_armor "
        "image_safety image_prohibited_content image_recitation escalation",
        # A call of a tool that went wrong is an answer that went wrong.
        FinishReason.BROKEN: "error abort aborted cancel cancelled canceled user_cancel timeout failed "
        "interrupted insufficient_system_resource not_finished unload malformed_function_call "
        "malformed_response malformed_model_output malformed_tool_use unexpected_tool_call "
        "too_many_tool_calls missing_thought_signature",
    }.items()
    for word in words.split()
}
_UNSAID = {"", "null", "none"}
"""Some servers send these words with every chunk before the last."""


def read_finish(reason: Any) -> FinishReason | None:
    """The ending that a provider's word stands for, in any letter case; ``None`` where it says nothing."""
    if not isinstance(reason, str):
        return FinishReason.OTHER if reason else None
    # An enumeration's member may carry its class: "FinishReason.MAX_TOKENS".
    word = reason.strip().casefold().rpartition(".")[2].replace("-", "_").replace(" ", "_")
    if word in _UNSAID:
        return None
    # A word of no table that speaks of an error is one: "network_error", "upstream_error".
    default = FinishReason.BROKEN if "error" in word.split("_") else FinishReason.OTHER
    return _TABLE.get(word, default)


def read_choice(choice: Mapping[str, Any]) -> FinishReason | None:
    """The ending of a choice in OpenAI's format. A router (OpenRouter, LiteLLM) flattens the reason of
    the provider behind it, and sends that beside."""
    told = read_finish(choice.get("finish_reason"))
    native = read_finish(choice.get("native_finish_reason"))
    flattened = told is FinishReason.STOP and native not in {None, FinishReason.OTHER}
    return native if flattened else told
