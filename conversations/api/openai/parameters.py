"""Parameters of OpenAI's API: read strictly into a pydantic model; each is honoured, or refused by name."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from django.http import HttpResponseBase
from pydantic import BaseModel, BeforeValidator, ValidationError

from conversations.api.openai.errors import ParameterFault
from conversations.domain.errors import MalformedJSON

MAX_NAME, MAX_IGNORED = 64, 30
_ODD = re.compile(r"[^\w.-]", re.ASCII)
_OF_UNIONS = {"union_tag_invalid", "union_tag_not_found"}
_BY_TYPE = {
    "missing": "missing_required_parameter",
    "union_tag_not_found": "missing_required_parameter",
    "literal_error": "unsupported_value",
    "union_tag_invalid": "unsupported_value",
    "extra_forbidden": "unknown_parameter",
}

Neutral = Mapping[str, Collection[Any]]
"""Known parameters that are not supported, with the values that ask for nothing; null is one too."""
M = TypeVar("M", bound=BaseModel)


def as_integer(value: Any) -> Any:
    """The value, a whole ``float`` as an ``int``: JSON has one kind of numbers."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


INTEGRAL = BeforeValidator(as_integer)
"""Marks an integer as JSON has it: 1.0 is one."""


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
    required = _required(model)
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
        raise _fault(exc, known) from None


@cache
def _required(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(name for name, field in model.model_fields.items() if field.is_required())


def name_ignored(response: HttpResponseBase, names: list[str]) -> None:
    """Tell the client which of its parameters were dropped, if any."""
    if names:
        # The client's own words: they must not break a header.
        response["X-Assistant-Ignored"] = ", ".join(map(shown_name, names[:MAX_IGNORED]))


def shown_name(name: str) -> str:
    """A parameter's name as it may stand in a header or a message."""
    return _ODD.sub("_", name[:MAX_NAME])


def _fault(error: ValidationError, body: Any) -> ParameterFault:
    """The first fault, with its path as OpenAI writes it."""
    faults = error.errors(include_url=False, include_input=False)
    # Of a field's alternatives, the one that came furthest tells the most, or that of the right type.
    first = max(
        faults,
        key=lambda fault: (
            fault["loc"][:1] == faults[0]["loc"][:1],
            len(fault["loc"]),
            not fault["type"].endswith("_type"),
        ),
    )
    path = _path(_steps(first["loc"], body, missing=first["type"] == "missing"))
    if first["type"] in _OF_UNIONS:  # the field that tells the alternatives apart
        path += "." + first["ctx"]["discriminator"].strip("'")
    code = _BY_TYPE.get(first["type"], "invalid_value")
    return ParameterFault(path, f"{path}: {first['msg'].rstrip('.')}.", code)


def _steps(location: Sequence[int | str], body: Any, *, missing: bool) -> list[int | str]:
    """The steps that lead through the body. Pydantic's names of alternatives lie between them, and may
    be fields too (``text`` of type ``text``): of both readings the one with more steps is right."""
    if not location:
        return []
    step, rest = location[0], location[1:]
    skipped = _steps(rest, body, missing=missing)
    if isinstance(step, int):
        there = isinstance(body, list) and step < len(body)
    else:
        there = isinstance(body, dict) and (step in body or (missing and not rest))
    if not there:
        return skipped
    inner = body[step] if isinstance(step, int) else body.get(step)
    taken = [step, *_steps(rest, inner, missing=missing)]
    return taken if len(taken) > len(skipped) else skipped


def _path(steps: Sequence[int | str]) -> str:
    path = ""
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{shown_name(step)}" if path else shown_name(step)
    return path
