"""Asking: a prompt comes in, an answer goes out as a stream or as one object."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from conversations.adapters.limits import StreamSlot
from conversations.api.authentication import authenticate
from conversations.api.requests import (
    Origin,
    Shape,
    accepted_shape,
    idempotency_claim,
    json_object,
    optional_text,
    origin_of,
)
from conversations.api.responses import (
    chained,
    json_response,
    native,
    problem_response,
    stream_response,
    with_slot,
)
from conversations.bootstrap import Container, container
from conversations.db.access import in_database
from conversations.domain.api_keys import Scope
from conversations.domain.errors import Draining, TokenNotValid
from conversations.engine.events import Decided, Failed, Finished
from conversations.runs.event_codec import Numbered
from conversations.runs.run import EventStream
from conversations.storage import selectors
from conversations.storage.turns import NewTurn
from routing.domain.actions import ACTIONS
from routing.domain.decide import requested_decision
from routing.domain.release import Release
from routing.guard.validation import validate_prompt


@native
async def ask(request: HttpRequest, conversation: UUID | None = None) -> HttpResponseBase:
    """``POST …/messages/``: answer a prompt in a conversation, or in a new one."""
    parts, origin = container(), origin_of(request)
    caller = await authenticate(request, Scope.CHAT, active=False)
    if parts.runs.draining:
        raise Draining
    shape = accepted_shape(request.headers.get("Accept", ""))
    body = json_object(request)
    prompt = validate_prompt(body.get("content"), max_chars=settings.PROMPT_MAX_CHARS)
    model = optional_text(body, "model", max_length=96)
    caller.require_model(model)
    claim = idempotency_claim(request, body)
    # Nothing is stored before the limits and the named model are checked: a refusal leaves no trace.
    slot, release = await admit(parts, caller.user, model)
    new = NewTurn(
        user=caller.user,
        content=prompt,
        conversation=conversation,
        requested_model=model,
        claim=claim,
        site=origin.site,
        request_id=origin.request_id,
        trace_id=origin.trace_id,
        release=release,
    )
    async with releasing(parts, caller.user, slot):
        started = await parts.intake.start(new)
    events = parts.runs.follow(user=caller.user, message=started.message, origin=origin.site)
    response = await answer_response(with_slot(slot, events), shape, started.message, origin)
    if started.replayed:
        response["Idempotency-Replayed"] = "true"
    return response


@asynccontextmanager
async def releasing(parts: Container, user: int, slot: StreamSlot) -> AsyncIterator[None]:
    """Store a prompt in the block. Where nothing is stored its slot is given back; while it waits in the
    queue of its conversation it holds one: waiting prompts count."""
    try:
        yield
    except TokenNotValid:
        # Erased: nothing may name the person, not even a count for a minute.
        slot.release()
        await parts.rate_limits.forget(str(user))
        raise
    except BaseException:
        slot.release()
        raise


async def admit(parts: Container, user: int, model: str) -> tuple[StreamSlot, Release | None]:
    """Count the call, take a stream slot and look the model up, in one round trip. Raises the first
    refusal in the order rate limit, model, slots."""
    counted, slot, release = await asyncio.gather(
        parts.rate_limits.hit("ask", str(user)),
        parts.stream_limits.acquire(user),
        _release_for(parts, user, model),
        return_exceptions=True,
    )
    results = counted, release, slot
    refusal = next((result for result in results if isinstance(result, BaseException)), None)
    if refusal:
        if isinstance(slot, StreamSlot):
            slot.release()
        raise refusal
    return cast("StreamSlot", slot), cast("Release | None", release)


async def _release_for(parts: Container, user: int, model: str) -> Release | None:
    """The rules that let the named model answer; ``None`` where none is named. Raises ``ModelUnknown`` and
    ``RulesUnavailable``."""
    if not model:
        return None
    release = await parts.rules.current()
    requested_decision(release.rules_for(user), model)
    return release


async def answer_response(
    events: EventStream, shape: Shape, message: UUID, origin: Origin
) -> HttpResponseBase:
    """The answer in the accepted shape. Where both are accepted the status waits for the decision:
    a text answer then streams, everything else is one object."""
    if shape is Shape.STREAM:
        return stream_response(events, message, origin)
    seen: list[Numbered] = []
    try:
        async for batch in events:
            seen += batch
            for _, event in batch:
                match event:
                    case Finished(finished):
                        await events.aclose()
                        return json_response(finished)
                    case Failed(problem):
                        await events.aclose()
                        return problem_response(problem)
                    case Decided(decision) if (
                        shape is Shape.EITHER and ACTIONS[decision.action].streams
                    ):
                        return stream_response(chained(seen, events), message, origin)
    except BaseException:
        # The client left, or the stream could not be followed: nobody else closes the generator.
        await events.aclose()
        raise
    raise AssertionError("a stream always ends in done or error")


@native
async def read(request: HttpRequest, message: UUID) -> HttpResponseBase:
    """``GET /messages/{id}/``: the message object."""
    caller = await authenticate(request, Scope.CHAT, Scope.CONVERSATIONS)
    return json_response(await message_body(caller.user, message, origin_of(request).site))


async def message_body(user: int, message: UUID, site: str) -> dict[str, Any]:
    """A stored message with the person's own feedback on it. Raises ``NotFound``."""
    return await in_database(selectors.message_body, user=user, message=message, origin=site)
