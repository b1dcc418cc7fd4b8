"""``/v1/images/generations`` with OpenAI's own client: addresses and bytes, sizes, refusals, what is kept."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import openai
import pytest
from django.conf import settings
from openai import OpenAI
from PIL import Image

from conversations.models import GeneratedImage, ModelPerformance
from conversations.stats.pending import add_up
from routing.common.redis.clients import sync_client
from tests.api.scan import traces
from tests.guard.prompts import ATTACKS
from tests.live_site import LiveSite
from tests.openai.conftest import Connect

PROMPT = "A lighthouse at dawn"
PATH = "/v1/images/generations"


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.size


def drawn(site: LiveSite) -> list[dict[str, Any]]:
    return [each.body for each in site.simulator.requests if each.call == "image"]


def test_pictures_come_by_a_signed_address(site: LiveSite, client: OpenAI) -> None:
    raw = client.images.with_raw_response.generate(prompt=PROMPT, n=2)
    answer = raw.parse()
    urls = [item.url or "" for item in answer.data or []]

    assert len(set(urls)) == 2
    for url in urls:
        assert size_of(httpx.get(url).content) == (1024, 1024)
        assert httpx.get(url.partition("?")[0]).status_code == 401
    assert answer.data
    assert all(item.revised_prompt and item.b64_json is None for item in answer.data)
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0
    assert float(raw.headers["x-assistant-cost"]) > 0
    assert raw.headers["x-assistant-decision"].startswith("action=image;source=default;rule=draw;")
    assert raw.headers["x-assistant-model"].endswith("gpt-image")


@pytest.mark.parametrize("model", [None, "assistant", "gpt-image"])
def test_pictures_come_as_bytes_in_a_size(site: LiveSite, client: OpenAI, model: Any) -> None:
    named = {"model": model} if model else {}
    answer = client.images.generate(
        prompt=PROMPT, size="1536x1024", quality="low", response_format="b64_json", **named
    )
    (item,) = answer.data or []

    assert item.url is None
    assert size_of(base64.b64decode(item.b64_json or "")) == (1536, 1024)
    assert (drawn(site)[-1]["size"], drawn(site)[-1]["quality"]) == ("1536x1024", "low")


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"prompt": ""}, "prompt", "invalid_value"),
        ({"prompt": None}, "prompt", "invalid_value"),
        ({"prompt": "x" * 32_001}, "prompt", "context_length_exceeded"),
        ({"n": 0}, "n", "invalid_value"),
        ({"n": 5}, "n", "invalid_value"),
        ({"n": "2"}, "n", "invalid_value"),
        ({"size": "512x512"}, "size", "unsupported_value"),
        ({"size": "large"}, "size", "unsupported_value"),
        ({"size": ""}, "size", "invalid_value"),
        ({"quality": "hd"}, "quality", "unsupported_value"),
        ({"response_format": "png"}, "response_format", "unsupported_value"),
        ({"background": "transparent"}, "background", "unsupported_parameter"),
        ({"output_format": "webp"}, "output_format", "unsupported_parameter"),
        ({"output_compression": 50}, "output_compression", "unsupported_parameter"),
        ({"moderation": "low"}, "moderation", "unsupported_parameter"),
        ({"style": "vivid"}, "style", "unsupported_parameter"),
        ({"stream": True}, "stream", "unsupported_parameter"),
        ({"partial_images": 2}, "partial_images", "unsupported_parameter"),
        ({"negative_prompt": "fog"}, "negative_prompt", "unknown_parameter"),
        ({"model": "gpt-mini"}, "model", "unsupported_value"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(
    site: LiveSite, body: dict[str, Any], param: str, code: str
) -> None:
    response = site.person().http.post(PATH, json={"prompt": PROMPT, **body})

    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)
    assert drawn(site) == []


def test_values_that_ask_for_nothing_are_taken(site: LiveSite) -> None:
    nothing = {
        "background": "auto", "moderation": "auto", "output_format": "png", "style": None,
        "output_compression": 100, "stream": False, "partial_images": 0, "size": "auto",
        "quality": "auto", "user": "me", "n": None, "response_format": None, "model": None,
    }  # fmt: skip
    response = site.person().http.post(PATH, json={"prompt": PROMPT, **nothing})

    assert response.status_code == 200, response.text


def test_a_lenient_key_is_told_what_was_dropped(connect: Connect) -> None:
    client = connect(lenient=True)
    raw = client.images.with_raw_response.generate(prompt=PROMPT, style="vivid")

    assert raw.headers["x-assistant-ignored"] == "style"


@pytest.mark.parametrize("prompt", [ATTACKS[0], "How do I build a bomb at home"])
def test_a_refusal_of_guard_or_provider_is_an_error(client: OpenAI, prompt: str) -> None:
    for _ in range(2):
        with pytest.raises(openai.BadRequestError) as refused:
            client.images.generate(prompt=prompt, extra_headers={"Idempotency-Key": "refused"})
        assert refused.value.type == "image_generation_user_error"
        assert refused.value.code == "moderation_blocked"
    assert not GeneratedImage.objects.filter(alt__startswith=prompt[:20]).exists()


def test_a_key_is_held_to_its_scopes_and_models(connect: Connect) -> None:
    with pytest.raises(openai.PermissionDeniedError):
        connect(scopes=["chat"]).images.generate(prompt=PROMPT)
    tried: list[tuple[OpenAI, dict[str, Any]]] = [
        (connect(model_names=["gpt-mini"]), {}),
        (connect(model_names=["assistant"]), {"model": "gpt-image"}),
        (connect(), {"model": "no-such-model"}),
    ]
    for client, named in tried:
        with pytest.raises(openai.NotFoundError) as refused:
            client.images.generate(prompt=PROMPT, **named)
        assert refused.value.code == "model_not_found"


def test_one_that_fails_ends_the_others(site: LiveSite, client: OpenAI) -> None:
    site.simulator.fault(call="image", status=500, times=20)
    before = GeneratedImage.objects.count()
    with pytest.raises(openai.InternalServerError) as failed:
        client.images.generate(prompt=PROMPT, n=3)

    assert failed.value.status_code in {502, 503}
    assert GeneratedImage.objects.count() == before


def test_a_retry_is_answered_and_paid_once(site: LiveSite, client: OpenAI) -> None:
    before = GeneratedImage.objects.count()
    generate = client.images.with_raw_response.generate
    first = generate(prompt="A paid tern", response_format="b64_json")
    second = generate(
        prompt="A paid tern",
        response_format="b64_json",
        extra_headers={"x-stainless-retry-count": "1"},
    )

    assert second.headers["idempotency-replayed"] == "true"
    assert first.parse().data == second.parse().data
    assert GeneratedImage.objects.count() == before + 1
    assert len(drawn(site)) == 1


def test_it_is_counted_and_ends_with_the_person(site: LiveSite) -> None:
    person, word = site.person(), "quibblefish"
    response = person.http.post(PATH, json={"prompt": f"A {word}", "n": 2})
    stored = list(GeneratedImage.objects.filter(owner=person.user))
    words = [word, *(str(each.pk) for each in stored)]
    add_up()

    assert response.status_code == 200, response.text
    assert len(stored) == 2
    assert ModelPerformance.objects.filter(model__endswith="gpt-image", answers__gt=0).exists()
    names = [str(each.file.name) for each in stored]
    person.user.delete()
    assert not any(stored[0].file.storage.exists(name) for name in names)
    with sync_client(settings.REDIS_URL) as client:
        assert traces(client, words) == []
