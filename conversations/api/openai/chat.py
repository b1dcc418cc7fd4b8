"""``POST /v1/chat/completions``: the caller's chat is answered by the rules, or by a model that it names.

Headers wait for the first token, so that a failure before it has a status; then the answer streams. A
client that leaves stops the answer, unless others have joined it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from conversations.api.authentication import authenticate
from conversations.api.images import with_signed_picture
from conversations.api.openai.chat_encoder import (
    KEEP_ALIVE,
    ChunkEncoder,
    completion_object,
    cost_of,
)
from conversations.api.openai.chat_request import (
    CompletionRequest,
    parse_completion_request,
)
from conversations.api.openai.errors import ParameterFault, problem_response
from conversations.api.openai.parameters import name_ignored
from conversations.api.requests import MAX_KEY, field_fault, json_body, origin_of
from conversations.api.responses import event_stream, json_response, native, with_slot
from conversations.bootstrap import Container, container
from conversations.db.access import AWAY
from conversations.domain.api_keys import Caller, Scope
from conversations.domain.errors import DatabaseAway, Draining, RunInterrupted
from conversations.domain.problems import problem_of
from conversations.engine.events import Decided, Event, Failed, Finished, Token
from conversations.engine.types import Turn
from conversations.models import new_id
from conversations.runs.joining import JoinedRun, RequestKey, request_key
from conversations.runs.run import IDLE_SECONDS, EventStream
from routing.common.tasks import ended
from routing.domain.actions import ACTIONS
from routing.domain.decide import requested_decision
from routing.domain.errors import (
    AssistantError,
    OptionUnsupported,
    PromptRejected,
    PromptTooLong,
)
from routing.domain.release import Release
from routing.domain.rules import RuleSet
from routing.guard.validation import validate_prompt

HEADER_SECONDS = 8.0
"""How long the headers of a stream wait for its first token, at most."""
MAX_PROMPT_CHARS = 1_000_000
"""Characters of the last user text, which the guard reads: some 250,000 tokens."""


@dataclass(slots=True)
class _Reading:
    """An answer that is being read: its events so far, the decision and the end, once they are known."""

    joined: JoinedRun
    events: EventStream
    seen: list[Event] = field(default_factory=list)
    decided: Decided | None = None
    end: Finished | Failed | None = None

    @property
    def created(self) -> int:
        """Unix seconds."""
        return int(self.joined.begun.timestamp())

    async def read_until(self, *, first_token: bool) -> None:
        """Read to the end, or until the first text of an answer that streams."""
        async for batch in self.events:
            for _, event in batch:
                self.seen.append(event)
                if isinstance(event, Decided):
                    self.decided = event
                elif isinstance(event, Finished | Failed):
                    self.end = event
                    return
            if first_token and self.has_text():
                return

    def has_text(self) -> bool:
        """Whether text of an answer that streams is there."""
        streams = self.decided and ACTIONS[self.decided.decision.action].streams
        return bool(streams) and any(isinstance(event, Token) for event in self.seen)


@native
async def complete(request: HttpRequest) -> HttpResponseBase:
    """Answer a chat."""
    parts, caller = container(), await authenticate(request, Scope.CHAT)
    if parts.runs.draining:
        raise Draining
    # Not ``request.body``, whose limit is that of forms; the server's own has let this one in.
    body = request.read()
    lenient = bool(caller.grant and caller.grant.lenient)
    asked, ignored = parse_completion_request(json_body(body), lenient=lenient)
    # What costs nothing is checked before the call is counted.
    caller.require_model(asked.requested_model)
    _check_prompt(asked)
    release = await parts.rules.current()
    _check_model(parts, release.rules_for(caller.user), asked)
    await parts.rate_limits.hit("ask", str(caller.user))
    slot = await parts.stream_limits.acquire(caller.user)
    try:
        key = _request_key(request, caller, body)
        joined = await parts.joining.join(key, _turn(request, caller, asked, release))
        reading = _Reading(joined, parts.joining.follow(joined))
        answered = await (
            _stream(parts, request, asked, reading) if asked.stream else _whole(reading)
        )
    except BaseException:
        slot.release()
        raise
    if isinstance(answered, HttpResponseBase):
        slot.release()
        response = answered
    else:
        response = event_stream(with_slot(slot, answered))
    _describe(response, reading)
    name_ignored(response, ignored)
    return response


def _describe(response: HttpResponseBase, reading: _Reading) -> None:
    """Tell the decision in headers, as far as it is known when they go out."""
    if reading.joined.replayed:
        response["Idempotency-Replayed"] = "true"
    if reading.decided:
        decision, cache = reading.decided.decision, reading.decided.cache
        response["X-Assistant-Decision"] = (
            f"action={decision.action};source={decision.source};rule={decision.rule or ''}"
            f";ruleset={'' if decision.ruleset is None else decision.ruleset}"
        )
        response["X-Assistant-Model"] = decision.model or ""
        response["X-Assistant-Cache"] = cache.outcome


def _check_prompt(asked: CompletionRequest) -> None:
    """Raises ``ParameterFault`` at the message of the prompt."""
    try:
        validate_prompt(asked.prompt, max_chars=MAX_PROMPT_CHARS)
    except PromptTooLong as error:
        raise ParameterFault(asked.prompt_path, str(error), "context_length_exceeded") from error
    except PromptRejected as error:
        raise ParameterFault(asked.prompt_path, str(error)) from error


def _check_model(parts: Container, rules: RuleSet, asked: CompletionRequest) -> None:
    """A model that was named answers with all parameters, or not at all: no other takes its place for
    them. Raises ``ModelUnknown`` and ``OptionUnsupported``."""
    if not asked.requested_model:
        return
    requested_decision(rules, asked.requested_model)
    model = rules.model(asked.requested_model)
    option = parts.llm.unsupported(model, asked.options) if model else None
    if model and option:
        raise OptionUnsupported(option, [model.name])


def _request_key(request: HttpRequest, caller: Caller, body: bytes) -> RequestKey:
    own = request.headers.get("Idempotency-Key", "").strip()
    if len(own) > MAX_KEY:
        raise field_fault("Idempotency-Key", "too_long", f"At most {MAX_KEY} characters.")
    retried = request.headers.get("x-stainless-retry-count", "0").strip() not in {"", "0"}
    return request_key(caller.user, request.path, body, own=own, retried=retried)


def _turn(request: HttpRequest, caller: Caller, asked: CompletionRequest, release: Release) -> Turn:
    origin, message = origin_of(request), new_id()
    return Turn(
        user=caller.user,
        conversation=message,
        message=message,
        user_message=message,
        prompt=asked.prompt,
        first=True,
        trace_id=origin.trace_id,
        requested_model=asked.requested_model or None,
        origin=origin.site,
        request_id=origin.request_id,
        release=release,
        begun=timezone.now(),
        chat=asked.caller_chat(),
    )


async def _whole(reading: _Reading) -> HttpResponse:
    """One object, at the end."""
    async with aclosing(reading.events):
        await reading.read_until(first_token=False)
    match reading.end:
        case Finished(message) if message["status"] == "complete":
            response = json_response(
                completion_object(with_signed_picture(message), reading.created, reading.seen)
            )
            response["X-Assistant-Cost"] = cost_of(message)
            return response
        case Failed(problem):
            return problem_response(problem)
        case _:
            return problem_response(problem_of(RunInterrupted()))


async def _stream(
    parts: Container, request: HttpRequest, asked: CompletionRequest, reading: _Reading
) -> HttpResponseBase | AsyncGenerator[bytes, None]:
    """The frames of a stream; a failure before its first text is a response of its own."""
    opening = parts.background.start(
        "openings of streams", reading.read_until(first_token=True), awaited=True
    )
    try:
        await asyncio.wait({opening}, timeout=_header_seconds(request))
    except BaseException:
        await _close(opening, reading)
        raise
    if opening.done() and isinstance(reading.end, Failed) and not reading.has_text():
        await _close(opening, reading)
        return problem_response(reading.end.problem)
    usage = bool(asked.stream_options and asked.stream_options.include_usage)
    encoder = ChunkEncoder(
        reading.joined.message, reading.created, asked.model, include_usage=usage
    )
    return _frames(opening, reading, encoder)


async def _frames(
    opening: asyncio.Task[None], reading: _Reading, encoder: ChunkEncoder
) -> AsyncGenerator[bytes, None]:
    try:
        while not (await asyncio.wait({opening}, timeout=IDLE_SECONDS))[0]:
            yield KEEP_ALIVE
        opening.result()
        yield b"".join(frame for event in reading.seen for frame in encoder.encode(_shown(event)))
        while not encoder.ended:
            try:
                batch = await anext(reading.events)
            except StopAsyncIteration:
                yield b"".join(encoder.fail(problem_of(RunInterrupted())))
                return
            frames = [frame for _, event in batch for frame in encoder.encode(_shown(event))]
            yield b"".join(frames) or KEEP_ALIVE
    # The status is sent by now: an error can only be a frame.
    except AssistantError as error:
        yield b"".join(encoder.fail(problem_of(error)))
    except AWAY as exc:
        yield b"".join(encoder.fail(problem_of(DatabaseAway.of(exc))))
    finally:
        await _close(opening, reading)


async def _close(opening: asyncio.Task[None], reading: _Reading) -> None:
    await ended({opening})
    await reading.events.aclose()


def _shown(event: Event) -> Event:
    """The event as it goes out: a picture with the signature of its address."""
    if isinstance(event, Finished):
        if event.message["status"] != "complete":
            return Failed(problem_of(RunInterrupted()))
        return Finished(with_signed_picture(event.message))
    return event


def _header_seconds(request: HttpRequest) -> float:
    """Half of the client's own time-out, if it says one: its patience is for the first byte."""
    try:
        patience = float(request.headers.get("x-stainless-read-timeout", ""))
    except ValueError:
        return HEADER_SECONDS
    return min(HEADER_SECONDS, patience / 2) if patience > 0 else HEADER_SECONDS
