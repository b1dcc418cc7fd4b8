"""``/v1/embeddings`` with OpenAI's own client: both encodings, the local model, a provider's, refusals."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from django.conf import settings
from openai import OpenAI

from conversations.models import ModelPerformance
from conversations.runs.direct import MAX_RESULTS, results_key
from conversations.stats.pending import add_up
from routing.common.redis.clients import sync_client
from routing.models import LLMModel
from routing.publishing.services import ruleset_publish
from tests.live_site import LiveSite
from tests.openai.conftest import Connect

LOCAL = "all-minilm-l6-v2-int8"
TEXTS = ["Rivers carry sediment.", "Sand is moved by streams.", "My invoice is wrong."]


@pytest.fixture
def published(site: LiveSite) -> Iterator[str]:
    """The name of a published model that a provider embeds by."""
    LLMModel.objects.create(
        name="vectors", litellm_name="openai/text-embedding-3-small", provider="openai",
        kind="embedding",
    )  # fmt: skip
    ruleset_publish(by=None)
    yield "vectors"
    site.publish_defaults()


def post(site: LiveSite, **body: Any) -> httpx.Response:
    return site.person().http.post("/v1/embeddings", json=body)


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
def test_the_local_model_embeds_in_order(client: OpenAI, encoding: Any) -> None:
    chosen = {"encoding_format": encoding} if encoding else {}
    answer = client.embeddings.create(model=LOCAL, input=TEXTS, **chosen)
    vectors = [np.asarray(_numbers(item.embedding)) for item in answer.data]

    assert (answer.object, answer.model) == ("list", LOCAL)
    assert [item.index for item in answer.data] == [0, 1, 2]
    assert {len(vector) for vector in vectors} == {384}
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 3 * len(TEXTS)


def _numbers(embedding: Any) -> Any:
    if not isinstance(embedding, str):
        return embedding
    data = base64.b64decode(embedding)
    return struct.unpack(f"<{len(data) // 4}f", data)


def test_both_encodings_say_the_same(site: LiveSite) -> None:
    person = site.person().http
    body = {"model": "assistant", "input": TEXTS[0]}
    floats = person.post("/v1/embeddings", json=body).json()["data"][0]
    packed = person.post("/v1/embeddings", json=body | {"encoding_format": "base64"}).json()

    assert np.allclose(_numbers(packed["data"][0]["embedding"]), floats["embedding"], atol=1e-7)
    assert set(floats) == {"object", "index", "embedding"}


def test_what_it_cost_is_told(client: OpenAI) -> None:
    raw = client.embeddings.with_raw_response.create(model=LOCAL, input="a")

    assert raw.headers["x-assistant-model"] == LOCAL
    assert float(raw.headers["x-assistant-cost"]) == 0
    assert raw.headers["x-assistant-decision"].startswith("action=embed;source=requested;")
    assert raw.headers["x-request-id"]


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"input": ""}, "input", "invalid_value"),
        ({"input": []}, "input", "invalid_value"),
        ({"input": None}, "input", "invalid_value"),
        ({"input": {"a": 1}}, "input", "invalid_value"),
        ({"input": ["a", ""]}, "input[1]", "invalid_value"),
        ({"input": ["a", 1]}, "input[1]", "invalid_value"),
        ({"input": ["a"] * 2_049}, "input", "invalid_value"),
        ({"input": [1, 2, 3]}, "input", "unsupported_value"),
        ({"input": [[1, 2], [3]]}, "input", "unsupported_value"),
        ({"input": [1.0, 2]}, "input", "unsupported_value"),
        ({"input": [1.5, 2]}, "input[0]", "invalid_value"),
        ({"input": [[1, 2], []]}, "input[1]", "invalid_value"),
        ({"input": [[1, True]]}, "input[0]", "invalid_value"),
        ({"input": [[1, -1]]}, "input[0]", "invalid_value"),
        ({"input": ["a", "river " * 300]}, "input[1]", "context_length_exceeded"),
        ({"input": "x" * 40_000}, "input", "context_length_exceeded"),
        ({"input": "a", "dimensions": 256}, "dimensions", "unsupported_value"),
        ({"input": "a", "dimensions": 0}, "dimensions", "invalid_value"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format", "unsupported_value"),
        ({"input": "a", "truncate": True}, "truncate", "unknown_parameter"),
        ({}, "input", "missing_required_parameter"),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(
    site: LiveSite, body: dict[str, Any], param: str, code: str
) -> None:
    response = post(site, model=LOCAL, **body)

    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


def test_values_that_ask_for_nothing_are_taken(site: LiveSite) -> None:
    nothing = {"user": "me", "encoding_format": None, "dimensions": None}

    assert post(site, model=LOCAL, input="a", **nothing).status_code == 200
    assert post(site, model=LOCAL, input="a", dimensions=384).status_code == 200


def test_another_model_is_not_found(connect: Connect) -> None:
    narrow = connect(model_names=["assistant"])
    for client, name in (
        (connect(), "gpt-mini"),
        (connect(), "text-embedding-3-small"),
        (narrow, LOCAL),
    ):
        with pytest.raises(openai.NotFoundError) as refused:
            client.embeddings.create(model=name, input="a")
        assert (refused.value.code, refused.value.param) == ("model_not_found", "model")
    assert narrow.embeddings.create(model="assistant", input="a").model == LOCAL


def test_a_key_without_the_scope_is_refused(connect: Connect) -> None:
    with pytest.raises(openai.PermissionDeniedError) as refused:
        connect(scopes=["chat"]).embeddings.create(model=LOCAL, input="a")
    assert refused.value.code == "missing_scope"


def test_the_list_of_models_has_the_embedder(client: OpenAI) -> None:
    model = client.models.retrieve(LOCAL)

    assert model.assistant["abilities"] == []  # type: ignore[attr-defined]
    assert model.assistant["context_tokens"] == 256  # type: ignore[attr-defined]


def test_a_published_model_takes_the_place(site: LiveSite, client: OpenAI, published: str) -> None:
    raw = client.embeddings.with_raw_response.create(
        model=published, input=[[1, 2, 3], [4]], dimensions=256
    )
    answer = raw.parse()
    sent = site.simulator.requests[-1].body

    assert sent["input"] == [[1, 2, 3], [4]]
    assert sent["dimensions"] == 256
    assert [len(item.embedding) for item in answer.data] == [256, 256]
    assert answer.usage.prompt_tokens > 0
    assert float(raw.headers["x-assistant-cost"]) >= 0
    ids = [model.id for model in client.models.list().data]
    assert published in ids
    assert LOCAL not in ids
    add_up()
    sums = ModelPerformance.objects.get(model=published)
    assert sums.input_tokens >= answer.usage.prompt_tokens


def test_a_retry_is_answered_and_paid_once(
    site: LiveSite, connect: Connect, published: str
) -> None:
    client = connect()
    before = len(site.simulator.requests)
    again = {"x-stainless-retry-count": "1"}
    first = client.embeddings.with_raw_response.create(model=published, input="a tern")
    second = client.embeddings.with_raw_response.create(
        model=published, input="a tern", extra_headers=again
    )
    other = connect().embeddings.with_raw_response.create(
        model=published, input="a tern", extra_headers=again
    )

    assert second.headers["idempotency-replayed"] == "true"
    assert second.parse().data[0].embedding == first.parse().data[0].embedding
    assert "idempotency-replayed" not in other.headers
    assert len(site.simulator.requests) == before + 2


def test_an_idempotency_key_stands_for_one_body(site: LiveSite) -> None:
    http, key = site.person().http, {"Idempotency-Key": "embed-1"}
    answers = [
        http.post("/v1/embeddings", json={"model": LOCAL, "input": text}, headers=key)
        for text in ("a", "a", "b")
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 400]
    assert "idempotency-replayed" not in answers[0].headers
    assert answers[1].headers["idempotency-replayed"] == "true"
    assert answers[2].json()["error"]["code"] == "idempotency_key_reused"


def test_kept_results_are_bounded_and_end_with_the_person(site: LiveSite) -> None:
    person, prefix = site.person(), settings.REDIS_PREFIX
    index = results_key(prefix, person.user.pk)
    for number in range(MAX_RESULTS + 3):
        person.http.post("/v1/embeddings", json={"model": LOCAL, "input": f"number {number}"})
    with sync_client(settings.REDIS_URL) as client:
        kept: Any = client.zrange(index, 0, -1)
        assert len(kept) == MAX_RESULTS
        assert client.exists(*kept) == MAX_RESULTS
        person.user.delete()
        assert client.exists(index, *kept) == 0


def test_a_provider_that_fails_has_a_status(site: LiveSite, published: str) -> None:
    site.simulator.fault(call="embedding", status=500, times=10)
    response = post(site, model=published, input="a")

    assert response.status_code in {502, 503}
    assert response.json()["error"]["type"] == "server_error"
