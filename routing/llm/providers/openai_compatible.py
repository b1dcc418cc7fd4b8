"""OpenAI's chat completions, and all servers that speak the same format.

Source: OpenAI's API reference, "The chat completion object" and "Chat completion chunk".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from routing.domain.errors import ContextTooLong, ProviderError
from routing.llm.providers.answer_text import Content, read_content
from routing.llm.providers.base import (
    AnswerPiece,
    CallPiece,
    Credential,
    EventError,
    WholeAnswer,
    merge_usage,
)
from routing.llm.providers.finish_reasons import FinishReason, read_choice
from routing.llm.providers.logprobs import read_logprobs
from routing.llm.providers.refusals import is_refusal

_FLAT_REFUSALS = ("code", "base_resp", "promptFeedback", "prompt_feedback")
_PLAIN_EVENT = frozenset({
    "choices", "created", "id", "model", "object", "obfuscation", "service_tier", "system_fingerprint", "usage",
})  # fmt: skip
_PLAIN_CHOICE = frozenset({"delta", "finish_reason", "index", "logprobs"})
_PLAIN_DELTA = frozenset({"content", "role"})


class OpenAICompatible:
    """See ``Provider``. The base URL ends with ``/v1``."""

    name: ClassVar[str] = "openai"
    title: ClassVar[str] = "OpenAI"
    key_variable: ClassVar[str] = "OPENAI_API_KEY"
    url_variable: ClassVar[str] = "OPENAI_BASE_URL"
    url_suffix: ClassVar[str] = "/v1"
    litellm_client: ClassVar[Literal["handler", "openai_sdk"]] = "openai_sdk"
    error_words: ClassVar[Mapping[str, type[ProviderError]]] = {
        "context_length_exceeded": ContextTooLong,
    }

    def endpoint(self, base_url: str | None) -> str:
        """See ``Provider``."""
        root = (base_url or "https://api.openai.com/v1").rstrip("/")
        return root if "chat/completions" in root else f"{root}/chat/completions"

    def models_request(self, credential: Credential) -> tuple[str, Mapping[str, str]]:
        """See ``Provider``."""
        root = self.endpoint(credential.base_url).partition("/chat/completions")[0]
        return f"{root}/models", {"Authorization": f"Bearer {credential.api_key}"}

    def stream(self) -> OpenAIStream:
        """See ``Provider``."""
        return OpenAIStream()

    def whole(self, answer: Mapping[str, Any]) -> WholeAnswer:
        """See ``Provider``."""
        _raise_error(answer)
        choice = answer["choices"][0]
        if choice.get("error"):
            raise EventError(choice)
        message = choice["message"]
        content = read_content(message.get("content"))
        refused = content.refused or message.get("refusal")
        finish = FinishReason.FILTERED if refused else read_choice(choice)
        calls = read_calls(message.get("tool_calls"), whole=True)
        piece = AnswerPiece(
            content.text, _thought(message, content), calls, read_logprobs(choice.get("logprobs"))
        )
        return WholeAnswer(piece, finish, answer.get("usage"))


class OpenAIStream:
    """See ``StreamReader``: reads chunks of a chat completion."""

    def __init__(self) -> None:
        self.finish: FinishReason | None = None
        self.usage: dict[str, Any] | None = None
        self.done = False
        self._refused = False

    def read(self, event: Mapping[str, Any]) -> AnswerPiece | None:
        """See ``StreamReader``."""
        if text := _plain_text(event):
            return AnswerPiece(text)
        _raise_error(event)
        self.usage = merge_usage(self.usage, event.get("usage"))
        choices = event.get("choices")
        if not choices:
            return None
        if choices[0].get("error"):
            raise EventError(choices[0])
        delta = choices[0].get("delta") or {}
        content = read_content(delta.get("content"))
        # A refusal has its own field; the finish reason that follows says "stop".
        self._refused = self._refused or content.refused or bool(delta.get("refusal"))
        if finish := read_choice(choices[0]):
            self.finish = FinishReason.FILTERED if self._refused else finish
        thought = _thought(delta, content)
        calls = read_calls(delta["tool_calls"]) if delta.get("tool_calls") else ()
        if not (content.text or calls or thought or content.thinks):
            return None
        logprobs = choices[0].get("logprobs")
        return AnswerPiece(
            content.text, thought, calls, read_logprobs(logprobs) if logprobs else ()
        )


def _plain_text(event: Mapping[str, Any]) -> str:
    """Fast path: the text of an event that has nothing else, as most have; empty for all others."""
    choices = event.get("choices")
    if type(choices) is not list or len(choices) != 1 or event.get("usage") is not None:
        return ""
    choice = choices[0]
    if type(choice) is not dict or not event.keys() <= _PLAIN_EVENT:
        return ""
    delta = choice.get("delta")
    if type(delta) is not dict or not choice.keys() <= _PLAIN_CHOICE:
        return ""
    if choice.get("finish_reason") is not None or choice.get("logprobs") is not None:
        return ""
    text = delta.get("content")
    return text if type(text) is str and delta.keys() <= _PLAIN_DELTA else ""


def read_calls(listed: Any, *, whole: bool = False) -> tuple[CallPiece, ...]:
    """The tool calls of a message, or the pieces of a delta. Raises ``MALFORMED`` for other JSON."""
    return tuple(_call(call, place if whole else call.get("index"))
                 for place, call in enumerate(listed or ()))  # fmt: skip


def _call(call: Any, index: Any) -> CallPiece:
    known = index if isinstance(index, int | str) else None
    if custom := call.get("custom"):
        return CallPiece(
            known, call.get("id"), custom.get("name"), custom.get("input"), custom=True
        )
    function = call.get("function") or {}
    return CallPiece(known, call.get("id"), function.get("name"), function.get("arguments"))


def _thought(message: Mapping[str, Any], content: Content) -> str:
    """The text of a thought, from whichever field the server has for it."""
    said = message.get("reasoning_content") or message.get("reasoning")
    return said if isinstance(said, str) else content.thought


def _raise_error(answer: Mapping[str, Any]) -> None:
    """Raise ``EventError`` for an answer or event that is an error.

    A refusal may come flat: with its code beside the other fields, and without any choice.
    """
    flat = not answer.get("choices") and any(map(answer.get, _FLAT_REFUSALS))
    if answer.get("error") or (flat and is_refusal(answer)):
        raise EventError(answer)
