"""Tools and formats of an answer, in OpenAI's form: functions that the caller offers, tools of
its own kind, the choice among them, and JSON by a schema. Shared by the endpoints of ``/v1/``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, Field, StrictBool, StrictStr
from pydantic_core import PydanticCustomError

from conversations.api.openai.chat_messages import CacheControl, Strict
from conversations.api.openai.errors import ParameterFault

MAX_TOOLS = 128
MAX_SCHEMA_BYTES, MAX_SCHEMA_DEPTH = 256 * 1024, 64
"""Bounds of one JSON schema: serialized bytes, and objects or lists within one another."""


def _depth(value: Any) -> int:
    """How deep objects and lists lie within one another; counted level by level, not by recursion."""
    level, depth = [value], 0
    while level := [each for each in level if isinstance(each, dict | list)]:
        depth += 1
        if depth > MAX_SCHEMA_DEPTH:
            break
        level = [
            inner for each in level for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return depth


def check_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Raises pydantic's error for a schema that is too deep or too large."""
    if _depth(schema) > MAX_SCHEMA_DEPTH:
        detail = f"A schema may be {MAX_SCHEMA_DEPTH} levels deep at most"
        raise PydanticCustomError("value_error", "{detail}", {"detail": detail})
    if len(orjson.dumps(schema)) > MAX_SCHEMA_BYTES:
        detail = f"A schema may have {MAX_SCHEMA_BYTES // 1024} KiB at most"
        raise PydanticCustomError("value_error", "{detail}", {"detail": detail})
    return schema


Schema = Annotated[dict[str, Any], AfterValidator(check_schema)]
FunctionName = Annotated[StrictStr, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
Description = Annotated[StrictStr, Field(max_length=65_536)]


class Function(Strict):
    """A function that the model may have the caller run."""

    name: FunctionName
    description: Description | None = None
    parameters: Schema | None = None
    strict: StrictBool | None = None


class FunctionTool(Strict):
    """A function as a tool."""

    type: Literal["function"]
    function: Function
    cache_control: CacheControl | None = None

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.name


Definition = Annotated[StrictStr, Field(min_length=1, max_length=262_144)]


class Grammar(Strict):
    """The language of a tool's input."""

    definition: Definition
    syntax: Literal["lark", "regex"]


class GrammarFormat(Strict):
    """An input of a language."""

    type: Literal["grammar"]
    grammar: Grammar


class TextFormat(Strict):
    """Any input."""

    type: Literal["text"]


class Custom(Strict):
    """A tool whose input is a text instead of JSON."""

    name: FunctionName
    description: Description | None = None
    format: Annotated[TextFormat | GrammarFormat, Field(discriminator="type")] | None = None


class CustomTool(Strict):
    """A tool of the caller's own kind."""

    type: Literal["custom"]
    custom: Custom

    @property
    def name(self) -> str:
        """The tool's name."""
        return self.custom.name


class NamedFunction(Strict):
    """The name of a function."""

    name: FunctionName


class NamedTool(Strict):
    """The choice of one function."""

    type: Literal["function"]
    function: NamedFunction

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.name


class NamedCustomTool(Strict):
    """The choice of one tool of the caller's own kind."""

    type: Literal["custom"]
    custom: NamedFunction

    @property
    def name(self) -> str:
        """The tool's name."""
        return self.custom.name


class JSONSchema(Strict):
    """A named schema of the answer."""

    name: FunctionName
    description: Description | None = None
    # ``schema`` is a method of pydantic's own classes.
    schema_: Schema | None = Field(default=None, alias="schema")
    strict: StrictBool | None = None


class JSONSchemaFormat(Strict):
    """Answers are JSON of a schema."""

    type: Literal["json_schema"]
    json_schema: JSONSchema


class PlainFormat(Strict):
    """Answers are text, or any JSON object."""

    type: Literal["text", "json_object"]


Tool = Annotated[FunctionTool | CustomTool, Field(discriminator="type")]
Tools = Annotated[list[Tool], Field(max_length=MAX_TOOLS)]
OneTool = Annotated[NamedTool | NamedCustomTool, Field(discriminator="type")]
ToolChoice = Literal["none", "auto", "required"] | OneTool
ResponseFormat = Annotated[JSONSchemaFormat | PlainFormat, Field(discriminator="type")]


def check_tools(tools: Sequence[FunctionTool | CustomTool], choice: Any) -> None:
    """Each tool has a name of its own, and the choice is one of them. Raises ``ParameterFault``."""
    known: set[str] = set()
    for at, tool in enumerate(tools):
        if tool.name in known:
            detail = f"Two tools have the name {tool.name!r}."
            raise ParameterFault(f"tools[{at}].{tool.type}.name", detail)
        known.add(tool.name)
    one = choice if isinstance(choice, NamedTool | NamedCustomTool) else None
    chosen, forced = one.name if one else "", one is not None or choice == "required"
    if forced and not known:
        raise ParameterFault("tool_choice", "It is only allowed when tools are given.")
    if one and (one.type, chosen) not in {(tool.type, tool.name) for tool in tools}:
        raise ParameterFault("tool_choice", f"There is no tool {chosen!r} in tools.")
