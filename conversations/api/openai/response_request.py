"""Request of ``POST /v1/responses``: read strictly, and translated to the request of a chat completion.

So tools, formats and parts mean the same in both, and a parameter is honoured in both or in neither. The
fields' names and meanings are OpenAI's (API reference, "Create a model response").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StrictBool, StrictStr

from conversations.api.openai.chat_messages import CacheControl, Strict
from conversations.api.openai.chat_request import (
    CompletionRequest,
    Metadata,
    Number,
    Tokens,
    parse_completion_request,
)
from conversations.api.openai.errors import ParameterFault
from conversations.api.openai.items_as_chat import chat_of
from conversations.api.openai.parameters import read_parameters
from conversations.api.openai.response_items import (
    MAX_ITEMS,
    InputItem,
    Item,
    Placed,
    with_type,
)
from conversations.api.openai.tools import (
    MAX_TOOLS,
    Description,
    Function,
    FunctionName,
    Grammar,
    JSONSchema,
    NamedFunction,
    PlainFormat,
    TextFormat,
)
from routing.domain.errors import OptionUnsupported

NEUTRAL: Mapping[str, Collection[Any]] = {
    "conversation": (),
    "prompt": (),
    "moderation": (),
    "context_management": (),
    "include": ([],),
    "tools": ([],),
    "top_logprobs": (0,),
    "text": ({},),
    "reasoning": ({},),
}
"""Known parameters that are not supported, with the values that ask for nothing; null is one too."""
WITHOUT_EFFECT = frozenset(
    {
        "max_tool_calls",
        "stream_options",
        "service_tier",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
    }
)
"""Accepted for the clients' sake: they change no answer here."""
_SAME = (
    "temperature", "top_p", "parallel_tool_calls", "metadata", "user", "safety_identifier",
)  # fmt: skip
"""Parameters with one name in both requests."""
_NAMES = {
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
}
"""Names of chat completions that are others here."""
_TYPES = "function", "custom"
_MESSAGE = re.compile(r"messages\[(\d+)\](.*)", re.DOTALL)


class FunctionDefinition(Function):
    """A function as a tool."""

    type: Literal["function"]
    cache_control: CacheControl | None = None


class FlatGrammar(Grammar):
    """An input of a language."""

    type: Literal["grammar"]


class CustomDefinition(Strict):
    """A tool whose input is a text instead of JSON."""

    type: Literal["custom"]
    name: FunctionName
    description: Description | None = None
    format: Annotated[TextFormat | FlatGrammar, Field(discriminator="type")] | None = None


class ToolOfChoice(NamedFunction):
    """The choice of one tool."""

    type: Literal["function", "custom"]


class SchemaFormat(JSONSchema):
    """Answers are JSON of a schema."""

    type: Literal["json_schema"]


class TextOptions(Strict):
    """The form of the text."""

    format: Annotated[SchemaFormat | PlainFormat, Field(discriminator="type")] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class ReasoningOptions(Strict):
    """How long the model thinks. Summaries come where its provider gives any."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None


_Tool = Annotated[FunctionDefinition | CustomDefinition, Field(discriminator="type")]


class ResponseRequest(Strict):
    """The body."""

    model: Annotated[StrictStr, Field(min_length=1, max_length=96)]
    input: StrictStr | Annotated[list[InputItem], Field(min_length=1, max_length=MAX_ITEMS)]
    instructions: StrictStr | None = None
    stream: StrictBool | None = None
    background: StrictBool | None = None
    store: StrictBool | None = None
    previous_response_id: Annotated[StrictStr, Field(max_length=256)] | None = None
    max_output_tokens: Tokens | None = None
    temperature: Annotated[Number, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Number, Field(ge=0, le=1)] | None = None
    tools: Annotated[list[_Tool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolOfChoice | None = None
    parallel_tool_calls: StrictBool | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    include: list[Literal["reasoning.encrypted_content"]] | None = None
    truncation: Literal["auto", "disabled"] | None = None
    metadata: Metadata | None = None
    user: Annotated[StrictStr, Field(max_length=512)] | None = None
    safety_identifier: Annotated[StrictStr, Field(max_length=512)] | None = None

    @property
    def stores(self) -> bool:
        """Whether the response is kept."""
        return self.store is not False

    def items(self) -> list[Item]:
        """The input as plain items."""
        if isinstance(self.input, str):
            text = {"type": "input_text", "text": self.input}
            return [{"type": "message", "role": "user", "content": [text]}]
        return [item.model_dump(exclude_none=True) for item in self.input]

    def parameters(self) -> dict[str, Any]:
        """The fields of the response object that the request sets, all of them."""
        given = self.model_dump(exclude_none=True, by_alias=True)
        text, reasoning = given.get("text", {}), given.get("reasoning", {})
        return {
            "model": self.model,
            "instructions": self.instructions,
            "background": bool(self.background),
            "store": self.stores,
            "previous_response_id": self.previous_response_id,
            "max_output_tokens": self.max_output_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "tools": given.get("tools", []),
            "tool_choice": given.get("tool_choice", "auto"),
            "parallel_tool_calls": self.parallel_tool_calls is not False,
            "text": {"format": {"type": "text"}, **text},
            "reasoning": {"effort": None, "summary": None, **reasoning},
            "truncation": self.truncation or "disabled",
            "metadata": self.metadata or {},
            "user": self.user,
            "safety_identifier": self.safety_identifier,
            "service_tier": "default",
        }


def parse_response_request(body: Any, *, lenient: bool) -> tuple[ResponseRequest, list[str]]:
    """The request, and the names of the parameters that were dropped, which needs ``lenient``. Raises
    ``ParameterFault``."""
    if isinstance(body, dict):
        body = _prepared(body, lenient=lenient)
    request, strange = read_parameters(
        ResponseRequest, body, NEUTRAL, WITHOUT_EFFECT, lenient=lenient
    )
    if request.background and not request.stores:
        raise ParameterFault("background", "It needs store: true.", "unsupported_value")
    return request, strange


def _prepared(body: dict[str, Any], *, lenient: bool) -> dict[str, Any]:
    tools, items = body.get("tools"), body.get("input")
    for at, tool in enumerate(tools if isinstance(tools, list) and not lenient else ()):
        if isinstance(tool, dict) and tool.get("type", "function") not in _TYPES:
            detail = "Tools are of the type function or custom here."
            raise ParameterFault(f"tools[{at}].type", detail, "unsupported_parameter")
    if isinstance(items, list):
        return {**body, "input": [with_type(item) for item in items]}
    return body


@dataclass(frozen=True, slots=True)
class TranslatedRequest:
    """The request of a chat completion that asks for the same. ``paths`` are the places of its messages
    in the request as it came, ``answers`` the earlier answers that each is made of."""

    chat: CompletionRequest
    paths: Sequence[str]
    answers: Sequence[Sequence[UUID]]


def translate(request: ResponseRequest, items: Sequence[Placed]) -> TranslatedRequest:
    """Translate a request; ``items`` are all of its input, those of earlier responses too. Raises
    ``ParameterFault``."""
    instructions = {"type": "message", "role": "system", "content": request.instructions}
    told = [("instructions", instructions)] if request.instructions else []
    read = chat_of([*told, *items])
    body = {name: value for name in _SAME if (value := getattr(request, name)) is not None}
    body |= {"model": request.model, "messages": read.messages, "stream": request.stream}
    body |= _options(request)
    with renaming(request, read.paths):
        chat, _ = parse_completion_request(body, lenient=False)
        return TranslatedRequest(chat, read.paths, read.answers)


@contextmanager
def renaming(request: ResponseRequest, paths: Sequence[str]) -> Iterator[None]:
    """Give the faults of a translated request the names of the request as it came."""
    try:
        yield
    except ParameterFault as error:
        raise _renamed(error, request, paths) from None
    except OptionUnsupported as error:
        raise ParameterFault(name_here(error.option), str(error), "unsupported_parameter") from None


def name_here(option: str) -> str:
    """The name of a parameter of chat completions in this API."""
    return _NAMES.get(option, option)


def _options(request: ResponseRequest) -> dict[str, Any]:
    text, reasoning = request.text or TextOptions(), request.reasoning or ReasoningOptions()
    chosen = request.tool_choice
    if isinstance(chosen, ToolOfChoice):
        choice: Any = {"type": chosen.type, chosen.type: {"name": chosen.name}}
    else:
        choice = chosen
    given = {
        "max_completion_tokens": request.max_output_tokens,
        "tools": [_tool(tool) for tool in request.tools or ()] or None,
        "tool_choice": choice,
        "response_format": _format(text.format),
        "verbosity": text.verbosity,
        "reasoning_effort": reasoning.effort,
    }
    return {name: value for name, value in given.items() if value is not None}


def _tool(tool: FunctionDefinition | CustomDefinition) -> dict[str, Any]:
    fields = tool.model_dump(exclude_none=True)
    kind, mark = fields.pop("type"), fields.pop("cache_control", None)
    form = fields.get("format") or {}
    if form.get("type") == "grammar":
        grammar = {name: form[name] for name in ("definition", "syntax")}
        fields["format"] = {"type": "grammar", "grammar": grammar}
    return {"type": kind, kind: fields, **({"cache_control": mark} if mark else {})}


def _format(chosen: SchemaFormat | PlainFormat | None) -> dict[str, Any] | None:
    if chosen is None:
        return None
    fields = chosen.model_dump(exclude_none=True, by_alias=True)
    kind = fields.pop("type")
    return {"type": kind, "json_schema": fields} if fields else {"type": kind}


def _renamed(
    error: ParameterFault, request: ResponseRequest, paths: Sequence[str]
) -> ParameterFault:
    fault = error.faults[0]
    path = fault.field
    if match := _MESSAGE.fullmatch(path):
        rest = match[2].replace(".tool_call_id", ".call_id")
        path = "input" if isinstance(request.input, str) else paths[int(match[1])] + rest
    elif path.startswith("tools["):
        path = path.replace(".function.", ".").replace(".custom.", ".").replace(".grammar.", ".")
    elif path == "messages":
        path = "input"
    return ParameterFault(name_here(path), fault.detail, fault.code)
