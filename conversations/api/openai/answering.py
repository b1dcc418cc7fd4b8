"""Answers of runs over HTTP: one object at the end, or a stream whose headers wait for the first token, so
that a failure before it has a status. Shared by the endpoints of ``/v1/`` that answer chats.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from conversations.adapters.limits import StreamSlot
from conversations.api.ask import admit
from conversations.api.images import with_signed_picture
from conversations.api.limit_headers import add_limit_headers
from conversations.api.openai.calls import decision_headers
from conversations.api.openai.chat_encoder import cost_of
from conversations.api.openai.errors import problem_response
from conversations.api.responses import encoded, event_stream, json_response, with_slot
from conversations.bootstrap import Container
from conversations.domain.booking import Account
from conversations.domain.errors import RunInterrupted
from conversations.domain.problems import problem_of
from conversations.engine.events import Decided, Event, Failed, Finished, Thought, Token, ToolCall
from conversations.runs.joining import JoinedRun
from conversations.runs.run import IDLE_SECONDS, EventStream
from routing.common.tasks import ended
from routing.domain.actions import ACTIONS

HEADER_SECONDS = 8.0
"""How long the headers of a stream wait for its first token, at most."""


class StreamEncoder(Protocol):
    """Makes the frames of one stream. ``ended``: the last frames were made."""

    ended: bool

    def encode(self, event: Event) -> Iterator[bytes]:
        """The frames of one event."""
        ...


@dataclass(slots=True)
class AnswerReading:
    """An answer that is being read: its events so far, the decision and the end, once they are known.
    ``prompt`` is the parameter that has the prompt."""

    joined: JoinedRun
    events: EventStream
    prompt: str
    seen: list[Event] = field(default_factory=list)
    decided: Decided | None = None
    end: Finished | Failed | None = None

    @property
    def created(self) -> int:
        """Unix seconds."""
        return int(self.joined.begun.timestamp())

    async def read_until(self, *, first_token: bool) -> None:
        """Read to the end, or until the first text, thought or tool call of an answer that streams."""
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
        """Whether text, a thought or a tool call of an answer that streams is there."""
        streams = self.decided and ACTIONS[self.decided.decision.action].streams
        return bool(streams) and any(
            isinstance(event, Token | Thought | ToolCall) for event in self.seen
        )


Answered = HttpResponse | AsyncGenerator[bytes, None]
"""A whole response, or the frames of one that streams."""


async def limited_response(
    parts: Container,
    account: Account,
    begin: Callable[[Awaitable[None]], Awaitable[AnswerReading]],
    answer: Callable[[AnswerReading], Awaitable[Answered]],
    *,
    detached: bool = False,
) -> HttpResponseBase:
    """Count the call, hold a stream slot until the answer is out, begin the run and tell of it in
    headers. ``begin`` awaits the counting that it is given before it begins. A ``detached`` run, which goes
    on without its client, holds the slot to its end. Raises the refusals of the limits."""
    slots: list[StreamSlot] = []

    async def counting() -> None:
        slots.append((await admit(parts, account))[0])

    try:
        reading = await begin(counting())
        answered = await answer(reading)
    except BaseException:
        for taken in slots:
            taken.release()
        raise
    (slot,) = slots
    if detached:
        held = _hold(slot.share(), parts.runs.wait(reading.joined.message))
        parts.background.start("detached answers", held)
    response: HttpResponseBase
    if isinstance(answered, HttpResponse):
        slot.release()
        response = answered
    else:
        response = event_stream(with_slot(slot, answered))
    _describe(response, reading)
    await add_limit_headers(response, parts, account, reading.joined.message)
    return response


async def _hold(slot: StreamSlot, ending: Awaitable[None]) -> None:
    try:
        await ending
    finally:
        slot.release()


def _describe(response: HttpResponseBase, reading: AnswerReading) -> None:
    """Tell the decision in headers, as far as it is known when they go out."""
    if reading.joined.replayed:
        response["Idempotency-Replayed"] = "true"
    if reading.decided:
        decision, cache = reading.decided.decision, reading.decided.cache
        for name, value in decision_headers(decision, cache.outcome).items():
            response[name] = value


async def whole_answer(
    reading: AnswerReading, render: Callable[[Mapping[str, Any]], Mapping[str, Any]]
) -> HttpResponse:
    """One object, at the end; ``render`` makes it of the message object."""
    async with aclosing(reading.events):
        await reading.read_until(first_token=False)
    match reading.end:
        case Finished(message) if message["status"] == "complete":
            response = json_response(render(with_signed_picture(message)))
            response["X-Assistant-Cost"] = cost_of(message)
            return response
        case Failed(problem):
            return problem_response(problem, prompt=reading.prompt)
        case _:
            return problem_response(problem_of(RunInterrupted()))


async def streamed_answer(
    parts: Container, request: HttpRequest, reading: AnswerReading, encoder: StreamEncoder
) -> Answered:
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
        return problem_response(reading.end.problem, prompt=reading.prompt)
    return stream_frames(_opened(opening, reading), encoder)


async def _opened(opening: asyncio.Task[None], reading: AnswerReading) -> EventStream:
    """The events that the opening reads, then the others; empty batches while it waits."""
    try:
        while not (await asyncio.wait({opening}, timeout=IDLE_SECONDS))[0]:
            yield ()
        opening.result()
        yield list(enumerate(reading.seen, start=1))
        async for batch in reading.events:
            yield batch
    finally:
        await _close(opening, reading)


def stream_frames(events: EventStream, encoder: StreamEncoder) -> AsyncGenerator[bytes, None]:
    """The frames of a run's events, to the terminal one; a comment for a silence."""

    def encode(_: int, event: Event) -> bytes:
        return b"".join(encoder.encode(_shown(event)))

    return encoded(events, encode, lambda: encoder.ended)


async def _close(opening: asyncio.Task[None], reading: AnswerReading) -> None:
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
