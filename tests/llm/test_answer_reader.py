"""Frames beside, around and after an answer, in both wire formats, read without sockets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from routing.domain.errors import ProviderRefused, ProviderStreamBroken
from routing.llm.providers.anthropic import Anthropic
from routing.llm.providers.base import EventError, Provider
from routing.llm.providers.finish_reasons import FinishReason
from routing.llm.providers.openai_compatible import OpenAICompatible
from tests.llm.reading import Read, read
from tests.llm.test_client import anthropic_answer, openai_answer
from tests.llm.wire import anthropic_frames, event, openai_chunk, openai_frames, openai_usage

pytestmark = pytest.mark.pure

TEXTS = ("The ", "terns ", "fly ", "south.")
WHOLE = "".join(TEXTS)
OPENAI, ANTHROPIC = OpenAICompatible(), Anthropic()
both = pytest.mark.parametrize("provider", [OPENAI, ANTHROPIC], ids=["openai", "anthropic"])
SILENT = [
    "data:\n\n", "data: \n\n", "data\n\n", "data: null\n\n", "data: ping\n\n", "data: \"ping\"\n\n",
    "data: keep-alive\n\n", "data: 2026-11-28T22:47:12Z\n\n", ": comment\n\n", ":\n", "\n\n\n",
    "event: ping\ndata: {\"time\": 1}\n\n", "event: ping\ndata: at once!\n\n", "data: {}\n\n",
    "event: heartbeat\ndata:\n\n", "id: 7\nretry: 10\n\n", "data: {\"type\": \"ping\"}\n\n",
]  # fmt: skip
LATE = [
    "data: {\"error\": {\"code\": 500, \"message\": \"sorry\"}}\n\n", "data: {\"choices\": [{\"del\n\n",
    event("error", error={"type": "overloaded_error", "message": "Overloaded"}),
    "data: {\"usage\": Infinity}\n\n", "data: {\"x\": NaN}\n\n", "data: <b>gone</b>\n\n", "data: [1]\n\n",
    "data: {\"choices\": 7, \"type\": \"content_block_delta\"}\n\n", "data: {\"cut", "data: [DONE]\n\n",
    "data: {\"choices\": [{\"delta\": {}, \"finish_reason\": \"error\"}]}\n\n",
    "data: " + "[" * 5_000 + "\n\n", "data: {\"choices\": " + "[" * 5_000 + "\n\n",
]  # fmt: skip


def frames(provider: Provider, *texts: str, finish: str | None = "") -> list[str]:
    """The provider's frames, with its own word for a whole answer."""
    if provider is OPENAI:
        return openai_frames(*texts, finish="stop" if finish == "" else finish)
    return anthropic_frames(*texts, finish="end_turn" if finish == "" else finish)


def heard(provider: Provider, said: Sequence[str], **settings: Any) -> Read:
    """The same, however the bytes are cut."""
    stream = "".join(said).encode()
    results = [read(provider, [stream], **settings)]
    if len(stream) < 10_000:
        results.append(read(provider, [bytes([byte]) for byte in stream], **settings))
        assert (results[0].text, results[0].finish) == (results[1].text, results[1].finish)
        assert type(results[0].error) is type(results[1].error)
    return results[0]


def is_whole(result: Read) -> bool:
    return (result.text, result.finish, result.error) == (WHOLE, FinishReason.STOP, None)


@both
@pytest.mark.parametrize("frame", SILENT)
def test_a_frame_that_says_nothing_is_skipped(provider: Provider, frame: str) -> None:
    said = frames(provider, *TEXTS)
    for place in range(len(said) + 1):
        assert is_whole(heard(provider, [*said[:place], frame, *said[place:]]))


@both
@pytest.mark.parametrize("frame", LATE)
def test_nothing_after_the_finish_spoils_the_answer(provider: Provider, frame: str) -> None:
    said = frames(provider, *TEXTS)
    last = len(said) - (provider is ANTHROPIC)
    assert is_whole(heard(provider, [*said[:last], frame, *said[last:]]))
    assert is_whole(heard(provider, [*said, frame, "data: [DONE]\n\n"]))


@pytest.mark.parametrize(
    "marker", ["[DONE]", " [DONE]", "[DONE] ", "\t[DONE]\t", "[DONE]\r", "[DONE].", "[DONE]\n"]
)
@both
def test_the_end_is_known_with_blanks_around_it(provider: Provider, marker: str) -> None:
    said = frames(provider, *TEXTS)[: None if provider is OPENAI else -1]
    beyond = openai_frames(" Never read.") if provider is OPENAI else anthropic_frames(" Never.")
    assert is_whole(heard(provider, [*said, f"data: {marker}\n\n", *beyond]))


@both
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_lines_end_in_three_ways_and_a_mark_may_come_first(
    provider: Provider, end: str, bom: str
) -> None:
    said = "".join(frames(provider, *TEXTS)).replace("\n", end)
    assert is_whole(heard(provider, [bom, said]))


@both
def test_separators_inside_a_text_are_text(provider: Provider) -> None:
    text = "a\u2028b\u0085c\x0bd\x1ce"
    said = [json.dumps(json.loads(f"[{json.dumps(text)}]"))]
    raw = [frame.replace(said[0][2:-2], text.replace("\x0b", "\\u000b").replace("\x1c", "\\u001c"))
           for frame in frames(provider, text)]  # fmt: skip
    assert heard(provider, raw).text == text


@both
def test_one_leading_blank_is_taken_off(provider: Provider) -> None:
    said = "".join(frames(provider, *TEXTS))
    assert is_whole(heard(provider, [said.replace("data: ", "data:")]))
    assert is_whole(heard(provider, [said.replace("data: ", "data:   ")]))


@both
def test_text_takes_an_early_finish_back(provider: Provider) -> None:
    early = [frame for text in TEXTS for frame in frames(provider, text)]
    early = [frame for frame in early if "message_stop" not in frame]

    assert is_whole(heard(provider, early))
    cut = heard(provider, early[:-1] if provider is OPENAI else early[:-2])
    assert isinstance(cut.error, ProviderStreamBroken)
    # A server that ends too early for sure is not believed once an error follows.
    error = 'data: {"error": {"message": "sorry"}, "type": "error"}\n\n'
    assert isinstance(heard(provider, [*early, error]).error, EventError)


def test_a_finish_beside_the_text_is_waited_for_longer() -> None:
    from routing.llm.providers.answer_reader import AnswerReader  # noqa: PLC0415

    for marked, seconds in ((True, 12.0), (False, 2.0)):
        answer = AnswerReader(OPENAI, "model")
        choice = {"delta": {"content": "The "}, "finish_reason": "stop" if marked else None}
        answer.feed(openai_chunk({"choices": [choice]}).encode())
        assert (answer.finish is not None) is marked
        answer.feed(openai_frames()[0].encode())
        assert answer.grace(stall=15.0) == seconds


@pytest.mark.parametrize("blank", ["", "\n\n  ", "\ufeff"])
@pytest.mark.parametrize("word", ["stop", "length", None, "zigzag"])
def test_an_object_instead_of_a_stream_is_the_answer(blank: str, word: str | None) -> None:
    ending = {"stop": FinishReason.STOP, "length": FinishReason.LENGTH}.get(
        word or "", FinishReason.OTHER
    )
    for provider, whole in ((OPENAI, openai_answer), (ANTHROPIC, anthropic_answer)):
        body = json.dumps(whole(WHOLE, finish=word), indent=1)  # type: ignore[arg-type]
        result = heard(provider, [blank, body])
        assert (result.text, result.finish, result.error) == (WHOLE, ending, None)
        assert result.usage == whole("")["usage"]


def test_an_object_that_is_no_answer_has_the_error_of_one() -> None:
    for provider in (OPENAI, ANTHROPIC):
        assert isinstance(heard(provider, ['{"error": {"message": "no"}}']).error, EventError)
        for body in ('{"half": ', "{}", '{"choices": []}', '{"a": 1}{"b": 2}', "[]", "<html>", ""):
            assert isinstance(heard(provider, [body]).error, ProviderStreamBroken), body
    refused = heard(OPENAI, [json.dumps(openai_answer("", "content_filter"))])
    assert isinstance(refused.error, ProviderRefused)
    broken = heard(OPENAI, [json.dumps(openai_answer("Half", "error"))])
    assert isinstance(broken.error, ProviderStreamBroken)


@both
def test_an_end_alone_is_a_finish_where_the_model_is_marked_so(provider: Provider) -> None:
    said = [
        frame
        for frame in frames(provider, *TEXTS)
        if "finish_reason" not in frame and "message_delta" not in frame
    ]
    said += ["data: [DONE]\n\n"]

    assert is_whole(heard(provider, said, ends_without_finish=True))
    assert isinstance(heard(provider, said).error, ProviderStreamBroken)
    if provider is OPENAI:  # without an end it was cut
        cut = heard(provider, said[:-1], ends_without_finish=True)
        assert isinstance(cut.error, ProviderStreamBroken)


def test_a_null_takes_no_usage_back() -> None:
    said = anthropic_frames(*TEXTS)[:-2]
    nulls = {"input_tokens": None, "output_tokens": 5, "cache_read_input_tokens": None}
    said.append(event("message_delta", delta={"stop_reason": "end_turn"}, usage=nulls))
    assert heard(ANTHROPIC, said).usage == {"input_tokens": 9, "output_tokens": 5}

    late = openai_chunk({"choices": [], "usage": {"prompt_tokens": None, "completion_tokens": 7}})
    told = heard(OPENAI, [*openai_frames(*TEXTS), openai_usage(9, 5), late]).usage
    assert (told["prompt_tokens"], told["completion_tokens"]) == (9, 7)
    for odd in ("none", 5, [5], None):
        body = openai_chunk({"choices": [], "usage": odd})
        assert heard(OPENAI, [*openai_frames(*TEXTS), openai_usage(9, 5), body]).usage == told | {
            "completion_tokens": 5
        }
