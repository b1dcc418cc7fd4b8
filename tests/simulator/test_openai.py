"""The OpenAI side, seen by the official SDK and on the wire."""

from __future__ import annotations

import base64
import io
import json
import math
from typing import Any

import httpx
import openai
import pytest
from PIL import Image
from pydantic import BaseModel

from assistant_site.simulator import Simulator

HELLO: Any = [{"role": "user", "content": "Explain tides"}]


def test_a_whole_answer_names_its_stand_in_and_counts_tokens(gpt: openai.OpenAI) -> None:
    answer = gpt.chat.completions.create(model="gpt-4o", messages=HELLO)
    text = answer.choices[0].message.content or ""
    assert answer.object == "chat.completion"
    assert answer.choices[0].finish_reason == "stop"
    assert "simulated" in text
    assert "gpt-4o" in text
    assert "tides" in text
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_stream_is_the_whole_answer_in_pieces(gpt: openai.OpenAI) -> None:
    whole = gpt.chat.completions.create(model="gpt-4o", messages=HELLO)
    stream = gpt.chat.completions.create(
        model="gpt-4o", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    texts = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert "".join(texts) == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage


def test_the_stream_on_the_wire(sim: Simulator) -> None:
    response = _post(sim, "chat/completions", model="gpt-4o", messages=HELLO, stream=True)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = response.text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    assert all(event.startswith("data: {") for event in events[:-2])
    first = json.loads(events[0].removeprefix("data: "))
    assert first["object"] == "chat.completion.chunk"
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert "usage" not in first
    last = json.loads(events[-3].removeprefix("data: "))
    assert last["choices"][0] == {
        "index": 0,
        "delta": {},
        "logprobs": None,
        "finish_reason": "stop",
    }


def test_every_answer_has_the_providers_headers(sim: Simulator) -> None:
    headers = _post(sim, "chat/completions", model="gpt-4o", messages=HELLO).headers
    assert headers["x-request-id"].startswith("req_")
    assert headers["openai-processing-ms"].isdigit()
    assert headers["x-ratelimit-remaining-requests"] == "9999"


def test_the_token_limit_ends_an_answer_with_length(gpt: openai.OpenAI) -> None:
    answer = gpt.chat.completions.create(model="gpt-4o", messages=HELLO, max_tokens=5)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5


def test_a_stop_text_ends_an_answer(gpt: openai.OpenAI) -> None:
    answer = gpt.chat.completions.create(model="gpt-4o", messages=HELLO, stop="simulated")
    assert "simulated" not in (answer.choices[0].message.content or "")


class Weather(BaseModel):
    city: str
    sunny: bool
    degrees: int
    tags: list[str]


def test_structured_output_obeys_its_schema(gpt: openai.OpenAI) -> None:
    answer = gpt.chat.completions.parse(model="gpt-4o", messages=HELLO, response_format=Weather)
    assert isinstance(answer.choices[0].message.parsed, Weather)


def test_a_forced_function_is_called(gpt: openai.OpenAI) -> None:
    schema = Weather.model_json_schema()
    answer = gpt.chat.completions.create(
        model="gpt-4o",
        messages=HELLO,
        tools=[{"type": "function", "function": {"name": "report", "parameters": schema}}],
        tool_choice={"type": "function", "function": {"name": "report"}},
    )
    calls: Any = answer.choices[0].message.tool_calls
    assert calls[0].function.name == "report"
    Weather.model_validate_json(calls[0].function.arguments)


@pytest.mark.parametrize("size", ["1024x1024", "1536x1024"])
def test_an_image_is_a_real_picture_of_the_size_asked_for(gpt: openai.OpenAI, size: Any) -> None:
    answer = gpt.images.generate(model="gpt-image-1", prompt="a red panda", size=size)
    assert answer.data
    assert answer.data[0].url is None
    picture = Image.open(io.BytesIO(base64.b64decode(answer.data[0].b64_json or "")))
    assert (picture.format, f"{picture.width}x{picture.height}") == ("PNG", size)
    assert "red panda" in (answer.data[0].revised_prompt or "")
    assert answer.usage is not None
    assert answer.usage.output_tokens > 0


def test_dall_e_answers_with_a_url_that_opens(gpt: openai.OpenAI) -> None:
    answer = gpt.images.generate(model="dall-e-2", prompt="a red panda", size="256x256")
    assert answer.data
    picture = httpx.get(answer.data[0].url or "")
    assert picture.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(picture.content)).size == (256, 256)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"size": "10x10"}, "invalid_value"),
        ({"prompt": "how to build a bomb"}, "moderation_blocked"),
        ({"response_format": "b64_json"}, "unknown_parameter"),
    ],
)
def test_images_that_openai_would_not_make(
    gpt: openai.OpenAI, change: dict[str, Any], code: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        gpt.images.generate(**{"model": "gpt-image-1", "prompt": "a cat", **change})
    assert caught.value.code == code


def test_embeddings_are_deterministic_unit_vectors_near_for_like_texts(gpt: openai.OpenAI) -> None:
    texts = [
        "the cat sat on the mat",
        "a cat sat on this mat",
        "quarterly tax report",
        "the cat sat on the mat",
    ]
    answer = gpt.embeddings.create(model="text-embedding-3-small", input=texts, dimensions=256)
    vectors = [item.embedding for item in answer.data]
    assert [len(vector) for vector in vectors] == [256] * 4
    assert math.isclose(_dot(vectors[0], vectors[0]), 1, abs_tol=1e-5)
    assert vectors[0] == vectors[3]
    assert _dot(vectors[0], vectors[1]) > 0.6 > 0.3 > _dot(vectors[0], vectors[2])


def test_embeddings_are_the_same_as_numbers_and_as_base64(gpt: openai.OpenAI) -> None:
    model = "text-embedding-3-small"
    # the SDK asks for base64 unless told otherwise
    packed = gpt.embeddings.create(model=model, input="hello").data[0].embedding
    plain = gpt.embeddings.create(model=model, input="hello", encoding_format="float")
    assert len(packed) == 1536
    assert packed == pytest.approx(plain.data[0].embedding, abs=1e-6)


def test_moderation_flags_what_is_harmful(gpt: openai.OpenAI) -> None:
    texts = ["How do I build a pipe bomb?", "How do I bake bread?"]
    answer = gpt.moderations.create(model="omni-moderation-latest", input=texts)
    assert [result.flagged for result in answer.results] == [True, False]
    assert answer.results[0].categories.illicit
    assert answer.results[0].category_scores.illicit > 0.9


def test_models_are_listed(gpt: openai.OpenAI) -> None:
    assert "gpt-image-1" in [model.id for model in gpt.models.list()]
    assert gpt.models.retrieve("gpt-4o").object == "model"


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"model": "gpt-4o"}, "messages", "missing_required_parameter"),
        ({"messages": HELLO}, None, None),
        ({"model": "gpt-4o", "messages": []}, "messages", "empty_array"),
        (
            {"model": "gpt-4o", "messages": [{"role": "robot", "content": "x"}]},
            "messages[0].role",
            "invalid_value",
        ),
        (
            {"model": "gpt-5.4", "messages": HELLO, "max_tokens": 5},
            "max_tokens",
            "unsupported_parameter",
        ),
        (
            {"model": "gpt-4o", "messages": HELLO, "stream_options": {"include_usage": True}},
            "stream_options",
            None,
        ),
    ],
)
def test_wrong_requests_get_openais_400(
    sim: Simulator, body: dict[str, Any], param: str | None, code: str | None
) -> None:
    response = _post(sim, "chat/completions", **body)
    error = response.json()["error"]
    assert response.status_code == 400
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


def test_no_key_no_answer(sim: Simulator) -> None:
    response = httpx.post(f"{sim.openai_url}/chat/completions", json={})
    assert response.status_code == 401
    assert response.json()["error"]["message"].startswith("You didn't provide an API key.")


def test_a_path_that_does_not_exist(sim: Simulator) -> None:
    response = _post(sim, "chatter")
    assert response.status_code == 404
    assert response.json()["error"]["message"] == "Invalid URL (POST /v1/chatter)"


def test_what_is_not_json_is_refused(sim: Simulator) -> None:
    headers = {"Authorization": "Bearer k"}
    response = httpx.post(f"{sim.openai_url}/chat/completions", content=b"{", headers=headers)
    assert response.status_code == 400
    assert "could not parse the JSON body" in response.json()["error"]["message"]


def _post(sim: Simulator, path: str, **body: Any) -> httpx.Response:
    headers = {"Authorization": "Bearer sk-test"}
    return httpx.post(f"{sim.openai_url}/{path}", json=body, headers=headers)


def _dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
