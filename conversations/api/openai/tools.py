"""Tools and formats of an answer, in OpenAI's form: functions that the caller offers, the choice among
them, and JSON by a schema. Shared by the endpoints of ``/v1/``."""

from __future__ import annotations

from collections.abc import Collection
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
    """A tool: functions are the only type."""

    type: Literal["function"]
    function: Function
    cache_control: CacheControl | None = None


class NamedFunction(Strict):
    """The name of a function."""

    name: FunctionName


class NamedTool(Strict):
    """The choice of one function."""

    type: Literal["function"]
    function: NamedFunction


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


Tools = Annotated[list[FunctionTool], Field(max_length=MAX_TOOLS)]
ToolChoice = Literal["none", "auto", "required"] | NamedTool
ResponseFormat = Annotated[JSONSchemaFormat | PlainFormat, Field(discriminator="type")]


def check_tools(names: Collection[str], chosen: str, *, forced: bool, field: str) -> None:
    """Each tool has a name of its own, and the choice is one of them. ``field`` is the path of a name,
    with ``{}`` for its place. Raises ``ParameterFault``."""
    known: set[str] = set()
    for at, name in enumerate(names):
        if name in known:
            detail = f"Two tools have the name {name!r}."
            raise ParameterFault(field.format(at), detail)
        known.add(name)
    if forced and not known:
        raise ParameterFault("tool_choice", "It is only allowed when tools are given.")
    if chosen and chosen not in known:
        raise ParameterFault("tool_choice", f"There is no tool {chosen!r} in tools.")
