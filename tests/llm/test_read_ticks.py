"""Reads of providers' sockets gathered in ticks: when, and what is never held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from aiohttp import web

from routing.domain.llm import ChatMessage, RawChunk
from routing.llm.providers.client import Credential, ProviderClient
from routing.llm.providers.read_ticks import (
    LATE_SECONDS,
    LONGEST_TICK,
    SHORTEST_TICK,
    ReadTicks,
    TickMode,
    next_tick,
)
from tests.llm.conftest import GPT
from tests.llm.wire import Wire, openai_frames, wire_server

PROMPT = (ChatMessage("user", "Tell me about terns."),)
TOKENS = [f"{number} " for number in range(50)]
FRAMES = openai_frames(*TOKENS)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with wire_server() as running:
        yield running


class Client:
    """A provider client of one mode, closed with its block."""

    def __init__(self, wire: Wire, mode: TickMode) -> None:
        credential = Credential("sk-none", f"{wire.url}/v1")
        self.client = ProviderClient({"openai": credential}, ticks=mode)

    async def __aenter__(self) -> ProviderClient:
        return self.client

    async def __aexit__(self, *_: object) -> None:
        await self.client.leave()


async def heard(client: ProviderClient) -> list[RawChunk]:
    async with aclosing(client.stream(GPT, PROMPT)) as chunks:
        return [chunk async for chunk in chunks]


def text_of(chunks: list[RawChunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


def one_by_one(*frames: str) -> list[str | float]:
    """Each frame a write of its own, with a turn of the event loop behind it."""
    return [part for frame in frames for part in (frame, 0.0, 0.0)]


async def test_held_tokens_are_read_together(wire: Wire) -> None:
    wire.say(*one_by_one(*FRAMES, "data: [DONE]\n\n"))
    pieces = dict[TickMode, int]()
    for mode in (TickMode.NEVER, TickMode.ALWAYS):
        async with Client(wire, mode) as client:
            chunks = await heard(client)
        assert text_of(chunks) == "".join(TOKENS)
        assert chunks[-1].finish_reason == "stop"
        pieces[mode] = len(chunks)

    assert pieces[TickMode.ALWAYS] <= pieces[TickMode.NEVER] / 2


async def test_neither_the_first_token_nor_a_thought_before_it_is_held(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = asyncio.Event()
    monkeypatch.setattr(ReadTicks, "hold", lambda *_: held.set())
    thoughts = openai_frames(finish=None, reasoning_content="hm")
    wire.say(*one_by_one(*thoughts, *thoughts), *FRAMES[:1], float("inf"))
    async with (
        Client(wire, TickMode.ALWAYS) as client,
        aclosing(client.stream(GPT, PROMPT)) as chunks,
    ):
        while not (await anext(chunks)).text:
            assert not held.is_set()
        assert not held.is_set()
        waiting = asyncio.ensure_future(anext(chunks))
        await held.wait()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_nothing_is_held_after_the_finish(wire: Wire) -> None:
    # Without a [DONE] the reader waits for the usage, as long as its grace says.
    wire.say(*FRAMES, float("inf"))
    async with Client(wire, TickMode.ALWAYS) as client:
        chunks = await heard(client)
        assert client.ticks.tick == LONGEST_TICK

    assert chunks[-1].finish_reason == "stop"


async def test_a_held_stream_is_stopped_at_once(wire: Wire) -> None:
    wire.say(FRAMES[0], float("inf"))
    async with Client(wire, TickMode.ALWAYS) as client:
        async with aclosing(client.stream(GPT, PROMPT)) as chunks:
            await anext(chunks)
            waiting = asyncio.ensure_future(anext(chunks))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        async with asyncio.timeout(5):
            await wire.left.wait()
        # Its socket is gone; the next stream is read all the same.
        wire.say(*one_by_one(*FRAMES))
        assert text_of(await heard(client)) == "".join(TOKENS)


async def test_a_connection_is_used_again_after_ticks(wire: Wire) -> None:
    ports = set[int]()

    async def reply(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for frame in (*FRAMES, "data: [DONE]\n\n"):
            await response.write(frame.encode())
        return response

    wire.reply = reply
    async with Client(wire, TickMode.ALWAYS) as client:
        for _ in range(3):
            assert text_of(await heard(client)) == "".join(TOKENS)

    assert len(ports) == 1


class Clock:
    """The event loop's clock, which a test puts forward."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        real, self.ahead = loop.time, 0.0
        monkeypatch.setattr(loop, "time", lambda: real() + self.ahead)

    async def jump(self, ticks: ReadTicks, seconds: float) -> None:
        """Have the next timer fire so much too late."""
        self.ahead += seconds
        for _ in range(100):
            if ticks.lag:
                return
            await asyncio.sleep(0)
        raise AssertionError("no timer fired")


async def test_a_loop_that_falls_behind_reads_in_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, ticks = Clock(monkeypatch), ReadTicks()
    with ticks.stream():
        assert ticks.tick == 0
        await clock.jump(ticks, 1.0)
        assert ticks.lag > 0.5
        assert ticks.tick == LONGEST_TICK
    # With the last stream the timer ends, and nothing is held.
    assert (ticks.tick, ticks.lag) == (0, 0)


@pytest.mark.parametrize(("mode", "tick"), [(TickMode.NEVER, 0.0), (TickMode.ALWAYS, LONGEST_TICK)])
async def test_a_mode_that_is_forced_knows_no_lag(
    monkeypatch: pytest.MonkeyPatch, mode: TickMode, tick: float
) -> None:
    clock, ticks = Clock(monkeypatch), ReadTicks(mode)
    with ticks.stream():
        await clock.jump(ticks, 1.0)
        assert ticks.tick == tick


def test_ticks_grow_with_the_lag_and_shrink_without() -> None:
    grown, lengths = 0.0, []
    for _ in range(20):
        grown = next_tick(grown, 2 * LATE_SECONDS)
        lengths.append(grown)
    assert lengths[0] == SHORTEST_TICK
    assert lengths == sorted(lengths)
    assert lengths[-1] == LONGEST_TICK

    for _ in range(30):
        grown = next_tick(grown, LATE_SECONDS / 2)
    assert grown == 0
    assert next_tick(0, LATE_SECONDS) == 0
    assert next_tick(0, 60) == LONGEST_TICK
