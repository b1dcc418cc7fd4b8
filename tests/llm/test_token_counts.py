"""Our own count of a request's tokens: all that the model reads, not the text alone."""

from __future__ import annotations

from typing import Any

import pytest

from routing.domain.errors import ProviderStreamBroken
from routing.domain.llm import ChatMessage, RawChunk, ThinkingBlock, estimated_tokens
from routing.domain.token_counts import PICTURE_TOKENS, TOKENS_PER_MESSAGE, request_tokens
from tests.llm.conftest import GPT
from tests.llm.playing import Player, play

pytestmark = pytest.mark.pure

WORDS = "word " * 400
TOOLS: dict[str, Any] = {"tools": [{"type": "function", "function": {"name": WORDS}}]}
FORMAT = {"response_format": {"type": "json_schema", "json_schema": {"schema": {"title": WORDS}}}}


def user(part: dict[str, Any], text: str = "") -> ChatMessage:
    content = [{"type": "text", "text": text}, part]
    return ChatMessage("user", text, {"role": "user", "content": content})


def test_a_text_is_counted_once() -> None:
    plain = ChatMessage("user", WORDS)
    marked = user({"type": "text", "text": "", "cache_control": {"type": "ephemeral"}}, WORDS)

    assert request_tokens([plain]) == estimated_tokens(WORDS) + TOKENS_PER_MESSAGE
    assert request_tokens([marked]) == request_tokens([plain])
    assert request_tokens([plain], {"temperature": 1}) == request_tokens([plain])


@pytest.mark.parametrize("options", [TOOLS, FORMAT])
def test_tools_and_formats_are_read(options: dict[str, Any]) -> None:
    asked = [ChatMessage("user", "Hello")]

    assert request_tokens(asked, options) > request_tokens(asked) + estimated_tokens(WORDS)


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        ({"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}, PICTURE_TOKENS),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 40_000}}, PICTURE_TOKENS),
        ({"type": "file", "file": {"file_data": "data:text/plain;base64," + "A" * 40_000}}, 7_500),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64," + "A" * 64_000}}, 1_500),
        ({"type": "input_audio", "input_audio": {"data": "A" * 40_000, "format": "mp3"}}, 30),
    ],
)  # fmt: skip
def test_parts_beside_the_text_are_read(part: dict[str, Any], tokens: int) -> None:
    counted = request_tokens([user(part, WORDS)]) - request_tokens([ChatMessage("user", WORDS)])

    assert counted == pytest.approx(tokens, rel=0.01)


def test_calls_thoughts_and_what_was_signed_are_read() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": WORDS}}
    form = {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": WORDS}
    signed = ThinkingBlock("anthropic", {"type": "thinking", "thinking": WORDS, "signature": "s"})

    assert request_tokens([ChatMessage("assistant", "", form, (signed,))]) > 3 * estimated_tokens(
        WORDS
    )


async def test_a_call_that_broke_off_is_billed_for_all_that_it_read() -> None:
    cut = ProviderStreamBroken("gpt", "cut")
    played = await play(Player({"gpt": [[RawChunk("Half"), cut]]}), GPT, options=TOOLS)

    assert played.attempts[0].usage.estimated
    assert played.attempts[0].usage.input_tokens > estimated_tokens(WORDS)
