"""The smallest sensible value for a JSON schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SCALARS: dict[str, Any] = {"boolean": False, "null": None, "integer": 1, "number": 1.0}


def instance(schema: Mapping[str, Any], text: str) -> Any:
    """A value that obeys ``schema``; strings are ``text``. References go to ``$defs`` of the root."""
    definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    return _value(schema, text, definitions)


def _value(schema: Mapping[str, Any], text: str, definitions: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        return _value(definitions[schema["$ref"].rsplit("/", 1)[-1]], text, definitions)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return _value(schema[key][0], text, definitions)
    return _typed(schema, text, definitions)


def _typed(schema: Mapping[str, Any], text: str, definitions: Mapping[str, Any]) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        members = schema.get("properties", {})
        return {name: _value(member, text, definitions) for name, member in members.items()}
    if kind == "array":
        items = schema.get("items", {})
        return [_value(items, text, definitions)] * max(1, schema.get("minItems", 1))
    if kind == "string":
        return text[: schema.get("maxLength", len(text))]
    return schema.get("minimum", _SCALARS[kind])
