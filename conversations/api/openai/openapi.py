"""The OpenAPI document's part for OpenAI's API. ``openapi.yaml`` beside it declares each operation of
``/v1/``; ``BODIES`` makes the schemas of requests from the models that read them.

``add_openai_paths`` is a postprocessing hook of drf-spectacular.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from copy import deepcopy
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from conversations.api.openai import images, response_request
from conversations.api.openai.chat_request import NEUTRAL, WITHOUT_EFFECT, CompletionRequest
from conversations.api.openai.embeddings import EmbeddingRequest
from conversations.api.openai.images import PictureRequest
from conversations.api.openai.response_request import ResponseRequest
from conversations.api.openapi import add_example

Schema = dict[str, Any]

_PARTS: Schema = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
_PLACE = "#/components/schemas/"


def body_schema(
    model: type[BaseModel],
    neutral: Mapping[str, Collection[Any]],
    without_effect: Collection[str] = (),
) -> Mapping[str, Schema]:
    """The schema of a request's body, with the parameters that are taken at neutral values alone, or
    without effect, by its name; and the schemas of the models within."""
    prefix = model.__name__.removesuffix("Request")
    schema: Schema = _untitled(model.model_json_schema(ref_template=f"{_PLACE}{prefix}{{model}}"))
    fields: Schema = schema["properties"]
    for name, values in neutral.items():
        usual = fields[name].get("anyOf", [fields[name]]) if name in fields else []
        nothing = [_exactly(value) for value in values]
        forms = [each for each in (*usual, *nothing) if each != _NULL]
        fields[name] = {"anyOf": [*forms, _NULL]} if forms else _NULL
    fields |= {name: {"description": "Changes nothing."} for name in without_effect}
    within = {f"{prefix}{name}": each for name, each in schema.pop("$defs", {}).items()}
    # Where the model itself does not say so, its reader refuses unknown names.
    return {model.__name__: schema | {"additionalProperties": False}, **within}


def _untitled(schema: Any) -> Any:
    """Without the titles that pydantic makes of names: generators would name types after them."""
    match schema:
        case dict():
            return {
                name: _untitled(each)
                for name, each in schema.items()
                if name != "title" or not isinstance(each, str)
            }
        case list():
            return [_untitled(each) for each in schema]
        case _:
            return schema


def _exactly(value: Any) -> Schema:
    """The schema of one value, in the words that generators of clients know."""
    match value:
        case bool():
            return {"type": "boolean", "const": value}
        case int():
            return {"type": "integer", "const": value}
        case list():
            items = _exactly(value[0]) if value else {}
            return {"type": "array", "items": items, "minItems": len(value), "maxItems": len(value)}
        case dict():
            properties = {name: _exactly(each) for name, each in value.items()}
            whole = {"required": [*value], "additionalProperties": False}
            return {"type": "object", "properties": properties, **whole}
        case _:
            return {"type": "string", "const": value}


_NULL: Schema = {"type": "null"}
BODIES: Mapping[str, Schema] = {
    **body_schema(CompletionRequest, NEUTRAL, WITHOUT_EFFECT),
    **body_schema(PictureRequest, images.NEUTRAL),
    **body_schema(EmbeddingRequest, {}),
    **body_schema(ResponseRequest, response_request.NEUTRAL, response_request.WITHOUT_EFFECT),
}
"""The schema of each request's body, by the name under which ``openapi.yaml`` refers to it, and the models
within."""


def add_openai_paths(result: Schema, **_: Any) -> Schema:
    """Add the operations of ``/v1/`` with the errors that each may end in, and their components."""
    parts = deepcopy(_PARTS)
    result["components"]["schemas"] |= parts["schemas"] | deepcopy({**BODIES})
    for operations in parts["paths"].values():
        for operation in operations.values():
            reads = [400, 413] if "requestBody" in operation else []
            statuses = sorted({401, *reads, *operation.pop("x-errors", ())})
            errors = {str(status): _error(HTTPStatus(status).phrase) for status in statuses}
            operation["responses"] |= errors | {"default": _error("An error.")}
            operation |= {"tags": ["openai"], "security": [{"bearer": []}]}
            add_example(operation, parts["examples"])
    result["paths"] |= parts["paths"]
    return result


def _error(description: str) -> Schema:
    schema = {"$ref": f"{_PLACE}OpenAIError"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
