"""What is not streamed: verdicts as JSON, pictures, vectors."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from assistant_site.simulator import Simulator
from routing.domain.actions import ModelKind
from routing.domain.errors import (
    NoProviderAvailable,
    ProviderError,
    ProviderMisconfigured,
    ProviderRefused,
    ProviderStreamBroken,
    ProviderUnavailable,
)
from routing.domain.llm import Attempt, ChatMessage, ModerationInput
from routing.llm.failover.images import ImageGenerator
from routing.llm.providers.client import ProviderClient
from routing.llm.providers.image_download import measure_image
from tests.llm.conftest import CLAUDE, GPT
from tests.llm.wire import Wire

ASK = (ChatMessage("user", "Which rule?"),)
SCHEMA = {
    "name": "verdict",
    "strict": True,
    "schema": {
        "type": "object",
        "properties": {"rule": {"type": "string"}},
        "required": ["rule"],
        "additionalProperties": False,
    },
}
PAINTER = replace(GPT, name="painter", litellm_name="gpt-image-1", kind=ModelKind.IMAGE)
OMNI = replace(GPT, name="omni", litellm_name="openai/omni-moderation-latest")
EMBEDDER = replace(
    GPT, name="embedder", litellm_name="text-embedding-3-small", kind=ModelKind.EMBEDDING
)


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 6)) -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, kind)
    return out.getvalue()


def drawn(data: bytes, **more: Any) -> dict[str, Any]:
    """OpenAI's answer with a picture in it."""
    return {"created": 1, "data": [{"b64_json": base64.b64encode(data).decode(), **more}]}


def openai_answer(content: str | None, finish: str = "stop") -> dict[str, Any]:
    """OpenAI's answer, not streamed."""
    message = {"role": "assistant", "content": content}
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    choices = [{"index": 0, "message": message, "finish_reason": finish}]
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": choices,
        "usage": usage,
    }


def anthropic_answer(text: str, finish: str = "end_turn") -> dict[str, Any]:
    """Anthropic's answer, not streamed."""
    return {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": text}],
        "stop_reason": finish,
        "usage": {"input_tokens": 10, "output_tokens": 5},
    }


@pytest.fixture(params=[True, False], ids=["fast lane", "LiteLLM"])
def fast_lane(request: pytest.FixtureRequest) -> bool:
    """Both lanes keep one contract."""
    return bool(request.param)


async def test_openai_is_given_the_schema(wired: ProviderClient, wire: Wire) -> None:
    wire.answer(openai_answer('{"rule": "a"}'))

    raw = await wired.complete_json(GPT, ASK, SCHEMA)

    assert (raw.text, raw.finish_reason) == ('{"rule": "a"}', "stop")
    assert raw.usage is not None
    assert raw.usage.cost_usd == Decimal("0.00021")
    (body,) = wire.bodies
    assert body["response_format"]["json_schema"]["name"] == "verdict"
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["temperature"] == 0


async def test_anthropic_gets_it_in_its_own_words(wired: ProviderClient, wire: Wire) -> None:
    wire.answer(anthropic_answer('{"rule": "a"}'))

    raw = await wired.complete_json(CLAUDE, ASK, SCHEMA)

    assert raw.text == '{"rule": "a"}'
    (body,) = wire.bodies
    assert "rule" in str(body.get("output_format") or body.get("output_config") or body["tools"])


async def test_an_older_claude_answers_by_calling_a_tool(wired: ProviderClient, wire: Wire) -> None:
    call = {"type": "tool_use", "id": "t", "name": "json_tool_call", "input": {"rule": "a"}}
    wire.answer(anthropic_answer("So:", "tool_use") | {"content": [call]})
    older = replace(CLAUDE, litellm_name="anthropic/claude-3-haiku-20240307")

    raw = await wired.complete_json(older, ASK, SCHEMA)

    assert (json.loads(raw.text), raw.finish_reason) == ({"rule": "a"}, "stop")
    assert wire.bodies[0]["tools"][0]["name"] == call["name"]
    assert "json_mode" not in wire.bodies[0]


async def test_a_model_without_schemas_is_asked_in_words(wired: ProviderClient, wire: Wire) -> None:
    wire.answer(openai_answer('{"rule": "a"}'))

    await wired.complete_json(replace(GPT, litellm_name="gpt-4"), ASK, SCHEMA)
    await wired.complete_json(GPT, ASK, None)

    assert all("response_format" not in body for body in wire.bodies)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (openai_answer(None), ProviderStreamBroken),
        (openai_answer("", "length"), ProviderStreamBroken),
        (openai_answer(None, "content_filter"), ProviderRefused),
        ({}, ProviderError),
        ("no object", ProviderError),
        ({"error": {"code": "server_error", "message": "sorry"}}, ProviderError),
        (openai_answer("x") | {"choices": []}, ProviderError),
    ],
)
async def test_no_answer_is_an_error(
    wired: ProviderClient, wire: Wire, body: Any, expected: type[ProviderError]
) -> None:
    wire.answer(body)

    with pytest.raises(expected):
        await wired.complete_json(GPT, ASK, SCHEMA)


async def test_a_picture_in_base64(wired: ProviderClient, wire: Wire) -> None:
    usage = {
        "input_tokens": 1000,
        "output_tokens": 1000,
        "total_tokens": 2000,
        "input_tokens_details": {"text_tokens": 1000, "image_tokens": 0},
    }
    wire.answer(drawn(picture(), revised_prompt="A teal box") | {"usage": usage})
    attempts: list[Attempt] = []

    image, model = await ImageGenerator(wired).draw("a box", [PAINTER], attempts.append)

    assert model is PAINTER
    assert (image.media_type, image.width, image.height) == ("image/png", 8, 6)
    assert image.data == picture()
    assert image.revised_prompt == "A teal box"
    (attempt,) = attempts
    assert attempt.ok
    assert attempt.usage.cost_usd == Decimal("0.045")
    (body,) = wire.bodies
    assert body["model"] == "gpt-image-1"
    assert body["prompt"] == "a box"
    assert "response_format" not in body


@pytest.mark.parametrize(
    ("revised", "kept"),
    [
        ("A \ud83d\ude00\x00 box\ud83d", "A 😀 box\ufffd"),
        ("A\x1b[31m \u202ebox\u2066", "A[31m box"),
        ("ab" * 10_000, "ab" * 1_999 + "a…"),
        ("\x00", None),
    ],
)
async def test_a_revised_prompt_is_clean_and_short(
    wired: ProviderClient, wire: Wire, revised: str, kept: str | None
) -> None:
    wire.answer(drawn(picture(), revised_prompt=revised))

    assert (await wired.image(PAINTER, "a box")).revised_prompt == kept


PLAIN = base64.b64encode(picture()).decode()


@pytest.mark.parametrize(
    "item",
    [
        {"b64_json": f"data:image/png;base64,{PLAIN}"},
        {"b64_json": base64.encodebytes(picture()).decode().replace("\n", "\r\n")},
        {"b64_json": PLAIN.rstrip("=")},
        {"b64_json": base64.urlsafe_b64encode(picture()).decode()},
        {"url": f"data:image/png;base64,{PLAIN}"},
    ],
    ids=["data URL", "lines", "no padding", "alphabet of addresses", "data URL as address"],
)
async def test_base64_is_read_as_servers_write_it(
    wired: ProviderClient, wire: Wire, item: dict[str, str]
) -> None:
    wire.answer({"created": 1, "data": [item]})

    assert (await wired.image(PAINTER, "a box")).data == picture()


@pytest.mark.parametrize("encoded", ["no base64!", "data:image/png", "a", "Ä"])
async def test_other_text_is_no_picture(wired: ProviderClient, wire: Wire, encoded: str) -> None:
    wire.answer({"created": 1, "data": [{"b64_json": encoded}]})

    with pytest.raises(ProviderStreamBroken):
        measure_image("painter", (await wired.image(PAINTER, "a box")).data)


async def test_a_picture_by_address(wired: ProviderClient, wire: Wire) -> None:
    async def reply(request: web.Request) -> web.StreamResponse:
        if request.path.endswith(".webp"):
            assert "authorization" not in request.headers
            return web.Response(body=picture("WEBP"))
        return web.json_response({"created": 1, "data": [{"url": f"{wire.url}/p.webp"}]})

    wire.reply = reply

    image, _ = await ImageGenerator(wired).draw("a box", [PAINTER], lambda _: None)

    assert image.media_type == "image/webp"


@pytest.mark.parametrize(
    "data",
    [b"<svg onload='alert(1)'/>", picture()[:-20], picture("BMP"), b"GIF89a", b"\x89PNG"],
    ids=["svg", "cut", "bmp", "gif", "stub"],
)
def test_only_whole_pictures_of_known_kinds_pass(data: bytes) -> None:
    with pytest.raises(ProviderStreamBroken):
        measure_image("painter", data)


def test_a_picture_of_absurd_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routing.llm.providers.image_download.MAX_PIXELS", 47)

    with pytest.raises(ProviderStreamBroken):
        measure_image("painter", picture())


async def test_drawing_fails_over_and_meters_both(wired: ProviderClient, wire: Wire) -> None:
    wire.answer(drawn(b"not a picture"))
    attempts: list[Attempt] = []
    second = replace(PAINTER, name="second")

    with pytest.raises(NoProviderAvailable) as caught:
        await ImageGenerator(wired).draw("a box", [PAINTER, second], attempts.append)

    assert [cause.model for cause in caught.value.causes] == ["painter", "second"]
    assert [attempt.outcome for attempt in attempts] == ["provider_error"] * 2


async def test_a_picture_that_violates_the_policy_is_refused(
    wired: ProviderClient, wire: Wire
) -> None:
    error = {
        "message": "Your request was rejected as a result of our safety system.",
        "type": "image_generation_user_error",
        "param": None,
        "code": "moderation_blocked",
    }
    wire.answer({"error": error}, status=400)

    with pytest.raises(ProviderRefused):
        await wired.image(PAINTER, "a box")


async def test_vectors_come_in_the_order_of_the_texts(wired: ProviderClient, wire: Wire) -> None:
    vectors = [
        {"object": "embedding", "index": 1, "embedding": [0.0, 1.0]},
        {"object": "embedding", "index": 0, "embedding": [1.0, 0.0]},
    ]
    usage = {"prompt_tokens": 2, "total_tokens": 2}
    wire.answer({"object": "list", "data": vectors, "model": "m", "usage": usage})

    found = await wired.vectors(EMBEDDER, ["a", "b"], 2)
    assert list(map(list, found.vectors)) == [[1.0, 0.0], [0.0, 1.0]]
    (body,) = wire.bodies
    assert body["input"] == ["a", "b"]
    assert body["dimensions"] == 2

    with pytest.raises(ProviderStreamBroken):
        await wired.vectors(EMBEDDER, ["a"], 2)


async def test_a_failed_embedding_has_a_name(wired: ProviderClient, wire: Wire) -> None:
    wire.answer({"error": {"message": "down", "type": "server_error"}}, status=500)
    with pytest.raises(ProviderUnavailable):
        await wired.vectors(EMBEDDER, ["a"])

    with pytest.raises(ProviderMisconfigured):
        await wired.vectors(replace(EMBEDDER, litellm_name="no-such-model-anywhere"), ["a"])


CALLS: dict[str, Callable[[ProviderClient], Awaitable[Any]]] = {
    "image": lambda client: client.image(PAINTER, "a box"),
    "embedding": lambda client: client.vectors(EMBEDDER, ["a"]),
    "moderation": lambda client: client.moderate(OMNI, ModerationInput(("a",))),
    "verdict": lambda client: client.complete_json(GPT, ASK, SCHEMA),
    "chat": lambda client: anext(client.stream(GPT, ASK)),
}


@pytest.mark.parametrize("call", CALLS)
async def test_whatever_fails_is_asked_for_once(
    client: ProviderClient, sim: Simulator, call: str
) -> None:
    sim.fault(status=500)
    with pytest.raises(ProviderUnavailable):
        await CALLS[call](client)

    assert len(sim.requests) == 1
