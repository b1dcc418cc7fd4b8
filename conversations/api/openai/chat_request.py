"""Request of ``POST /v1/chat/completions``: read strictly; each parameter is honoured, or refused by name.

The field's names and meanings are OpenAI's (API reference, "Create chat completion").
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr

from conversations.api.openai.errors import ParameterFault
from conversations.api.openai.parameters import read_parameters
from conversations.domain.api_keys import ROUTED
from conversations.engine.types import CallerChat
from routing.domain.llm import ChatMessage

MAX_MESSAGES, MAX_STOPS = 2_048, 4
NEUTRAL: Mapping[str, Collection[Any]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "modalities": (["text"],),
    "response_format": ({"type": "text"},),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "web_search_options": (),
    "audio": (),
    "top_k": (),
    "min_p": (),
}
"""Known parameters that are not supported, with the values that ask for nothing; null is one too."""
WITHOUT_EFFECT = frozenset(
    {
        "store",
        "metadata",
        "service_tier",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "prediction",
    }
)
"""Accepted for the clients' sake: they change no answer here."""
_MODEL_OPTIONS = (
    "temperature",
    "top_p",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "reasoning_effort",
    "verbosity",
)
_HARMLESS = {"presence_penalty": 0, "frequency_penalty": 0, "logit_bias": {}}
"""Values that ask the model for nothing: they are not sent."""

Number = Annotated[float, Field(strict=True)]
Tokens = Annotated[StrictInt, Field(ge=1, le=10_000_000)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["text"]
    text: StrictStr


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Literal["system", "developer", "user", "assistant"]
    content: StrictStr | Annotated[list[_Part], Field(min_length=1)]

    @property
    def text(self) -> str:
        """The content's text."""
        if isinstance(self.content, str):
            return self.content
        return "".join(part.text for part in self.content)

    def chat_message(self) -> ChatMessage:
        """The message as models are asked: ``developer`` is OpenAI's newer word for ``system``."""
        return ChatMessage("system" if self.role == "developer" else self.role, self.text)


class _StreamOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    include_usage: StrictBool = False
    include_obfuscation: StrictBool = False


class CompletionRequest(BaseModel):
    """The body. Unknown fields are refused by ``parse_completion_request``, which names them."""

    model_config = ConfigDict(extra="forbid")

    model: Annotated[StrictStr, Field(min_length=1, max_length=96)]
    messages: Annotated[list[_Message], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: StrictBool | None = None
    stream_options: _StreamOptions | None = None
    max_completion_tokens: Tokens | None = None
    max_tokens: Tokens | None = None
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Number, Field(ge=0, le=1)] | None = None
    stop: (
        Annotated[StrictStr, Field(max_length=256)]
        | Annotated[
            list[Annotated[StrictStr, Field(min_length=1, max_length=256)]],
            Field(max_length=MAX_STOPS),
        ]
        | None
    ) = None
    seed: StrictInt | None = None
    presence_penalty: Annotated[Number, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[Number, Field(ge=-2, le=2)] | None = None
    logit_bias: (
        Annotated[dict[str, Annotated[Number, Field(ge=-100, le=100)]], Field(max_length=1_024)]
        | None
    ) = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    user: Annotated[StrictStr, Field(max_length=512)] | None = None
    safety_identifier: Annotated[StrictStr, Field(max_length=512)] | None = None

    @property
    def requested_model(self) -> str:
        """The model that was asked for by name; empty where the rules choose."""
        return "" if self.model == ROUTED else self.model

    @property
    def prompt(self) -> str:
        """The text of the last user message."""
        return next(message.text for message in reversed(self.messages) if message.role == "user")

    @property
    def prompt_path(self) -> str:
        """The place of that text in the body."""
        places = (at for at, message in enumerate(self.messages) if message.role == "user")
        return f"messages[{max(places)}].content"

    @property
    def options(self) -> dict[str, Any]:
        """The parameters for the model, without those that ask for nothing."""
        given = {name: getattr(self, name) for name in _MODEL_OPTIONS}
        given["max_tokens"] = self.max_completion_tokens or self.max_tokens
        given["stop"] = given["stop"] or None
        return {
            name: value
            for name, value in given.items()
            if value is not None and _HARMLESS.get(name) != value
        }

    def caller_chat(self) -> CallerChat:
        """The chat for the engine."""
        options = self.options
        return CallerChat(
            messages=tuple(message.chat_message() for message in self.messages),
            options=options,
            plain=len(self.messages) == 1 and not options,
        )


def parse_completion_request(body: Any, *, lenient: bool) -> tuple[CompletionRequest, list[str]]:
    """The request, and the names of the parameters that were dropped, which needs ``lenient``. Raises
    ``ParameterFault``."""
    request, strange = read_parameters(
        CompletionRequest, body, NEUTRAL, WITHOUT_EFFECT, lenient=lenient
    )
    _check_together(request)
    return request, strange


def _check_together(request: CompletionRequest) -> None:
    limits = {request.max_completion_tokens, request.max_tokens} - {None}
    if len(limits) > 1:
        raise ParameterFault("max_tokens", "It differs from max_completion_tokens.")
    if request.stream_options and not request.stream:
        raise ParameterFault("stream_options", "It is for streams only.")
    speakers = [message.role for message in request.messages if message.role != "system"]
    last = next((role for role in reversed(speakers) if role != "developer"), None)
    if last != "user":
        at = len(request.messages) - 1
        detail = "The last message beside instructions must be the user's."
        raise ParameterFault(f"messages[{at}].role", detail, "unsupported_value")
