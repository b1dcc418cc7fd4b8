"""``POST /v1/embeddings``: vectors of texts, by a published model or by the embedder of the installation.

Vectors are kept for nobody but the retry of the same request.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
import orjson
from django.http import HttpRequest, HttpResponse
from pydantic import BaseModel, Field, StrictInt, StrictStr, WithJsonSchema

from conversations.api.openai.calls import open_call, route_headers
from conversations.api.openai.direct import cost_header, direct_response, direct_result
from conversations.api.openai.errors import ParameterFault
from conversations.api.openai.parameters import INTEGRAL, as_integer, read_parameters
from conversations.api.responses import native
from conversations.bootstrap import Container
from conversations.domain.api_keys import ROUTED, Scope
from conversations.engine.steps import step
from conversations.runs.direct import Result
from conversations.runs.run import Run
from routing.domain.errors import ProviderStreamBroken
from routing.domain.llm import EmbeddingInputs
from routing.domain.rules import ModelRef, Source
from routing.llm.failover.embeddings import shown_inputs

MAX_INPUTS = 2_048
MAX_CHARS, MAX_TOKENS = 2_000_000, 300_000
"""Characters, and token ids, of all inputs together."""
MOST_TOKEN = 2**31 - 1
_BYTES = np.dtype("<f4")
"""Numbers in base64: four bytes each, the lowest first."""


_TEXT = {"type": "string", "minLength": 1}
_MANY = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": MAX_INPUTS}
_TOKEN = {"type": "integer", "minimum": 0, "maximum": MOST_TOKEN}
_TOKENS = {"type": "array", "items": _TOKEN, "minItems": 1}
_LISTS = {"type": "array", "items": _TOKENS, "minItems": 1, "maxItems": MAX_INPUTS}


class EmbeddingRequest(BaseModel):
    """The body. ``input`` is read by ``read_inputs``."""

    model: Annotated[StrictStr, Field(min_length=1, max_length=96)]
    input: Annotated[Any, WithJsonSchema({"anyOf": [_TEXT, _MANY, _TOKENS, _LISTS]})]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[StrictInt, Field(ge=1, le=65_536), INTEGRAL] | None = None
    user: Annotated[StrictStr, Field(max_length=512)] | None = None


@native
async def embed(request: HttpRequest) -> HttpResponse:
    """Embed texts."""
    call = await open_call(request, Scope.EMBEDDINGS)
    parts, caller = call.parts, call.caller
    asked, ignored = read_parameters(EmbeddingRequest, call.json, {}, lenient=call.lenient)
    inputs = read_inputs(asked.input)
    name = "" if asked.model == ROUTED else asked.model
    caller.require_model(name)
    release = caller.narrowed(await parts.rules.for_person(caller.user), name)
    rules = release.rules_for(caller.user)
    model = parts.embeddings.model(rules, name)
    await _check(parts, model, asked, inputs)
    end_user = call.end_user(asked.user)
    noted = call.noted(None, asked.user)
    turn = call.turn(shown_inputs(inputs), release, model=name, noted=noted, end_user=end_user)
    work = partial(_embed, parts, model, inputs, asked.dimensions)
    estimate = partial(parts.admission.estimator.vectors, model, inputs)
    answer = await direct_result(call, turn, work, estimate)
    # Megabytes of numbers: not on the event loop.
    encoded = await asyncio.to_thread(_object, answer.value, asked.encoding_format or "float")
    return await direct_response(call, turn, answer, encoded, ignored)


def read_inputs(given: Any) -> EmbeddingInputs:
    """The texts, or lists of token ids. Raises ``ParameterFault`` at the faulty one."""
    if isinstance(given, str):
        return _texts([given], "input")
    if not isinstance(given, list) or not given:
        raise ParameterFault("input", "It must be a text or a list with something in it.")
    if _is_tokens(given):
        return _tokens([given], "input")
    if len(given) > MAX_INPUTS:
        raise ParameterFault("input", f"At most {MAX_INPUTS} inputs.")
    return _texts(given) if isinstance(given[0], str) else _tokens(given)


def _texts(given: list[Any], path: str = "") -> Sequence[str]:
    for at, text in enumerate(given):
        place = path or f"input[{at}]"
        if not isinstance(text, str):
            raise ParameterFault(place, "Texts and token ids cannot be mixed.")
        if not text:
            raise ParameterFault(place, "A text must not be empty.")
    if sum(map(len, given)) > MAX_CHARS:
        raise ParameterFault("input", f"At most {MAX_CHARS} characters in all.")
    return given


def _tokens(given: list[Any], path: str = "") -> Sequence[Sequence[int]]:
    for at, tokens in enumerate(given):
        if not (isinstance(tokens, list) and tokens and _is_tokens(tokens)):
            raise ParameterFault(path or f"input[{at}]", "It must be a list of token ids.")
    if sum(map(len, given)) > MAX_TOKENS:
        raise ParameterFault("input", f"At most {MAX_TOKENS} token ids in all.")
    return [[int(token) for token in tokens] for tokens in given]


def _is_tokens(given: list[Any]) -> bool:
    # ``type``, for ``True`` is an ``int`` too; 1.0 is an integer in JSON.
    integers = map(as_integer, given)
    return all(type(token) is int and 0 <= token <= MOST_TOKEN for token in integers)


async def _check(
    parts: Container, model: ModelRef, asked: EmbeddingRequest, inputs: EmbeddingInputs
) -> None:
    """Raises ``ParameterFault`` for what the model cannot do."""
    if parts.embeddings.is_local(model) and not isinstance(inputs[0], str):
        detail = f"{model.name} has token ids of its own: send texts."
        raise ParameterFault("input", detail, "unsupported_value")
    if asked.dimensions and not parts.embeddings.is_local(model):
        await parts.llm.loaded()
    if asked.dimensions and not parts.embeddings.takes_dimensions(model, asked.dimensions):
        detail = f"{model.name} has no vectors of {asked.dimensions} numbers."
        raise ParameterFault("dimensions", detail, "unsupported_value")
    at = await parts.embeddings.too_long(model, inputs)
    if at is not None:
        detail = f"{model.name} reads at most {model.context_window} tokens of a text."
        place = "input" if isinstance(asked.input, str) else f"input[{at}]"
        raise ParameterFault(place, detail, "context_length_exceeded")


async def _embed(
    parts: Container,
    model: ModelRef,
    inputs: EmbeddingInputs,
    dimensions: int | None,
    run: Run,
) -> Result:
    turn = run.turn
    with step(run, "embed", "embedding", turn.prompt) as opened:
        made = await parts.embeddings.embed(model, inputs, opened.meter, dimensions)
        opened.output = {"vectors": len(made.vectors)}
    source = Source.REQUESTED if turn.requested_model else Source.DEFAULT
    version = turn.release.rules_for(turn.user).version if turn.release else None
    route = route_headers(model.name, "embed", source, None, version)
    return {
        "model": model.name,
        "vectors": await asyncio.to_thread(_packed, model, made.vectors),
        "tokens": made.usage.input_tokens,
        "headers": {**route, **cost_header(run)},
    }


def _packed(model: ModelRef, vectors: Sequence[Sequence[float]]) -> list[str]:
    """The vectors in base64. Raises ``ProviderStreamBroken`` for those that are none."""
    try:
        with np.errstate(over="ignore"):
            matrix = np.asarray(vectors, _BYTES)
    except ValueError as exc:
        raise ProviderStreamBroken(model.name, "vectors of different lengths") from exc
    if matrix.ndim != 2 or not np.isfinite(matrix).all():
        raise ProviderStreamBroken(model.name, "a vector with something else than numbers")
    return [base64.b64encode(row.tobytes()).decode() for row in matrix]


def _object(result: Result, encoding: str) -> bytes:
    """The answer as JSON."""
    data = [
        {"object": "embedding", "index": at, "embedding": _in(encoding, packed)}
        for at, packed in enumerate(result["vectors"])
    ]
    usage = {"prompt_tokens": result["tokens"], "total_tokens": result["tokens"]}
    shown = {"object": "list", "data": data, "model": result["model"], "usage": usage}
    return orjson.dumps(shown, option=orjson.OPT_SERIALIZE_NUMPY)


def _in(encoding: str, packed: str) -> Any:
    return packed if encoding == "base64" else np.frombuffer(base64.b64decode(packed), _BYTES)
