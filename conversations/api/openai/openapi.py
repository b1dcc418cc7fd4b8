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

Schema = dict[str, Any]

_PARTS: Schema = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
_PLACE = "#/components/schemas/"


def body_schema(
    model: type[BaseModel],
    neutral: Mapping[str, Collection[Any]],
    without_effect: Collection[str] = (),
) -> Schema:
    """The schema of a request's body, with the parameters that are taken at neutral values alone, or
    without effect. The models within are its own definitions."""
    schema = model.model_json_schema(ref_template=f"{_PLACE}{model.__name__}/$defs/{{model}}")
    fields: Schema = schema["properties"]
    for name, values in neutral.items():
        nothing = {"enum": [*values, None]}
        fields[name] = {"anyOf": [fields[name], nothing]} if name in fields else nothing
    fields |= {name: {"description": "Changes nothing."} for name in without_effect}
    # Where the model itself does not say so, its reader refuses unknown names.
    return schema | {"additionalProperties": False}


BODIES: Mapping[str, Schema] = {
    "CompletionRequest": body_schema(CompletionRequest, NEUTRAL, WITHOUT_EFFECT),
    "PictureRequest": body_schema(PictureRequest, images.NEUTRAL),
    "EmbeddingRequest": body_schema(EmbeddingRequest, {}),
    "ResponseRequest": body_schema(
        ResponseRequest, response_request.NEUTRAL, response_request.WITHOUT_EFFECT
    ),
}
"""The schema of each request's body, by the name under which ``openapi.yaml`` refers to it."""


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
    result["paths"] |= parts["paths"]
    return result


def _error(description: str) -> Schema:
    schema = {"$ref": f"{_PLACE}OpenAIError"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
