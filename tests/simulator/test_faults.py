"""Faults as the official SDKs meet them, and as they lie on the wire."""

from __future__ import annotations

import json
import time
from typing import Any

import anthropic
import httpx
import httpx2
import openai
import pytest

from assistant_site.simulator import Simulator

HELLO: Any = [{"role": "user", "content": "Explain photosynthesis"}]
GPT: dict[str, Any] = {"model": "gpt-4o", "messages": HELLO}
CLAUDE: dict[str, Any] = {"model": "claude-haiku-4-5", "max_tokens": 500, "messages": HELLO}

OPENAI_ERRORS = [
    (400, openai.BadRequestError, None),
    (401, openai.AuthenticationError, "invalid_api_key"),
    (403, openai.PermissionDeniedError, "unsupported_country_region_territory"),
    (404, openai.NotFoundError, "model_not_found"),
    (408, openai.APIStatusError, None),
    (409, openai.ConflictError, None),
    (413, openai.APIStatusError, None),
    (429, openai.RateLimitError, "rate_limit_exceeded"),
    (500, openai.InternalServerError, None),
    (503, openai.InternalServerError, None),
]
ANTHROPIC_ERRORS = [
    (400, anthropic.BadRequestError, "invalid_request_error"),
    (401, anthropic.AuthenticationError, "authentication_error"),
    (403, anthropic.PermissionDeniedError, "permission_error"),
    (404, anthropic.NotFoundError, "not_found_error"),
    (408, anthropic.APIStatusError, "timeout_error"),
    (409, anthropic.ConflictError, "conflict_error"),
    (413, anthropic.APIStatusError, "request_too_large"),
    (429, anthropic.RateLimitError, "rate_limit_error"),
    (500, anthropic.InternalServerError, "api_error"),
    (529, anthropic.InternalServerError, "overloaded_error"),
]


@pytest.mark.parametrize(("status", "error", "code"), OPENAI_ERRORS)
def test_openai_errors(
    sim: Simulator, gpt: openai.OpenAI, status: int, error: type[Exception], code: str | None
) -> None:
    sim.fault(provider="openai", status=status)
    with pytest.raises(openai.APIStatusError) as caught:
        gpt.chat.completions.create(**GPT)
    assert isinstance(caught.value, error)
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert set(caught.value.response.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(("status", "error", "kind"), ANTHROPIC_ERRORS)
def test_anthropic_errors(
    sim: Simulator, claude: anthropic.Anthropic, status: int, error: type[Exception], kind: str
) -> None:
    sim.fault(provider="anthropic", status=status)
    with pytest.raises(anthropic.APIStatusError) as caught:
        claude.messages.create(**CLAUDE)
    assert isinstance(caught.value, error)
    body = caught.value.response.json()
    assert (body["type"], body["error"]["type"]) == ("error", kind)
    assert body["request_id"] == caught.value.request_id


def test_a_bad_gateway_answers_in_html(sim: Simulator, gpt: openai.OpenAI) -> None:
    sim.fault(status=502)
    with pytest.raises(openai.InternalServerError) as caught:
        gpt.chat.completions.create(**GPT)
    assert caught.value.response.headers["content-type"].startswith("text/html")


def test_retry_after_is_told_and_a_fault_ends_after_its_times(sim: Simulator) -> None:
    sim.fault(status=429, retry_after=0.01, times=2)
    with openai.OpenAI(api_key="k", base_url=sim.openai_url, max_retries=2) as patient:
        patient.chat.completions.create(**GPT)
    assert [request.status for request in sim.requests] == [429, 429, 200]
    assert sim.requests[2].headers["x-stainless-retry-count"] == "2"


def test_no_retry_after_unless_asked(sim: Simulator, claude: anthropic.Anthropic) -> None:
    sim.fault(status=429, times=1)
    sim.fault(status=529, retry_after=7)
    for expected in (None, "7"):
        with pytest.raises(anthropic.APIStatusError) as caught:
            claude.messages.create(**CLAUDE)
        assert caught.value.response.headers.get("retry-after") == expected


def test_context_too_long(sim: Simulator, gpt: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    sim.fault(error="context_length")
    with pytest.raises(openai.BadRequestError) as ours:
        gpt.chat.completions.create(**GPT)
    assert (ours.value.code, ours.value.param) == ("context_length_exceeded", "messages")
    with pytest.raises(anthropic.BadRequestError, match="prompt is too long: 208310 tokens"):
        claude.messages.create(**CLAUDE)


@pytest.mark.parametrize(
    "fault", [{"error": "insufficient_quota"}, {"status": 429, "error": "insufficient_quota"}]
)
def test_no_money_left(sim: Simulator, gpt: openai.OpenAI, fault: dict[str, Any]) -> None:
    sim.fault(**fault)
    with pytest.raises(openai.RateLimitError) as caught:
        gpt.chat.completions.create(**GPT)
    assert (caught.value.type, caught.value.code) == ("insufficient_quota", "insufficient_quota")


def test_an_aborted_stream_breaks_the_connection(
    sim: Simulator, gpt: openai.OpenAI, claude: anthropic.Anthropic
) -> None:
    sim.fault(cut_after=5)
    got: list[Any] = []
    with pytest.raises(httpx.RemoteProtocolError):
        got.extend(gpt.chat.completions.create(stream=True, **GPT))
    assert len(got) == 6  # the role, and five tokens
    with (
        pytest.raises(httpx2.RemoteProtocolError),
        claude.messages.stream(**CLAUDE) as stream,
    ):
        list(stream.text_stream)
    assert [request.outcome for request in sim.requests] == ["cut_abort", "cut_abort"]
    assert [request.tokens for request in sim.requests] == [5, 5]


def test_a_reset_is_an_error_of_the_socket(sim: Simulator, gpt: openai.OpenAI) -> None:
    sim.fault(cut_after=5, cut="reset")
    with pytest.raises(httpx.ReadError):
        list(gpt.chat.completions.create(stream=True, **GPT))


def test_a_stream_may_end_cleanly_without_a_finish(sim: Simulator, gpt: openai.OpenAI) -> None:
    sim.fault(cut_after=5, cut="close")
    chunks = list(gpt.chat.completions.create(stream=True, **GPT))
    assert len(chunks) == 6
    assert chunks[-1].choices[0].finish_reason is None


def test_a_whole_answer_can_be_cut_too(sim: Simulator, gpt: openai.OpenAI) -> None:
    sim.fault(cut_after=0)
    with pytest.raises(openai.APIConnectionError):
        gpt.chat.completions.create(**GPT)


def test_a_dropped_connection(sim: Simulator, claude: anthropic.Anthropic) -> None:
    sim.fault(drop=True)
    with pytest.raises(anthropic.APIConnectionError):
        claude.messages.create(**CLAUDE)


def test_an_error_in_the_middle_of_a_stream(
    sim: Simulator, gpt: openai.OpenAI, claude: anthropic.Anthropic
) -> None:
    sim.fault(error_after=3)
    with pytest.raises(openai.APIError, match="The server had an error"):
        list(gpt.chat.completions.create(stream=True, **GPT))
    with (
        pytest.raises(anthropic.APIStatusError, match="overloaded_error"),
        claude.messages.stream(**CLAUDE) as stream,
    ):
        list(stream.text_stream)
    assert {request.tokens for request in sim.requests} == {3}


def test_a_malformed_event(sim: Simulator, gpt: openai.OpenAI) -> None:
    sim.fault(malformed_after=2)
    with pytest.raises(json.JSONDecodeError):
        list(gpt.chat.completions.create(stream=True, **GPT))


def test_a_stall_with_pings_and_a_client_that_leaves(sim: Simulator) -> None:
    sim.fault(stall_after=2, ping_ms=5)
    headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
    url = f"{sim.anthropic_url}/v1/messages"
    with httpx.stream("POST", url, json={**CLAUDE, "stream": True}, headers=headers) as response:
        pings = 0
        for line in response.iter_lines():
            pings += line == "event: ping"
            if pings == 4:  # one opens every stream
                break
    (left,) = sim.wait_for(lambda requests: requests[0].outcome != "open")
    assert left.closed_early
    assert left.tokens == 2


def test_a_client_that_leaves_a_silent_stall_is_noticed(sim: Simulator) -> None:
    sim.fault(first_token_delay_ms=60_000)
    url = f"{sim.openai_url}/chat/completions"
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(url, json=GPT, headers={"Authorization": "Bearer k"}, timeout=0.2)
    (left,) = sim.wait_for(lambda requests: requests[0].outcome != "open")
    assert left.closed_early


def test_a_short_stall_goes_on(sim: Simulator, gpt: openai.OpenAI) -> None:
    sim.fault(stall_after=1, stall_ms=20)
    assert list(gpt.chat.completions.create(stream=True, **GPT))[-1].choices[0].finish_reason


def test_tokens_come_in_their_pace(sim: Simulator, gpt: openai.OpenAI) -> None:
    sim.fault(tokens=4, token_delay_ms=20, first_token_delay_ms=30, headers_delay_ms=10)
    started = time.monotonic()
    list(gpt.chat.completions.create(stream=True, **GPT))
    assert time.monotonic() - started >= 0.1  # never less: 10 + 30 + 3 times 20


@pytest.mark.parametrize(
    ("finish", "openai_says", "anthropic_says"),
    [("length", "length", "max_tokens"), ("refusal", "content_filter", "refusal")],
)
def test_other_ways_to_finish(
    sim: Simulator,
    gpt: openai.OpenAI,
    claude: anthropic.Anthropic,
    finish: str,
    openai_says: str,
    anthropic_says: str,
) -> None:
    sim.fault(finish=finish)
    ours = gpt.chat.completions.create(**GPT)
    assert ours.choices[0].finish_reason == openai_says
    assert claude.messages.create(**CLAUDE).stop_reason == anthropic_says


@pytest.mark.parametrize(
    "fault",
    [
        {"crlf": True},
        {"comments": True},
        {"multiline": True},
        {"split_utf8": True},
        {"chunk_bytes": 3},
        {"empty_deltas": 2},
        {"crlf": True, "comments": True, "multiline": True, "chunk_bytes": 1},
    ],
)
def test_odd_but_legal_streams_are_read_by_the_sdks(
    sim: Simulator, gpt: openai.OpenAI, claude: anthropic.Anthropic, fault: dict[str, Any]
) -> None:
    text = "Naïve café, 日本語, 😀.\nDone, {really}."
    sim.fault(text=text, **fault)
    chunks = list(gpt.chat.completions.create(stream=True, **GPT))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == text
    with claude.messages.stream(**CLAUDE) as stream:
        assert "".join(stream.text_stream) == text


def test_characters_are_really_split_on_the_wire(sim: Simulator) -> None:
    sim.fault(split_utf8=True)
    parts = _raw_chunks(sim)
    broken = [part for part in parts if not _decodes(part)]
    assert broken
    assert "日本語" in b"".join(parts).decode()


def test_odd_lines_are_really_on_the_wire(sim: Simulator) -> None:
    sim.fault(crlf=True, comments=True, multiline=True)
    raw = b"".join(_raw_chunks(sim))
    assert raw.startswith(b": simulator comment\r\ndata: {\r\ndata: ")
    assert b"\n\n" not in raw


def test_a_huge_token_arrives_whole(sim: Simulator, gpt: openai.OpenAI) -> None:
    sim.fault(huge_token=300_000)
    chunks = list(gpt.chat.completions.create(stream=True, **GPT))
    assert max(len(chunk.choices[0].delta.content or "") for chunk in chunks) == 300_000


def test_usage_and_the_last_line_may_be_missing(sim: Simulator) -> None:
    sim.fault(no_usage=True, no_done=True)
    raw = b"".join(_raw_chunks(sim, stream_options={"include_usage": True})).decode()
    assert "[DONE]" not in raw
    assert "usage" not in raw
    assert '"finish_reason":"stop"' in raw


def test_an_empty_200_and_a_page_in_place_of_the_api(sim: Simulator) -> None:
    sim.fault(empty=True, times=1)
    sim.fault(content_type="text/html", times=1)
    url, headers = f"{sim.openai_url}/chat/completions", {"Authorization": "Bearer k"}
    empty, page = (httpx.post(url, json=GPT, headers=headers) for _ in range(2))
    assert (empty.status_code, empty.content) == (200, b"")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")


def _raw_chunks(sim: Simulator, **more: Any) -> list[bytes]:
    url, headers = f"{sim.openai_url}/chat/completions", {"Authorization": "Bearer k"}
    body = {**GPT, "stream": True, **more}
    with httpx.stream("POST", url, json=body, headers=headers) as response:
        return list(response.iter_raw())


def _decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
