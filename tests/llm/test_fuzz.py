"""Fuzz tests of the readers of replies: any bytes, any cuts, any JSON in any field, both wire formats.

``FUZZ_CASES`` is the number of replies that are read, all tests together: 20,000 here, a million by
``make fuzz``. A case is one reply in one provider's format, cut in one way.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversations.engine.engine import Engine
from conversations.engine.events import Reset
from conversations.runs.run import Run, is_terminal, text_of
from routing.domain.errors import NoProviderAvailable, ProviderError, ProviderStreamBroken
from routing.llm.failover.chat import FailoverChat
from routing.llm.providers.answer_reader import AnswerReader
from routing.llm.providers.anthropic import Anthropic
from routing.llm.providers.base import EventError, Provider
from routing.llm.providers.client import Credential, ProviderClient
from routing.llm.providers.errors import to_provider_error
from routing.llm.providers.finish_reasons import FinishReason
from routing.llm.providers.openai_compatible import OpenAICompatible
from routing.llm.providers.tool_calls import ToolCalls
from tests.fakes import GPT, FakeCache, ports, turn
from tests.llm.reading import Read, read
from tests.llm.wire import anthropic_frames, openai_frames

CASES = int(os.environ.get("FUZZ_CASES", "20000"))
# Seconds of one test: its share of the cases grows with them.
pytestmark = pytest.mark.timeout(60 + CASES // 200)
CUTS = 5
"""Ways in which each stream is cut."""
PROVIDERS: tuple[Provider, ...] = (OpenAICompatible(), Anthropic())
WORDS = (
    "stop", "STOP", "end_turn", "length", "max_tokens", "content_filter", "error", "aborted", "zigzag", "",
    "null", "tool_calls", "refusal", "pause_turn",
)  # fmt: skip
KEYS = (
    "choices", "delta", "content", "finish_reason", "native_finish_reason", "error", "message", "usage", "type",
    "text", "content_block", "stop_reason", "index", "prompt_tokens", "output_tokens", "input_tokens", "refusal",
    "reasoning_content", "code", "base_resp", "tool_calls", "function", "name", "arguments", "id", "input",
    "logprobs", "partial_json", "thinking",
)  # fmt: skip
TYPES = (
    "message_start", "content_block_start", "content_block_delta", "message_delta", "message_stop", "ping",
    "error", "text_delta", "thinking_delta", "text", "tool_use", "input_json_delta",
)  # fmt: skip

texts = st.one_of(
    st.sampled_from(("a", "The terns ", "\u2028", "\ud83d", "<think>", "\x00", " ")),
    st.text(max_size=8),
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), texts,
    st.sampled_from((*WORDS, *TYPES)),
)  # fmt: skip
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=8,
)


def one_of_json(form: Callable[[Any, Any, Any], Any]) -> st.SearchStrategy[Any]:
    """Events of one form: with a text, a finish, and a third field of any JSON."""
    return st.builds(form, texts, st.sampled_from(WORDS), anything)


events = st.one_of(
    one_of_json(lambda text, _, more: {"choices": [{"delta": {"content": text}}], "usage": more}),
    one_of_json(lambda text, word, _: {"choices": [{"delta": {"content": text}, "finish_reason": word}]}),
    one_of_json(lambda _, word, more: {"choices": [{"delta": {}, "finish_reason": word}], "id": more}),
    one_of_json(lambda _, word, more: {"choices": [{"delta": more, "finish_reason": word}]}),
    one_of_json(lambda text, _, more: {"choices": [{"delta": {"content": [text, more]}, "error": more}]}),
    one_of_json(lambda text, word, more: {
        "choices": [{"message": {"content": text}, "finish_reason": word}], "usage": more}),
    one_of_json(lambda text, word, more: {
        "type": "message", "content": [{"type": "text", "text": text}], "stop_reason": word, "usage": more}),
    one_of_json(lambda text, _, more: {
        "type": "content_block_delta", "delta": {"type": "text_delta", "text": text}, "index": more}),
    one_of_json(lambda _, word, more: {
        "type": "message_delta", "delta": {"stop_reason": word}, "usage": more}),
    one_of_json(lambda *_: {"type": "message_stop"}),
    one_of_json(lambda text, word, more: {"choices": [{"delta": {"tool_calls": [
        {"index": more, "id": word, "function": {"name": text, "arguments": text}}]}, "logprobs": more}]}),
    one_of_json(lambda text, _, more: {"choices": [{"delta": {"tool_calls": more, "reasoning": text}}]}),
    one_of_json(lambda text, word, more: {"type": "content_block_start", "index": 0, "content_block": {
        "type": "tool_use", "id": word, "name": text, "input": more}}),
    one_of_json(lambda text, _, more: {"type": "content_block_delta", "index": 0, "delta": {
        "type": "input_json_delta", "partial_json": text, "more": more}}),
    one_of_json(lambda _, word, more: {"type": word, "error": more, "message": more}),
    anything,
)  # fmt: skip
frames = st.one_of(
    events.map(lambda event: f"data: {json.dumps(event)}\n\n".encode()),
    st.sampled_from((
        b"data: [DONE]\n\n", b"data:\n\n", b": c\n\n", b"event: ping\ndata: {}\n\n", b"data: null\r\n\r\n",
        b"\xef\xbb\xbf", b"data: {\"cut\n\n", b"data: Infinity\n\n", b"\r", b"event: error\ndata: no\n\n",
    )),
    events.map(lambda event: json.dumps(event).encode()),
    st.binary(max_size=12),
)  # fmt: skip
odd_streams = st.lists(frames, max_size=8).map(b"".join)


def reply(kind: int, said: list[str], word: str, odd: bytes, place: int) -> bytes:
    """A plain reply of one provider, with an odd frame somewhere."""
    whole = (openai_frames, anthropic_frames)[kind](*said, finish=word)
    plain = [frame.encode() for frame in whole]
    return b"".join([*plain[:place], odd, *plain[place:]])


near_misses = st.builds(
    reply,
    st.integers(0, 1),
    st.lists(st.sampled_from(("The ", "terns ", "<think>", "\u2028")), min_size=1, max_size=3),
    st.sampled_from(WORDS),
    st.one_of(st.just(b""), frames),
    st.integers(0, 8),
)
streams = st.one_of(near_misses, near_misses, odd_streams)
cuts = st.lists(st.lists(st.integers(0, 400), max_size=6), min_size=CUTS - 2, max_size=CUTS - 2)


def examples(share: int) -> settings:
    """A share, in per cent, of all cases."""
    count = max(1, CASES * share // 100 // (CUTS * len(PROVIDERS)))
    return settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )


def pieces(stream: bytes, edges: list[int]) -> list[bytes]:
    """The stream, cut at these places."""
    places = [0, *sorted(min(edge, len(stream)) for edge in edges), len(stream)]
    return [stream[start:end] for start, end in pairwise(places)]


def check(stream: bytes, ways: list[list[int]]) -> None:
    """Read the stream in each format and cut in each way, and hold what came of it against the rules."""
    for provider in PROVIDERS:
        results = [read(provider, pieces(stream, way)) for way in ways]
        results += [read(provider, [stream]), read(provider, [bytes([byte]) for byte in stream])]
        for result in results:
            judge(result, stream)
        told = {
            (result.text, result.piece.thought, calls_of(result), result.finish, type(result.error))
            for result in results
        }
        assert len(told) == 1, "the network's cuts decide"


def judge(result: Read, stream: bytes) -> None:
    """One reply: an answer of a known end with text, or one error of our tree."""
    if result.error is not None:
        assert isinstance(result.error, EventError | ProviderError)
        assert isinstance(to_provider_error(result.error, GPT), ProviderError)
        return
    assert result.piece.answers
    assert result.finish is not None
    assert result.finish is not FinishReason.BROKEN
    if result.finish is FinishReason.STOP:
        assert ended_well(stream)


def calls_of(result: Read) -> tuple[Any, ...]:
    """The calls as they would be told, or the error in their place; ids that are made up differ."""
    calls = ToolCalls("model")
    try:
        told = (*calls.feed(result.piece.calls), *calls.end())
    except ProviderStreamBroken:
        return ("broken",)
    joined: dict[int, tuple[str, str]] = {}
    for each in told:
        name, arguments = joined.get(each.index, (each.name, ""))
        joined[each.index] = (name, arguments + each.arguments)
    assert all(name for name, _ in joined.values())
    "".join(name + arguments for name, arguments in joined.values()).encode()
    return tuple(sorted(joined.items()))


def ended_well(stream: bytes) -> bool:
    """Whether one of the words above that mean a whole answer is in the bytes."""
    return any(f'"{word}"'.encode() in stream for word in ("stop", "STOP", "end_turn"))


@pytest.mark.pure
@examples(20)
@given(stream=st.binary(max_size=300), ways=cuts)
def test_any_bytes(stream: bytes, ways: list[list[int]]) -> None:
    check(stream, ways)


@pytest.mark.pure
@examples(75)
@given(stream=streams, ways=cuts)
def test_any_frames_with_any_json_in_any_field(stream: bytes, ways: list[list[int]]) -> None:
    check(stream, ways)


@examples(5)
@given(said=st.tuples(streams, streams), ways=st.lists(cuts, min_size=2, max_size=2))
def test_the_listener_hears_what_is_kept_and_only_whole_answers_are_stored(
    said: tuple[bytes, bytes], ways: list[list[list[int]]]
) -> None:
    with asyncio.Runner() as runner:
        for first, second in zip(*ways, strict=True):
            runner.run(answer_of(said, (first, second)))


class _Site:
    """The engine on the provider client, whose sockets say what a case says."""

    def __init__(self) -> None:
        self.replies: dict[str, list[bytes]] = {}
        self.cache = FakeCache()
        keys = {"openai": Credential("k", "http://o/v1"), "anthropic": Credential("k", "http://a")}
        client = ProviderClient(keys)
        client._http._response = self._response  # type: ignore[method-assign]
        self.engine = Engine(ports(chat=FailoverChat(client), cache=self.cache))

    @asynccontextmanager
    async def _response(self, request: Any) -> AsyncIterator[Any]:
        left = list(filter(None, self.replies[request.provider.name]))

        async def readany() -> bytes:
            return left.pop(0) if left else b""

        yield SimpleNamespace(content=SimpleNamespace(readany=readany))


_sites: list[_Site] = []


async def answer_of(said: tuple[bytes, bytes], ways: tuple[list[int], list[int]]) -> None:
    """One question, whose two models say this."""
    site = _sites[0] if _sites else _Site()
    _sites[:] = [site]
    names = ("openai", "anthropic")
    site.replies = {
        name: pieces(*each) for name, each in zip(names, zip(said, ways, strict=True), strict=True)
    }
    site.cache.stored.clear()
    run = Run(turn())
    try:
        answer = await site.engine.answer(run.turn, run)
    except NoProviderAvailable:
        assert not site.cache.stored
        return
    run.flush()
    for work in (*run.deferred, *run.follow_ups):
        await work()
    assert text_of(run.events) == answer.content == run.outcome(None).content
    assert not any(map(is_terminal, run.events)), "the run's owner sends the one terminal event"
    if site.cache.stored:
        assert answer.finish_reason == "stop"
        assert not any(isinstance(event, Reset) for event in run.events)
        assert ended_well(said[0]) or ended_well(said[1])


ADVERSARIAL = {
    "no line end": b"x", "line ends": b"\n", "carriage returns": b"\r", "both": b"\r\n", "comments": b": c\n",
    "one event of many lines": b"data: 1\n", "blank events": b"data:\n\n", "an object": b'{"a": [{"b":',
    "marks": b"\xef\xbb\xbf", "texts": b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n',
    "finishes": b'data: {"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]}\n\n',
    "half objects": b'data: {"choices": [\n', "quotes": b'data: "a" ',
}  # fmt: skip


@pytest.mark.pure
@pytest.mark.parametrize("unit", ADVERSARIAL.values(), ids=ADVERSARIAL.keys())
@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_the_work_is_linear_in_the_bytes(provider: Provider, unit: bytes) -> None:
    def seconds(length: int) -> float:
        stream, answer = unit * (length // len(unit)), AnswerReader(provider, "model")
        began = time.process_time()
        for start in range(0, len(stream), 7):
            answer.feed(stream[start : start + 7])
        return time.process_time() - began

    short, long = (min(seconds(length) for _ in range(3)) for length in (40_000, 320_000))
    # Eight times the bytes: eight times the work, or 64 times where it is quadratic.
    assert long < 24 * short + 0.05
