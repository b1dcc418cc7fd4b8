"""The OpenAPI document's part for the async views, which Django REST framework does not know of, and
for the problems of them all. ``openapi.yaml`` holds it, but for events, problems and limits.

``let_patterns_say_blank`` and ``add_async_paths`` are postprocessing hooks of drf-spectacular.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.db import Error as DatabaseError
from pydantic import TypeAdapter

from conversations.api.sse import NAMES
from conversations.domain.api_keys import ROUTED
from conversations.engine.events import Event
from routing.domain.decide import requested_decision
from routing.domain.errors import ModelUnknown, RulesUnavailable
from routing.domain.rules import RuleSet
from routing.publishing.selectors import release_latest

Schema = dict[str, Any]

_PARTS: Schema = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))

CODES: Mapping[int, list[str]] = _PARTS["problem_codes"]
"""The problems' codes by status."""


def _fields(event: type[Event]) -> Schema:
    fields = TypeAdapter(event).json_schema()["properties"]
    for field in fields.values():
        del field["title"]
    return {"type": "object", "required": [*fields], "properties": fields}


EVENTS: Mapping[str, Schema] = {
    name: _PARTS["events"].get(name) or _fields(event) for event, name in NAMES.items()
}
"""The ``data`` of each event, by its name on the wire."""


def add_async_paths(result: Schema, **_: Any) -> Schema:
    """Add the async paths, their components, and to every operation the problems it may end in."""
    parts = deepcopy(_PARTS)
    events = {f"Event{name.title().replace('_', '')}": body for name, body in EVENTS.items()}
    result["components"]["schemas"] |= parts["schemas"] | events | _problems(parts)
    ask = parts["schemas"]["Ask"]  # AskWithPictures shares its properties
    result["components"]["schemas"]["PromptRequest"]["properties"]["content"]["pattern"] = ask[
        "properties"
    ]["content"]["pattern"]
    longest = f"At most {settings.PROMPT_MAX_CHARS} characters: a longer prompt is a 413."
    ask["properties"]["content"]["description"] = longest
    if names := _model_names():
        for body in (parts["schemas"][name] for name in ("Ask", "Regenerate", "UIChat")):
            body["properties"]["model"] |= {"enum": [ROUTED, *names, None]}
    # The YAML file has one stream, which several paths share.
    parts["stream"] |= _stream()
    for path, operations in parts["paths"].items():
        result["paths"].setdefault(path, {}).update(operations)
    for path, operations in result["paths"].items():
        for operation in operations.values():
            statuses = [*_usual(path, operation), *operation.pop("x-problems", ())]
            found = {str(status): _problem(status) for status in statuses} | {"default": _ANY}
            operation["responses"] = found | operation["responses"]
            add_example(operation, parts["examples"])
            for status, links in parts["links"].get(operation["operationId"], {}).items():
                operation["responses"][status]["links"] = links
    return result


_BLANK = {"type": "string", "maxLength": 0}


def let_patterns_say_blank(result: Schema, **_: Any) -> Schema:
    """Postprocessing hook: the pattern of a text says whether it may be blank. drf-spectacular 0.30 adds the empty
    text as the second of ``oneOf``: by the document it is then none where the pattern takes it, too."""
    for component in result["components"]["schemas"].values():
        for name, field in component.get("properties", {}).items():
            if field.get("oneOf", ())[1:] == [_BLANK]:
                text = field.pop("oneOf")[0]
                text["type"] = "string" if text["type"] == "string" else ["string", "null"]
                component["properties"][name] = text | field
    return result


def _model_names() -> list[str]:
    """The models that callers may name under the live rules; none without a database."""
    try:
        release = release_latest()
    except (DatabaseError, RulesUnavailable):
        return []
    rules = release.live if release else None
    return [one.name for one in rules.models if _may_be_named(rules, one.name)] if rules else []


def _may_be_named(rules: RuleSet, name: str) -> bool:
    with suppress(ModelUnknown):
        requested_decision(rules, name)
        return True
    return False


def _stream() -> Schema:
    """The media type object of a stream. Its schema is that of one event, or the text of all of them: the
    description of a stream has no other place before OpenAPI 3.2, and generated clients read it as text."""
    named = ", ".join(f"`{name}`" for name in NAMES.values())
    text = (
        f"A server-sent event, one of {named}; exactly one `done` or `error` ends the stream. `x-events` "
        "names the schema of each one's data."
    )
    parts = {
        "id": {"type": "string", "pattern": "^[1-9][0-9]*$", "description": "Rises by one from 1."},
        "event": {"enum": [*NAMES.values()]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    }
    event = {"type": "object", "description": text, "required": [*parts], "properties": parts}
    return {
        "schema": {"anyOf": [{"type": "string", "description": "The whole stream."}, event]},
        "x-events": {
            name: _ref(f"Event{name.title().replace('_', '')}") for name in NAMES.values()
        },
    }


def _usual(path: str, operation: Schema) -> list[int]:
    """The statuses that follow from the path of an operation and from its inputs."""
    reads = "requestBody" in operation
    queried = any(given["in"] != "path" for given in operation.get("parameters", ()))
    needs_token = {"bearer": []} in operation.get("security", ())
    return [
        *([400] if reads or queried else []),
        *([401] if needs_token or "/auth/" in path else []),
        *([404] if "{" in path else []),
        *([413, 415] if reads else []),
        *([403] if path.endswith("/decisions/") else []),
        *([429] if path.endswith(("/auth/token/", "/decisions/")) else []),
    ]


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def add_example(operation: Schema, examples: Mapping[str, Any]) -> None:
    """Add the body that works as it stands, where the operation reads one."""
    if (example := examples.get(operation["operationId"])) is not None:
        operation["requestBody"]["content"]["application/json"]["example"] = example


def _problems(parts: Schema) -> Schema:
    """The problem of each status, whole: generators of clients do not merge a constant into a number."""
    usual = parts["schemas"]["Problem"]
    return {
        parts["problem_names"][status]: usual
        | {
            "description": f"{HTTPStatus(status).phrase} (RFC 9457).",
            "properties": usual["properties"]
            | {
                "status": {"type": "integer", "const": status},
                "code": {"type": "string", "enum": [*codes]},
            },
        }
        for status, codes in CODES.items()
    }


def _problem(status: int) -> Schema:
    """The response of one status."""
    headers = _PARTS["problem_headers"].get(status)
    return {
        "description": HTTPStatus(status).phrase,
        **({"headers": headers} if headers else {}),
        "content": _content(_ref(_PARTS["problem_names"][status])),
    }


def _content(schema: Schema) -> Schema:
    return {"application/problem+json": {"schema": schema}}


_ANY = {"description": "A problem (RFC 9457).", "content": _content(_ref("Problem"))}
