"""Asking: a prompt comes in, an answer goes out as a stream or as one object."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from conversations.adapters.limits import StreamSlot
from conversations.api.attachments import Parts, pictured_chat, read_attachments
from conversations.api.authentication import authenticate
from conversations.api.limit_headers import add_limit_headers
from conversations.api.requests import (
    Origin,
    Shape,
    accepted_shape,
    end_user_of,
    field_fault,
    idempotency_claim,
    json_object,
    named_model,
    origin_of,
)
from conversations.api.responses import (
    begun,
    chained,
    json_response,
    native,
    problem_response,
    stream_response,
    with_slot,
)
from conversations.bootstrap import Container, container
from conversations.db.access import in_database
from conversations.domain.api_keys import Caller, Scope
from conversations.domain.booking import Account
from conversations.domain.errors import Draining, RateLimited, TokenNotValid
from conversations.engine.events import Decided, Failed, Finished
from conversations.engine.types import CallerChat
from conversations.runs.event_codec import Numbered
from conversations.runs.run import EventStream
from conversations.storage import selectors
from conversations.storage.attachments import has_attachments, parts_of, pictured_history
from conversations.storage.branches import Branch, branch_to, prompt_of
from conversations.storage.turns import NewTurn
from routing.domain.actions import ACTIONS
from routing.domain.decide import requested_decision
from routing.domain.llm import ChatMessage
from routing.domain.release import Release
from routing.guard.validation import validate_prompt


@dataclass(frozen=True, slots=True)
class Asked:
    """A valid prompt with its pictures, and its place: in a new conversation, at the end of one, or on a
    branch."""

    prompt: str
    conversation: UUID | None
    branch: Branch | None
    attachments: Parts = ()


@native
async def ask(request: HttpRequest, conversation: UUID | None = None) -> HttpResponseBase:
    """``POST …/messages/``: answer a prompt in a conversation, or in a new one."""
    caller = await authenticate(request, Scope.CHAT, active=False)
    if container().runs.draining:
        raise Draining
    shape = accepted_shape(request.headers.get("Accept", ""))
    body = json_object(request)
    pictures = await read_attachments(body, user=caller.user, site=origin_of(request).site)
    prompt = _prompt(body, pictured=bool(pictures))
    asked = Asked(prompt, conversation, _branch(body, conversation), pictures)
    return await _answer(request, caller, shape, body, asked)


@native
async def regenerate(request: HttpRequest, message: UUID) -> HttpResponseBase:
    """``POST /messages/{id}/regenerate/``: answer a prompt once more, beside the answer that it has."""
    caller = await authenticate(request, Scope.CHAT, active=False)
    if container().runs.draining:
        raise Draining
    shape = accepted_shape(request.headers.get("Accept", ""))
    body = json_object(request) if request.headers.get("Content-Type") else {}
    prompt = await in_database(prompt_of, user=caller.user, message=message)
    branch = Branch(prompt.parent, fresh=True)
    pictures = await in_database(parts_of, prompt.id)
    asked = Asked(prompt.content, prompt.conversation_id, branch, pictures)
    return await _answer(request, caller, shape, body, asked)


def _prompt(body: dict[str, Any], *, pictured: bool) -> str:
    """The prompt's text; pictures need none. Raises ``PromptRejected`` and ``PromptTooLong``."""
    content = body.get("content")
    if pictured and (content is None or (isinstance(content, str) and not content.strip())):
        return ""
    return validate_prompt(content, max_chars=settings.PROMPT_MAX_CHARS)


def _branch(body: dict[str, Any], conversation: UUID | None) -> Branch | None:
    """The place that ``parent`` names; ``None`` where the body has no such field: the conversation's end.
    Raises ``BadRequest``."""
    parent = body.get("parent")
    if "parent" not in body or (parent is None and conversation is None):
        return None
    if parent is None:
        return Branch(None)
    try:
        named = UUID(parent)
    except (ValueError, AttributeError, TypeError) as exc:
        raise field_fault("parent", "invalid", "Must be the id of an answer, or null.") from exc
    if conversation is None:
        raise field_fault("parent", "invalid", "A new conversation has no answer to follow.")
    return Branch(named)


async def _answer(
    request: HttpRequest, caller: Caller, shape: Shape, body: dict[str, Any], asked: Asked
) -> HttpResponseBase:
    parts, origin = container(), origin_of(request)
    model = named_model(body)
    caller.require_model(model)
    claim = idempotency_claim(request, body)
    # Nothing is stored before the limits and the named model are checked: a refusal leaves no trace.
    account = Account(caller.user, caller.key, end_user_of(request, caller))
    slot, release = await admit(parts, account, model)
    release = release and caller.narrowed(release, model)
    async with releasing(parts, caller.user, slot):
        release, chat = await _with_pictures(parts, release, caller.user, model, asked)
        new = NewTurn(
            user=caller.user,
            content=asked.prompt,
            conversation=asked.conversation,
            branch=asked.branch,
            requested_model=model,
            claim=claim,
            site=origin.site,
            request_id=origin.request_id,
            trace_id=origin.trace_id,
            language=origin.language,
            release=release,
            chat=chat,
            attachments=asked.attachments,
            key=account.key,
            end_user=account.end_user,
        )
        started = await parts.intake.start(new)
    events = parts.runs.follow(user=caller.user, message=started.message, origin=origin.site)
    response = await answer_response(with_slot(slot, events), shape, started.message, origin)
    if started.replayed:
        response["Idempotency-Replayed"] = "true"
    await add_limit_headers(response, parts, account, started.message)
    return response


async def _with_pictures(
    parts: Container, release: Release | None, user: int, model: str, asked: Asked
) -> tuple[Release | None, CallerChat | None]:
    """The chat that a model is shown where the prompt or an earlier one has pictures, and the rules that it was
    checked by. Raises ``BadRequest`` where no model sees the prompt's."""
    thread = asked.conversation
    earlier = await in_database(has_attachments, thread, user) if thread else False
    if not (earlier or asked.attachments):
        return release, None
    release = release or await parts.rules.for_person(user)
    history: Sequence[ChatMessage] = ()
    if thread:
        history = await in_database(_history, user, thread, asked.branch)
    chat = await pictured_chat(
        parts,
        release.rules_for(user),
        history,
        asked.prompt,
        asked.attachments,
        model=model,
        # Answered once more, the pictures are not in this request: its model is at fault.
        place="model" if asked.branch and asked.branch.fresh else "attachments[0]",
    )
    return release, chat


def _history(user: int, conversation: UUID, branch: Branch | None) -> Sequence[ChatMessage]:
    selectors.conversation_get(user=user, conversation=conversation)
    above = branch_to(conversation, branch.parent) if branch else None
    return pictured_history(conversation, branch=above)


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


async def admit(
    parts: Container, account: Account, model: str = ""
) -> tuple[StreamSlot, Release | None]:
    """Count the call, take a stream slot and look the model up, in one round trip. Raises the first
    refusal in the order rate limit, model, slots; a spent budget's before a rate's."""
    user = account.user or 0
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
        if isinstance(refusal, RateLimited):
            await parts.reservations.require_budget(account)
        raise refusal
    return cast("StreamSlot", slot), cast("Release | None", release)


async def _release_for(parts: Container, user: int, model: str) -> Release | None:
    """The rules that let the named model answer; ``None`` where none is named. Raises ``ModelUnknown`` and
    ``RulesUnavailable``."""
    if not model:
        return None
    release = await parts.rules.for_person(user)
    requested_decision(release.rules_for(user), model)
    return release


async def answer_response(
    events: EventStream, shape: Shape, message: UUID, origin: Origin
) -> HttpResponseBase:
    """The answer in the accepted shape. Where both are accepted the status waits for the decision:
    a text answer then streams, everything else is one object."""
    if shape is Shape.STREAM:
        return stream_response(await begun(events), message, origin)
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
