"""``/v1/responses``: OpenAI's Responses API, on the runs and the conversations that are there anyway.

A stored response is one exchange of a conversation; ``store: false`` keeps nothing. A client that leaves
stops the answer, unless it runs in the background or others have joined it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from conversations.api.authentication import authenticate
from conversations.api.openai.answering import (
    Answered,
    AnswerReading,
    limited_response,
    stream_frames,
    streamed_answer,
    whole_answer,
)
from conversations.api.openai.calls import OpenedCall, open_call
from conversations.api.openai.chat import check_prompt, taken_chat
from conversations.api.openai.errors import ParameterFault
from conversations.api.openai.parameters import name_ignored
from conversations.api.openai.response_encoder import (
    ResponseBuilder,
    ResponseEncoder,
    filter_error,
)
from conversations.api.openai.response_items import stored_items
from conversations.api.openai.response_request import (
    ResponseRequest,
    TranslatedRequest,
    name_here,
    parse_response_request,
    renaming,
    translate,
)
from conversations.api.openai.stored_responses import (
    ResponseContext,
    answer_id,
    read_context,
    stored_object,
)
from conversations.api.requests import origin_of
from conversations.api.responses import event_stream, json_response, native, with_slot
from conversations.api.streams import stop_running
from conversations.bootstrap import Container, container
from conversations.db.access import in_database, written
from conversations.domain.api_keys import Scope
from conversations.domain.booking import Account
from conversations.engine.types import CallerChat, Notes
from conversations.models import Message, new_id
from conversations.runs.joining import JoinedRun, RequestKey
from conversations.storage.responses import (
    response_delete,
    response_get,
    responses_get,
    without_nul,
)
from conversations.storage.turns import NewResponse, NewTurn
from routing.domain.release import Release

MAX_LISTED = 100
STORING_TIME, POLL_SECONDS = timedelta(seconds=3), 0.1
"""How long a retry waits for the response of its first try to be stored, and the pause between two looks."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A request that was read and may be answered, with the ids and the time of its messages: ids sort
    by time, the prompt's comes before the answer's."""

    opened: OpenedCall
    asked: ResponseRequest
    context: ResponseContext
    translated: TranslatedRequest
    chat: CallerChat
    release: Release
    noted: tuple[str, Notes]
    prompt: UUID = field(default_factory=new_id)
    answer: UUID = field(default_factory=new_id)
    begun: datetime = field(default_factory=timezone.now)


@native
async def create(request: HttpRequest) -> HttpResponseBase:
    """``POST /v1/responses``."""
    opened = await open_call(request, Scope.CHAT)
    parts, caller = opened.parts, opened.caller
    asked, ignored = parse_response_request(opened.json, lenient=opened.lenient)
    context = await in_database(read_context, asked, caller.user)
    translated = translate(asked, context.placed)
    caller.require_model(translated.chat.requested_model)
    with renaming(asked, translated.paths):
        check_prompt(translated.chat)
        release = await parts.rules.for_person(caller.user)
        release = caller.narrowed(release, translated.chat.requested_model)
        end_user = opened.end_user(asked.safety_identifier, asked.user)
        chat = context.with_thinking(translated.chat.caller_chat(end_user), translated.answers)
        chat = replace(chat, shortens=asked.truncation == "auto")
        rules, lenient = release.rules_for(caller.user), opened.lenient
        chat, dropped = await taken_chat(parts, rules, translated.chat, chat, lenient=lenient)
    noted = opened.noted(asked.metadata, asked.safety_identifier, asked.user)
    call = _Call(opened, asked, context, translated, chat, release, noted)
    account = Account(caller.user, caller.key, end_user)
    begin, answer = partial(_begin, parts, call), partial(_answer, parts, call)
    response = await limited_response(
        parts, account, begin, answer, detached=bool(asked.background)
    )
    name_ignored(response, ignored + list(map(name_here, dropped)))
    return response


async def _begin(parts: Container, call: _Call, counting: Awaitable[None]) -> AnswerReading:
    """Start the run, or join that of an earlier try."""
    opened, asked, key = call.opened, call.asked, call.opened.key
    if not asked.stores:
        chat, own = call.translated.chat, replace(call.chat, reused=False)
        named = chat.requested_model
        turn = opened.turn(chat.prompt, call.release, model=named, chat=own, noted=call.noted)
        joined = await parts.joining.join(key, turn, counting)
        return AnswerReading(joined, parts.joining.follow(joined), "input")
    await counting
    joined = await _join_stored(parts, call, key)
    user, site = opened.caller.user, origin_of(opened.request).site
    events = parts.runs.follow(user=user, message=joined.message, origin=site)
    heard = events if asked.background else parts.joining.follow(joined, events)
    return AnswerReading(joined, heard, "input")


async def _join_stored(parts: Container, call: _Call, key: RequestKey) -> JoinedRun:
    """Store a response and start its run, or join that of an earlier try, once it is stored. An earlier
    response that is not there after a while was deleted: the try is the first again."""
    user, new = call.opened.caller.user, JoinedRun(call.answer, call.begun, key)
    begin = partial(
        parts.joining.join_begun, user=user, start=partial(parts.intake.start, _new_turn(call))
    )
    while (joined := await begin(new)).replayed:
        if await in_database(responses_get, user=user, messages=[joined.message]):
            break
        if timezone.now() - joined.begun > STORING_TIME:
            return await begin(replace(new, key=replace(key, joins=False)))
        await asyncio.sleep(POLL_SECONDS)
    return joined


def _new_turn(call: _Call) -> NewTurn:
    chat, earlier, origin = (
        call.translated.chat,
        call.context.earlier,
        origin_of(call.opened.request),
    )
    response = NewResponse(
        prompt=call.prompt,
        answer=call.answer,
        begun=call.begun,
        chat=replace(call.chat, kept=True),
        earlier=[one.pk for one in earlier],
        items=without_nul(stored_items(call.context.own, call.answer)),
        parameters=without_nul(call.asked.parameters()),
    )
    return NewTurn(
        user=call.opened.caller.user,
        content=chat.prompt,
        conversation=earlier[0].message.conversation_id if earlier else None,
        requested_model=chat.requested_model,
        site=origin.site,
        request_id=origin.request_id,
        trace_id=origin.trace_id,
        release=call.release,
        response=response,
        key=call.opened.caller.key,
        end_user=call.chat.end_user,
        session=call.noted[0],
        notes=call.noted[1],
    )


async def _answer(parts: Container, call: _Call, reading: AnswerReading) -> Answered:
    joined, asked = reading.joined, call.asked
    builder = ResponseBuilder(joined.message, joined.begun, asked.parameters())
    if asked.stream:
        return await streamed_answer(parts, call.opened.request, reading, ResponseEncoder(builder))
    if asked.background:
        return json_response(builder.response | {"status": "queued"})

    def render(message: Mapping[str, Any]) -> Mapping[str, Any]:
        if error := filter_error(message):
            raise error
        return builder.whole(reading.seen, message)

    return await whole_answer(reading, render)


@native
async def read(request: HttpRequest, response: str) -> HttpResponseBase:
    """``GET /v1/responses/{id}``: the response as it is, or its stream from any event on."""
    caller, answer = await authenticate(request, Scope.CHAT), answer_id(response)
    site, parts = origin_of(request).site, container()
    streamed = request.GET.get("stream", "false")
    if streamed not in {"true", "false"}:
        raise ParameterFault("stream", "It must be true or false.")
    if streamed == "false":
        return json_response(await in_database(_read, caller.user, answer, site))
    after = _number(request, "starting_after", default=-1)
    stored = await in_database(response_get, user=caller.user, message=answer)
    slot = await parts.stream_limits.acquire(caller.user)
    builder = ResponseBuilder(answer, stored.message.created_at, stored.parameters)
    events = parts.runs.follow(user=caller.user, message=answer, origin=site)
    frames = stream_frames(events, ResponseEncoder(builder, after=after))
    return event_stream(with_slot(slot, frames))


def _read(user: int, answer: UUID, site: str) -> dict[str, Any]:
    return stored_object(response_get(user=user, message=answer), site)


@native
async def cancel(request: HttpRequest, response: str) -> HttpResponseBase:
    """``POST /v1/responses/{id}/cancel``: stop the answer and return the response; one that has ended is
    returned as it is."""
    caller, answer = await authenticate(request, Scope.CHAT), answer_id(response)
    site = origin_of(request).site
    await _stop(caller.user, answer)
    return json_response(await in_database(_read, caller.user, answer, site))


@native
async def delete(request: HttpRequest, response: str) -> HttpResponseBase:
    """``DELETE /v1/responses/{id}``: with its prompt and its answer."""
    caller, answer = await authenticate(request, Scope.CHAT), answer_id(response)
    await _stop(caller.user, answer)
    await written(response_delete, user=caller.user, message=answer)
    return json_response({"id": response, "object": "response.deleted", "deleted": True})


async def _stop(user: int, answer: UUID) -> None:
    """Stop an answer that is being written, and wait for its end. Raises ``NotFound``."""
    parts = container()
    stored = await in_database(response_get, user=user, message=answer)
    if stored.message.status == Message.Status.STREAMING:
        await stop_running(parts, user, answer)


@native
async def list_input_items(request: HttpRequest, response: str) -> HttpResponseBase:
    """``GET /v1/responses/{id}/input_items``: the last one first, or ``order=asc``."""
    caller, answer = await authenticate(request, Scope.CHAT), answer_id(response)
    stored = await in_database(response_get, user=caller.user, message=answer)
    limit = _number(request, "limit", default=20)
    if not 1 <= limit <= MAX_LISTED:
        raise ParameterFault("limit", f"It must be 1 to {MAX_LISTED}.")
    order = request.GET.get("order", "desc")
    if order not in {"asc", "desc"}:
        raise ParameterFault("order", "It must be asc or desc.", "unsupported_value")
    items = stored.items if order == "asc" else stored.items[::-1]
    if after := request.GET.get("after"):
        places = [at for at, item in enumerate(items) if item["id"] == after]
        if not places:
            raise ParameterFault("after", "There is no item of this id.")
        items = items[places[0] + 1 :]
    page = items[:limit]
    ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {}
    return json_response(
        {
            "object": "list",
            "data": page,
            "first_id": None,
            "last_id": None,
            **ends,
            "has_more": len(items) > limit,
        }
    )


def _number(request: HttpRequest, name: str, *, default: int) -> int:
    given = request.GET.get(name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and len(given) <= 12):
        raise ParameterFault(name, "It must be a number.")
    return int(given)
