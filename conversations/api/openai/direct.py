"""Calls without a stream (pictures, vectors): limited, made once for a request and its retries, answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from conversations.api.openai.calls import OpenedCall
from conversations.api.openai.parameters import name_ignored
from conversations.engine.types import Turn
from conversations.runs.direct import DirectResult, Result, Work
from conversations.runs.run import Run

JSON = "application/json"


async def direct_result(call: OpenedCall, turn: Turn, work: Work) -> DirectResult:
    """Count the call, hold a stream slot while it is made, and return its result, or that of its first
    try. Raises what ``work`` raises, and the refusals of the limits."""
    parts, key = call.parts, call.key
    await parts.rate_limits.hit("ask", str(turn.user))
    slot = await parts.stream_limits.acquire(turn.user)

    async def held(run: Run) -> Result:
        try:
            return await work(run)
        finally:
            slot.release()

    # Of a retry that joins, the slot ends with its object.
    return await parts.direct.result(key, turn, held)


def direct_response(answer: DirectResult, body: bytes, ignored: list[str]) -> HttpResponse:
    """A JSON answer with the headers that the result keeps."""
    response = HttpResponse(body, content_type=JSON, headers=answer.value["headers"])
    if answer.replayed:
        response["Idempotency-Replayed"] = "true"
    name_ignored(response, ignored)
    return response


def cost_header(run: Run) -> Mapping[str, Any]:
    """What the run has cost so far, in US dollars; empty where that is unknown."""
    cost = run.usage.cost_usd
    return {"X-Assistant-Cost": "" if cost is None else str(cost)}
