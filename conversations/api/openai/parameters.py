"""Parameters of OpenAI's API: read strictly into a pydantic model; each is honoured, or refused by name."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from django.http import HttpResponseBase
from pydantic import BaseModel, ValidationError

from conversations.api.openai.errors import ParameterFault
from conversations.domain.errors import MalformedJSON

MAX_NAME, MAX_IGNORED = 64, 30
_ODD = re.compile(r"[^\w.-]", re.ASCII)
_BY_TYPE = {"missing": "missing_required_parameter", "literal_error": "unsupported_value"}

Neutral = Mapping[str, Collection[Any]]
"""Known parameters that are not supported, with the values that ask for nothing; null is one too."""
M = TypeVar("M", bound=BaseModel)


def read_parameters(
    model: type[M],
    body: Any,
    neutral: Neutral,
    without_effect: Collection[str] = (),
    *,
    lenient: bool,
) -> tuple[M, list[str]]:
    """The request, and the names of the parameters that were dropped, which needs ``lenient``. Those
    ``without_effect`` may have any value. Raises ``MalformedJSON`` and ``ParameterFault``."""
    if not isinstance(body, dict):
        raise MalformedJSON("The body must be a JSON object.")
    required = {name for name, field in model.model_fields.items() if field.is_required()}
    known = {
        name: value
        for name, value in body.items()
        if name not in without_effect and (value is not None or name in required)
        # ``True == 1`` in Python, and not in JSON.
        if not any(value == one and type(value) is type(one) for one in neutral.get(name, ()))
    }
    strange = [name for name in known if name not in model.model_fields]
    if strange and not lenient:
        code = "unsupported_parameter" if strange[0] in neutral else "unknown_parameter"
        name = shown_name(strange[0])
        raise ParameterFault(name, f"{name} is not supported here.", code)
    for name in strange:
        del known[name]
    try:
        return model.model_validate(known), strange
    except ValidationError as exc:
        raise _fault(exc) from None


def name_ignored(response: HttpResponseBase, names: list[str]) -> None:
    """Tell the client which of its parameters were dropped, if any."""
    if names:
        # The client's own words: they must not break a header.
        response["X-Assistant-Ignored"] = ", ".join(map(shown_name, names[:MAX_IGNORED]))


def shown_name(name: str) -> str:
    """A parameter's name as it may stand in a header or a message."""
    return _ODD.sub("_", name[:MAX_NAME])


def _fault(error: ValidationError) -> ParameterFault:
    """The first fault, with its path as OpenAI writes it."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    # Of a field's alternatives, the one that came furthest tells the most.
    first = max(
        faults, key=lambda fault: (fault["loc"][:1] == faults[0]["loc"][:1], len(fault["loc"]))
    )
    path = ""
    for step in first["loc"]:
        if isinstance(step, int):
            path += f"[{step}]"
        elif step.isidentifier() and step not in {"str", "float", "int"}:
            path += f".{shown_name(step)}" if path else shown_name(step)
    code = _BY_TYPE.get(first["type"], "invalid_value")
    if first["type"] == "extra_forbidden":
        code = "unknown_parameter"
    return ParameterFault(path, f"{path}: {first['msg']}.", code)
