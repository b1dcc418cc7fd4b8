"""Calls without a stream (pictures, vectors): limited, made once for a request and its retries, answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpResponse

from conversations.api.ask import admit
from conversations.api.limit_headers import add_limit_headers
from conversations.api.openai.calls import OpenedCall
from conversations.api.openai.parameters import name_ignored
from conversations.engine.types import Turn
from conversations.runs.direct import DirectResult, Result, Work
from conversations.runs.run import Run, account_of
from conversations.usage.estimates import WorstCase

JSON = "application/json"


async def direct_result(
    call: OpenedCall, turn: Turn, work: Work, estimate: Callable[[], WorstCase]
) -> DirectResult:
    """Count the call, hold a stream slot while it is made, and return its result, or that of its first
    try. Raises the errors of ``work``, and the refusals of the limits."""
    parts, key = call.parts, call.key
    slot, _ = await admit(parts, account_of(turn))

    async def held(run: Run) -> Result:
        try:
            return await work(run)
        finally:
            slot.release()

    # Of a retry that joins, the slot ends with its object.
    return await parts.direct.result(key, turn, held, estimate)


async def direct_response(
    call: OpenedCall, turn: Turn, answer: DirectResult, body: bytes, ignored: list[str]
) -> HttpResponse:
    """A JSON answer with the headers that the result keeps, and those of the caller's limits."""
    response = HttpResponse(body, content_type=JSON, headers=answer.value["headers"])
    if answer.replayed:
        response["Idempotency-Replayed"] = "true"
    name_ignored(response, ignored)
    await add_limit_headers(response, call.parts, account_of(turn), turn.message)
    return response


def cost_header(run: Run) -> Mapping[str, Any]:
    """The run's cost so far, in US dollars; empty where that is unknown."""
    cost = run.usage.cost_usd
    return {"X-Assistant-Cost": "" if cost is None else str(cost)}
