"""Asking: a prompt comes in, an answer goes out as a stream or as one object."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from conversations.adapters.limits import StreamSlot
from conversations.api.auth import bearer_user
from conversations.api.dispatch import native
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
    problem_response,
    stream_response,
    with_slot,
)
from conversations.bootstrap import Container, container
from conversations.db.threads import in_database, written
from conversations.domain.errors import ConversationBusy, Draining
from conversations.engine.events import Decided, Failed, Finished
from conversations.engine.types import Turn
from conversations.runs.event_codec import Numbered
from conversations.runs.follow import Followed, follow
from conversations.runs.recovery import end_abandoned
from conversations.storage import selectors, services
from conversations.storage.services import Begun, IdempotencyClaim
from routing.domain.actions import ACTIONS
from routing.domain.decide import requested_decision
from routing.domain.errors import RulesUnavailable
from routing.domain.release import Release
from routing.guard.validation import validate_prompt


@native
async def ask(request: HttpRequest, conversation: UUID | None = None) -> HttpResponseBase:
    """``POST …/messages/``: answer a prompt in a conversation, or in a new one."""
    house, origin = container(), origin_of(request)
    user = bearer_user(request)
    if house.runs.draining:
        raise Draining
    shape = accepted_shape(request.headers.get("Accept", ""))
    body = json_object(request)
    prompt = validate_prompt(body.get("content"), max_chars=settings.PROMPT_MAX_CHARS)
    model = optional_text(body, "model", max_length=96)
    claim = idempotency_claim(request, body)
    slot, release = await _admit(house, user, model)
    asked = Asked(user, conversation, prompt, model, claim, origin, release)
    begun = await house.turnstile.pass_through(
        user, conversation, lambda: asyncio.shield(house.runs.adopt(_begin(house, asked)))
    )
    events = follow(house.runs, user=user, message=begun.message, origin=origin.site)
    events = with_slot(slot, events)
    response = await answer_response(events, shape, begun.message, origin)
    if begun.replayed:
        response["Idempotency-Replayed"] = "true"
    return response


async def _admit(house: Container, user: int, model: str) -> tuple[StreamSlot, Release | None]:
    """Count the call, take a slot and look the model up, in one round trip. Raises what speaks first
    against it."""
    counted, slot, release = await asyncio.gather(
        house.rate_limits.hit("ask", str(user)),
        house.stream_limits.acquire(user),
        _release_for(house, user, model),
        return_exceptions=True,
    )
    against = next(
        (one for one in (counted, release, slot) if isinstance(one, BaseException)), None
    )
    if against:
        if isinstance(slot, StreamSlot):
            slot.release()
        raise against
    return cast("StreamSlot", slot), cast("Release | None", release)


async def _release_for(house: Container, user: int, model: str) -> Release | None:
    """The rules that let the named model answer; ``None`` where none is named. Raises ``ModelUnknown`` and
    ``RulesUnavailable``."""
    if not model:
        return None
    release = await house.rules.current()
    requested_decision(release.rules_for(user), model)
    return release


@dataclass(frozen=True, slots=True)
class Asked:
    """A valid request to answer."""

    user: int
    conversation: UUID | None
    prompt: str
    model: str
    claim: IdempotencyClaim | None
    origin: Origin
    release: Release | None


async def _begin(house: Container, asked: Asked) -> Begun:
    """Store the prompt and start its run, as one: a client that leaves in between must not leave an
    answer behind that nobody writes. The rules are read meanwhile."""
    reading = asyncio.create_task(_rules_in_force(house, asked), name="rules in force")
    try:
        begun = await _stored(house, asked)
    finally:
        release = await reading
    if not begun.replayed:
        house.runs.start(_turn(begun, asked, release))
    return begun


async def _stored(house: Container, asked: Asked) -> Begun:
    try:
        return await written(_store, asked)
    except ConversationBusy as busy:
        # The running answer may belong to a worker that died: then it ends here and this one begins.
        if not await end_abandoned(house.runs.log, busy.running):
            raise
        return await written(_store, asked)


async def _rules_in_force(house: Container, asked: Asked) -> Release | None:
    """Those the request was held against, or today's; ``None`` where there are none: the run says so."""
    if asked.release:
        return asked.release
    with suppress(RulesUnavailable):
        return await house.rules.current()
    return None


def _store(asked: Asked) -> Begun:
    return services.answer_begin(
        user=asked.user,
        conversation=asked.conversation,
        content=asked.prompt,
        trace_id=asked.origin.trace_id,
        requested_model=asked.model,
        claim=asked.claim,
    )


def _turn(begun: Begun, asked: Asked, release: Release | None) -> Turn:
    return Turn(
        user=asked.user,
        conversation=begun.conversation,
        message=begun.message,
        user_message=begun.user_message,
        prompt=asked.prompt,
        first=begun.first,
        trace_id=asked.origin.trace_id,
        requested_model=asked.model or None,
        origin=asked.origin.site,
        request_id=asked.origin.request_id,
        release=release,
        begun=begun.at,
    )


async def answer_response(
    events: Followed, shape: Shape, message: UUID, origin: Origin
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
    user, origin = bearer_user(request), origin_of(request)
    return json_response(await message_body(user, message, origin.site))


async def message_body(user: int, message: UUID, site: str) -> dict[str, Any]:
    """A stored message with the person's own feedback on it. Raises ``NotFound``."""
    return await in_database(selectors.message_body, user=user, message=message, origin=site)
