"""Bodies of ``/v1/``: as long as a coding agent's, and no longer."""

from __future__ import annotations

import http.client
import json
from contextlib import closing

import pytest

from tests.live_site import LiveSite


def body_of(length: int) -> dict[str, object]:
    said = [{"role": "system", "content": "x" * length}, {"role": "user", "content": "Hello"}]
    return {"model": "gpt-mini", "messages": said}


def test_instructions_may_be_longer_than_any_form(site: LiveSite) -> None:
    response = site.person().http.post("/v1/chat/completions", json=body_of(3_000_000))

    assert response.status_code == 200, response.text[:300]


@pytest.mark.parametrize("token", ["a person's", "none"])
def test_a_body_over_the_limit_is_refused_before_it_is_read(site: LiveSite, token: str) -> None:
    headers = {"Content-Length": str(33 * 1024 * 1024)}
    if token != "none":
        headers["Authorization"] = site.person().http.headers["Authorization"]
    connection = http.client.HTTPConnection(site.url.removeprefix("http://"), timeout=10)
    with closing(connection):
        connection.request("POST", "/v1/chat/completions", headers=headers)
        response = connection.getresponse()
        body = json.loads(response.read())

    assert response.status == 413
    assert body["error"]["code"] == "request_too_large"


def test_a_stranger_is_asked_for_a_key_first(site: LiveSite) -> None:
    response = site.client().post("/v1/chat/completions", json=body_of(100_000))

    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_api_key"
