"""Paths and models of ``/v1/``: slashes, methods, unknown paths; what a key may ask for."""

from __future__ import annotations

import openai
import pytest
from openai import OpenAI

from tests.live_site import LiveSite
from tests.openai.conftest import Connect


def test_the_models_begin_with_the_rules(client: OpenAI) -> None:
    models = client.models.list().data

    assert models[0].id == "assistant"
    assert models[0].assistant["routes"] is True  # type: ignore[attr-defined]
    assert {"gpt-mini", "claude-sonnet"} <= {
        model.id.removeprefix("simulated/") for model in models
    }
    assert client.models.retrieve(models[-1].id).id == models[-1].id


def test_a_key_sees_its_models_alone(connect: Connect) -> None:
    client = connect(model_names=["assistant"])

    assert [model.id for model in client.models.list().data] == ["assistant"]
    for name in ("gpt-mini", "no-such/model"):
        with pytest.raises(openai.NotFoundError) as refused:
            client.models.retrieve(name)
        assert refused.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/models", 200),
        ("GET", "/v1/models/", 200),
        ("POST", "/v1/chat/completions", 400),
        ("POST", "/v1/chat/completions/", 400),
        ("GET", "/v1/chat/completions", 405),
        ("POST", "/v1/nothing", 404),
        ("GET", "/v1", 404),
        ("POST", "/v1", 404),
        ("GET", "/v1/", 404),
        ("POST", "/v1/threads", 404),
        ("PATCH", "/v1/models", 405),
    ],
)
def test_paths_answer_in_openais_shape(site: LiveSite, method: str, path: str, status: int) -> None:
    response = site.person().http.request(method, path, json={} if method == "POST" else None)

    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    if status >= 400:
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}


def test_a_bug_is_told_in_openais_shape(site: LiveSite, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("conversations.api.openai.chat.parse_completion_request", crash)
    response = site.person().http.post("/v1/chat/completions", json={})

    assert response.status_code == 500
    assert response.headers["content-type"] == "application/json"
    assert response.json()["error"]["code"] == "internal_error"
    assert "a bug" not in response.text


def test_no_path_is_redirected(site: LiveSite) -> None:
    for path in ("/v1", "/v1/nothing", "/v1/models", "/v1/chat/completions"):
        assert site.person().http.post(path, json={}).status_code in {400, 404, 405}


@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions"])
def test_strangers_are_told_how_to_come_in(site: LiveSite, path: str) -> None:
    method = "GET" if path.endswith("models") else "POST"
    response = site.client().request(method, path, json={} if method == "POST" else None)

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["error"]["code"] == "invalid_api_key"


def test_a_body_that_is_no_json_is_named(site: LiveSite) -> None:
    response = site.person().http.post("/v1/chat/completions", content=b"{")

    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_json"
