"""``POST /api/chat`` and its stream: a chat of the AI SDK is a conversation, named by the client's own id.

The conversation here is the memory. A 200 is always a stream, because a JSON body would look like an
empty success; what is known before it is a problem with its status.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from conversations.api.ask import admit, releasing
from conversations.api.attachments import read_pictures
from conversations.api.authentication import authenticate
from conversations.api.images import with_signed_picture
from conversations.api.limit_headers import add_limit_headers
from conversations.api.requests import (
    OBJECT,
    Origin,
    end_user_of,
    field_fault,
    idempotency_claim,
    json_body,
    media_type,
    origin_of,
)
from conversations.api.responses import encoded, event_stream, native, with_slot
from conversations.api.streams import stop_running
from conversations.api.ui_stream.chat_request import UIChatRequest, parse_chat_request
from conversations.api.ui_stream.part_encoder import PartEncoder
from conversations.api.ui_stream.pictures import shown_chat
from conversations.bootstrap import Container, container
from conversations.db.access import in_database, written
from conversations.domain.api_keys import Scope
from conversations.domain.booking import Account
from conversations.domain.errors import Draining, NotFound, UnsupportedMediaType
from conversations.engine.events import Event, Finished
from conversations.runs.run import EventStream
from conversations.storage import selectors
from conversations.storage.rewinding import (
    UNOPENED,
    NamedConversation,
    conversation_expected,
    conversation_named,
)
from conversations.storage.turns import NewTurn, StartedTurn, claimed_answer
from routing.common.translatable import Translatable
from routing.guard.validation import label_faults

PROTOCOL = "x-vercel-ai-ui-message-stream"
RESETS_SINCE = 7
"""The version of the SDK that knows the part ``reset-step``."""
QUEUE_SECONDS = 30.0
"""Least wait of a message for the answer before it: clients of the SDK show a 409 as an error, and do not try again."""


@native
async def ask(request: HttpRequest) -> HttpResponseBase:
    """Answer the last prompt of the client's chat, or answer an earlier one again."""
    parts, origin = container(), origin_of(request)
    caller = await authenticate(request, Scope.CHAT, active=False)
    if parts.runs.draining:
        raise Draining
    body = _body(request)
    asked = parse_chat_request(body)
    caller.require_model(asked.model)
    claim = idempotency_claim(request, body)
    account = Account(caller.user, caller.key, end_user_of(request, caller))
    slot, release = await admit(parts, account, asked.model)
    release = release and caller.narrowed(release, asked.model)
    new = NewTurn(
        user=caller.user,
        content=asked.shown.prompt,
        requested_model=asked.model,
        claim=claim,
        site=origin.site,
        request_id=origin.request_id,
        trace_id=origin.trace_id,
        language=origin.language,
        release=release,
        key=account.key,
        end_user=account.end_user,
    )
    async with releasing(parts, caller.user, slot):
        started = await _start(parts, asked, new)
    events = parts.runs.follow(user=caller.user, message=started.message, origin=origin.site)
    response = _stream(request, with_slot(slot, events), caller.user, asked.chat, origin)
    if started.replayed:
        response["Idempotency-Replayed"] = "true"
    await add_limit_headers(response, parts, account, started.message)
    return response


async def _start(parts: Container, asked: UIChatRequest, new: NewTurn) -> StartedTurn:
    """Begin to answer; a request that is sent again gets its answer, though what it replaced is gone."""
    try:
        return await _begin(parts, asked, new)
    except NotFound:
        if new.claim and (earlier := await in_database(claimed_answer, new.user, new.claim)):
            return earlier
        raise


async def _begin(parts: Container, asked: UIChatRequest, new: NewTurn) -> StartedTurn:
    """Reserve, then open the chat's conversation, stop the answer to replace, and begin to answer: a
    refusal changes nothing."""
    pictures = await read_pictures(asked.pictures, user=new.user, site=new.site)
    shown = replace(asked.shown, attachments=pictures)
    # The longest it may become: a turn of a conversation, with the memory of others.
    expected = replace(new, conversation=UNOPENED)
    look_up = partial(conversation_expected, user=new.user, client_id=asked.chat, shown=shown)
    if await parts.reservations.limited(Account(new.user, new.key, new.end_user)):
        found = await in_database(look_up)
        expected = replace(await _turn_of(parts, asked, new, found), conversation=UNOPENED)
    async with parts.intake.reserving(expected) as held:
        named = await written(conversation_named, user=new.user, client_id=asked.chat, shown=shown)
        turn = await _turn_of(parts, asked, new, named)
        if named.rewind:
            await _stop_replaced(parts, new, named.id)
        return await parts.intake.start(turn, held, wait=QUEUE_SECONDS)


async def _turn_of(
    parts: Container, asked: UIChatRequest, new: NewTurn, named: NamedConversation
) -> NewTurn:
    """The turn in its conversation, with the chat that a model is shown where there are pictures."""
    chat, release = None, new.release
    if named.pictured:
        release = release or await parts.rules.for_person(new.user)
        chat = await shown_chat(parts, release.rules_for(new.user), named, asked)
    return replace(
        new,
        content=named.prompt,
        conversation=named.id,
        release=release,
        rewind=named.rewind,
        chat=chat,
        attachments=named.attachments,
    )


async def _stop_replaced(parts: Container, new: NewTurn, conversation: UUID) -> None:
    """Stop what is being written: it would be deleted. Clients that were told to stop only leave."""
    running = await in_database(selectors.running_answer, conversation=conversation)
    # Looked up after it: a request that is sent again must not stop its own answer.
    own = await in_database(claimed_answer, new.user, new.claim) if new.claim else None
    if running and not own:
        await stop_running(parts, new.user, running)


@native
async def resume(request: HttpRequest, chat: str) -> HttpResponseBase:
    """``GET …/{chat}/stream``: the answer that is being written, from its start; 204 where there is none,
    in a chat that is not known, too: clients ask for each chat that they open."""
    caller = await authenticate(request, Scope.CHAT, Scope.CONVERSATIONS)
    parts, origin = container(), origin_of(request)
    message = await _running(caller.user, chat)
    if message is None:
        return HttpResponse(status=204)
    slot = await parts.stream_limits.acquire(caller.user)
    events = parts.runs.follow(user=caller.user, message=message, origin=origin.site)
    return _stream(request, with_slot(slot, events), caller.user, chat, origin)


@native
async def stop(request: HttpRequest, chat: str) -> HttpResponseBase:
    """``POST …/{chat}/stop``: end the answer that is being written, if any, and keep its text."""
    caller = await authenticate(request, Scope.CHAT, Scope.CONVERSATIONS)
    message = await _running(caller.user, chat)
    if message:
        await stop_running(container(), caller.user, message)
    return HttpResponse(status=204)


async def _running(user: int, chat: str) -> UUID | None:
    if any(label_faults(chat)):  # a database may not even look for it
        raise NotFound("There is no such chat.")
    return await in_database(selectors.running_answer_of, user=user, client_id=chat)


def _body(request: HttpRequest) -> dict[str, Any]:
    """The body as a JSON object. The server's own limit has let it in: a whole chat comes each time."""
    if media_type(request.headers.get("Content-Type", "")) != OBJECT:
        raise UnsupportedMediaType(Translatable("Send {type}.", type=OBJECT))
    body = json_body(request.read())
    if not isinstance(body, dict):
        raise field_fault("body", "wrong_type", "Must be a JSON object.")
    return body


def _stream(
    request: HttpRequest, events: EventStream, user: int, chat: str, origin: Origin
) -> HttpResponseBase:
    encoder = PartEncoder(resets=_sdk_version(request) >= RESETS_SINCE)
    response = event_stream(encoded(_with_pictures(events, user), encoder.encode))
    response["Content-Type"] = "text/event-stream"
    response[PROTOCOL] = "v1"
    response["Location"] = f"{origin.site}/api/chat/{quote(chat, safe='')}/stream"
    return response


async def _with_pictures(events: EventStream, user: int) -> EventStream:
    """The events, with a signed address and the media type in that of a picture's answer."""
    async with aclosing(events):
        async for batch in events:
            yield [(number, await _shown(event, user)) for number, event in batch]


async def _shown(event: Event, user: int) -> Event:
    if not (isinstance(event, Finished) and event.message["image"]):
        return event
    message = with_signed_picture(event.message)
    stored = await in_database(selectors.picture_of, user=user, message=UUID(message["id"]))
    return Finished({**message, "image": {**message["image"], "media_type": stored.media_type}})


def _sdk_version(request: HttpRequest) -> int:
    """The major version of the client's SDK, where it tells one."""
    told = request.headers.get("X-AI-SDK") or request.GET.get("ai") or ""
    major = told.strip().partition(".")[0]
    return int(major) if major.isascii() and major.isdigit() and len(major) < 4 else 0
