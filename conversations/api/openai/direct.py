"""Calls without a stream (pictures, vectors): admitted, begun, joined by retries, and told of in headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from conversations.api.openai.parameters import name_ignored
from conversations.api.requests import origin_of
from conversations.bootstrap import Container
from conversations.domain.api_keys import Caller
from conversations.engine.types import CallerChat, Turn
from conversations.models import new_id
from conversations.runs.direct import DirectResult, Result, Work
from conversations.runs.joining import RequestKey
from conversations.runs.run import Run
from routing.domain.release import Release
from routing.domain.rules import Decision

JSON = "application/json"
MAX_SESSION = 200
_ODD = re.compile(r"[^\x21-\x7e]")


async def direct_result(parts: Container, key: RequestKey, turn: Turn, work: Work) -> DirectResult:
    """Count the call, hold a stream slot while it is made, and return its result, or that of its first
    try. Raises what ``work`` raises, and the refusals of the limits."""
    await parts.rate_limits.hit("ask", str(turn.user))
    slot = await parts.stream_limits.acquire(turn.user)

    async def held(run: Run) -> Result:
        try:
            return await work(run)
        finally:
            slot.release()

    # Of a retry that joins, the slot ends with its object.
    return await parts.direct.result(key, turn, held)


def caller_turn(
    request: HttpRequest,
    caller: Caller,
    prompt: str,
    release: Release,
    *,
    model: str = "",
    chat: CallerChat | None = None,
    session: str = "",
) -> Turn:
    """A turn that no conversation keeps. Without a ``chat`` its call has no messages. ``session`` is the
    client's own name of the chat, for the trace; else Open WebUI's header."""
    session = session or request.headers.get("X-OpenWebUI-Chat-Id", "")
    origin, message = origin_of(request), new_id()
    return Turn(
        user=caller.user,
        conversation=message,
        message=message,
        user_message=message,
        prompt=prompt,
        first=True,
        trace_id=origin.trace_id,
        requested_model=model or None,
        origin=origin.site,
        request_id=origin.request_id,
        release=release,
        begun=timezone.now(),
        chat=chat or CallerChat((), {}, plain=False),
        session=_ODD.sub("_", session[:MAX_SESSION]),
    )


def direct_response(answer: DirectResult, body: bytes, ignored: list[str]) -> HttpResponse:
    """A JSON answer with the headers that the result keeps."""
    response = HttpResponse(body, content_type=JSON, headers=answer.value["headers"])
    if answer.replayed:
        response["Idempotency-Replayed"] = "true"
    name_ignored(response, ignored)
    return response


def decision_headers(decision: Decision, cache: str) -> dict[str, str]:
    """The decision, in headers."""
    facts = (decision.action, decision.source, decision.rule, decision.ruleset)
    return route_headers(decision.model, *facts) | {"X-Assistant-Cache": cache}


def route_headers(
    model: str | None, action: str, source: str, rule: str | None, ruleset: int | None
) -> dict[str, str]:
    """The route of a call, in headers."""
    number = "" if ruleset is None else ruleset
    return {
        "X-Assistant-Decision": f"action={action};source={source};rule={rule or ''};ruleset={number}",
        "X-Assistant-Model": model or "",
        "X-Assistant-Cache": "bypass",
    }


def cost_header(run: Run) -> Mapping[str, Any]:
    """What the run has cost so far, in US dollars; empty where that is unknown."""
    cost = run.usage.cost_usd
    return {"X-Assistant-Cost": "" if cost is None else str(cost)}
