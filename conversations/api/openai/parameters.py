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

MAX_NAME, MAX_PATH, MAX_IGNORED = 64, 100, 30
_ODD = re.compile(r"[^\w.-]", re.ASCII)
_OF_UNIONS = {"union_tag_invalid", "union_tag_not_found"}
_OF_TYPES = _OF_UNIONS | {"literal_error"}
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
Steps = list[int | str]
"""The way to a place in the body."""
LARGEST = 2**63
CHOICE = "tool_choice"
"""The choice among tools, of which there are more kinds than are known here: it goes with the tools."""
_OPTIONAL, _TYPE_OF_ONE = {("tools",), ("include",)}, {(), ("type",)}
"""Lists whose members a lenient reader does without, and where the type of a member is told."""


def as_integer(value: Any) -> Any:
    """The value, a whole ``float`` as an ``int``: JSON has one kind of numbers."""
    # orjson reads what is beyond 64 bits as a float, the next smaller integer as the smallest one.
    whole = isinstance(value, float) and value.is_integer() and abs(value) < LARGEST
    return int(value) if whole else value


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
    """The request, and the paths of dropped fields, which needs ``lenient``: unknown fields on any level,
    and tools of types that are not known. Those ``without_effect`` may have any value. Raises
    ``MalformedJSON`` and ``ParameterFault``."""
    if not isinstance(body, dict):
        raise MalformedJSON("The body must be a JSON object.")
    required = _required(model)
    known = {
        name: value
        for name, value in body.items()
        if name not in without_effect and (value is not None or name in required)
        if not _asks_for_nothing(name, value, neutral)
    }
    strange = [name for name in known if name not in model.model_fields]
    if strange and not lenient:
        code = "unsupported_parameter" if strange[0] in neutral else "unknown_parameter"
        name = shown_name(strange[0])
        raise ParameterFault(name, f"{name} is not supported here.", code)
    for name in strange:
        del known[name]
    dropped = [shown_name(name) for name in strange]
    while True:
        try:
            return model.model_validate(known), dropped
        except ValidationError as exc:
            found = _droppable(exc, known) if lenient else []
            if not found:
                raise _fault(exc, known) from None
            dropped += [_path(steps)[:MAX_PATH] for steps in found]
            _drop(known, found)
            dropped += _drop_emptied(known, neutral)


def _drop_emptied(known: dict[str, Any], neutral: Neutral) -> list[str]:
    """Drop lists that ask for nothing any more; returns the choice, where it was among tools of such a list."""
    emptied = [name for (name,) in _OPTIONAL if _asks_for_nothing(name, known.get(name), neutral)]
    for name in emptied:
        del known[name]
    forced = "tools" in emptied and known.pop(CHOICE, "auto") != "auto"
    return [CHOICE] if forced else []


def _asks_for_nothing(name: str, value: Any, neutral: Neutral) -> bool:
    return any(_same(value, one) for one in neutral.get(name, ()))


def _same(value: Any, other: Any) -> bool:
    """Whether both are the same in JSON, where 1.0 is 1 and ``true`` is not."""
    value = as_integer(value)
    return type(value) is type(other) and bool(value == other)


def _droppable(error: ValidationError, body: Any) -> list[Steps]:
    """The places of fields that a lenient reader does without, each once."""
    places: dict[tuple[int | str, ...], None] = {}
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        steps = _steps(fault["loc"], body, missing=False)
        if fault["type"] == "extra_forbidden" and steps[-1:] == [fault["loc"][-1]]:
            places[tuple(steps)] = None
        elif fault["type"] in _OF_TYPES and _is_of_optional(steps):
            places[tuple(steps[:2])] = None
        elif (
            fault["type"] in _OF_TYPES and steps[:1] == [CHOICE] and isinstance(body[CHOICE], dict)
        ):
            places[CHOICE,] = None
    # Of a tool that goes as a whole no field is named.
    wholes = places.keys()
    return [[*place] for place in places if not {place[:1], place[:2]} & (wholes - {place})]


def _is_of_optional(steps: Steps) -> bool:
    return tuple(steps[:1]) in _OPTIONAL and tuple(steps[2:]) in _TYPE_OF_ONE


def _drop(body: Any, places: Sequence[Steps]) -> None:
    # The last ones of a list first: the others keep their places.
    for *above, last in sorted(places, key=_order, reverse=True):
        holder = body
        for step in above:
            holder = holder[step]
        del holder[last]


def _order(steps: Steps) -> list[tuple[int, str]]:
    return [(step, "") if isinstance(step, int) else (-1, step) for step in steps]


@cache
def _required(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(name for name, field in model.model_fields.items() if field.is_required())


def name_ignored(response: HttpResponseBase, names: list[str]) -> None:
    """Tell the client which of its parameters were dropped, if any."""
    if names:
        response["X-Assistant-Ignored"] = ", ".join(names[:MAX_IGNORED])


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
            len(fault["loc"]) + (fault["type"] in _OF_UNIONS),
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
