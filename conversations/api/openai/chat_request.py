"""Request of ``POST /v1/chat/completions``: read strictly; each parameter is honoured, or refused by name.

The field's names and meanings are OpenAI's (API reference, "Create chat completion").
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, StrictBool, StrictInt, StrictStr

from conversations.api.openai.chat_messages import (
    InstructionMessage,
    Message,
    Strict,
    UserMessage,
)
from conversations.api.openai.chat_order import check_order, results_at_end
from conversations.api.openai.errors import ParameterFault
from conversations.api.openai.helper_prompts import helper_prompt
from conversations.api.openai.parameters import INTEGRAL, read_parameters
from conversations.api.openai.tools import (
    ResponseFormat,
    ToolChoice,
    Tools,
    check_tools,
)
from conversations.domain.api_keys import ROUTED
from conversations.engine.types import CallerChat
from routing.domain.llm import ChatMessage

MAX_MESSAGES, MAX_STOPS = 8_192, 4
HELPER_TOKENS = 400
"""The longest answer to a front end's helper prompt."""
NEUTRAL: Mapping[str, Collection[Any]] = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "modalities": (["text"],),
    "response_format": ({"type": "text"},),
    "tools": ([],),
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
        "service_tier",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "prediction",
    }
)
"""Accepted for the clients' sake: they change no answer here."""
_MODEL_OPTIONS = {
    "temperature",
    "top_p",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "reasoning_effort",
    "verbosity",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "logprobs",
    "top_logprobs",
}
_HARMLESS: Mapping[str, Collection[Any]] = {
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "stop": ([], ""),
    "tool_choice": ("auto",),
    "parallel_tool_calls": (True,),
}
"""Values that ask the model for nothing: they are not sent."""
_PLAIN: Collection[Mapping[str, Any]] = ({}, {"temperature": 1})
"""Options under which a model answers as it does without any."""

Number = Annotated[float, Field(strict=True)]
Tokens = Annotated[StrictInt, Field(ge=1, le=10_000_000), INTEGRAL]
Metadata = Annotated[
    dict[Annotated[StrictStr, Field(max_length=64)], Annotated[StrictStr, Field(max_length=512)]],
    Field(max_length=16),
]
"""The client's own notes on its request: they go to the log and the trace."""


class StreamOptions(Strict):
    include_usage: StrictBool | None = None
    include_obfuscation: StrictBool | None = None


class CompletionRequest(Strict):
    """The body. Unknown fields are refused by ``parse_completion_request``, which names them."""

    model: Annotated[StrictStr, Field(min_length=1, max_length=96)]
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: StrictBool | None = None
    stream_options: StreamOptions | None = None
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
    seed: Annotated[StrictInt, Field(ge=-(2**63), le=2**63 - 1), INTEGRAL] | None = None
    presence_penalty: Annotated[Number, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[Number, Field(ge=-2, le=2)] | None = None
    logit_bias: (
        Annotated[dict[str, Annotated[Number, Field(ge=-100, le=100)]], Field(max_length=1_024)]
        | None
    ) = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None
    tools: Tools | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: StrictBool | None = None
    response_format: ResponseFormat | None = None
    logprobs: StrictBool | None = None
    top_logprobs: Annotated[StrictInt, Field(ge=0, le=20), INTEGRAL] | None = None
    metadata: Metadata | None = None
    user: Annotated[StrictStr, Field(max_length=512)] | None = None
    safety_identifier: Annotated[StrictStr, Field(max_length=512)] | None = None

    @property
    def requested_model(self) -> str:
        """The model that was asked for by name; empty where the rules choose."""
        return "" if self.model == ROUTED else self.model

    @property
    def prompt(self) -> str:
        """The last text of the user's, or of the last instructions where there is nothing else; perhaps blank."""
        asked = self._asked[1]
        return asked.text if isinstance(asked, UserMessage | InstructionMessage) else ""

    @property
    def prompt_path(self) -> str:
        """The place of that text in the body."""
        return f"messages[{self._asked[0]}].content"

    @property
    def asks_without_words(self) -> bool:
        """Whether the user wrote nothing: a picture or a file alone, a blank, or a chat of a tool's results."""
        return not self.prompt.strip()

    @property
    def _asked(self) -> tuple[int, Message]:
        """The last message of the user's that says something, with its place; else the last of all."""
        places = [*enumerate(self.messages)][::-1]
        users = [(at, each) for at, each in places if isinstance(each, UserMessage)]
        said = (one for one in users if one[1].text.strip() or one[1].has_more_than_text)
        return next(said, (users or places)[0])

    @property
    def options(self) -> dict[str, Any]:
        """The parameters for the model, in plain JSON, without those that ask for nothing."""
        body = self.model_dump(include=_MODEL_OPTIONS, exclude_none=True, by_alias=True)
        if limit := self.max_completion_tokens or self.max_tokens:
            body["max_tokens"] = limit
        if not self.tools:
            for name in ("parallel_tool_calls", "tool_choice"):
                body.pop(name, None)
        return {name: value for name, value in body.items() if value not in _HARMLESS.get(name, ())}

    @property
    def forces_form(self) -> bool:
        """Whether the client reads JSON or a tool call, and no text: a refusal has a field of its own."""
        return self.response_format is not None or not (
            self.tool_choice is None or self.tool_choice in ("none", "auto")
        )

    def caller_chat(self, end_user: str = "") -> CallerChat:
        """The chat for the engine."""
        options, messages = self.options, [message.chat_message() for message in self.messages]
        if {message.role for message in messages} == {"system"}:
            # Some providers answer no chat without a message of the user's.
            messages[-1] = ChatMessage("user", messages[-1].content)
        system = next((each.content for each in messages if each.role == "system"), "")
        helper = helper_prompt(system, self.prompt)
        if helper and not self.requested_model:
            options = _for_helper(options)
        rich = helper or self.asks_without_words or any(message.form for message in messages)
        plain = not rich and options in _PLAIN
        return CallerChat(
            messages=tuple(messages),
            options=options,
            plain=plain,
            context=_digest(messages, self._asked[0]) if plain and len(messages) > 1 else "",
            end_user=end_user,
            results=tuple(results_at_end(self.messages)),
            streams=bool(self.stream),
            helper=helper,
        )


def _for_helper(options: Mapping[str, Any]) -> dict[str, Any]:
    """Without tools, and with a limit: a title has a line."""
    tools = {"tools", "tool_choice", "parallel_tool_calls"}
    kept = {name: value for name, value in options.items() if name not in tools}
    return kept | {"max_tokens": min(kept.get("max_tokens", HELPER_TOKENS), HELPER_TOKENS)}


def _digest(messages: Sequence[ChatMessage], prompt: int) -> str:
    """Equal for the same messages around the prompt, which is at index ``prompt``."""
    said = [None if at == prompt else (each.role, each.content) for at, each in enumerate(messages)]
    return hashlib.sha256(orjson.dumps(said)).hexdigest()


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
    if request.top_logprobs is not None and not request.logprobs:
        raise ParameterFault("top_logprobs", "It needs logprobs: true.")
    check_tools(request.tools or (), request.tool_choice)
    check_order(request.messages)
