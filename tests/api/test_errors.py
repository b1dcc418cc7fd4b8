"""Bad requests: one clear problem each, and nothing stored."""

from __future__ import annotations

import json

import pytest

from conversations.models import Message
from tests.live_site import LiveSite

PROBLEM = {"type", "title", "status", "detail", "instance", "code", "request_id"}


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed_json"),
        (b'"text"', "application/json", 400, "invalid"),
        (b"\xff\xfe", "application/json", 400, "malformed_json"),
        (b'{"content": "\\ud800"}', "application/json", 400, "malformed_json"),
        (b"{}", "application/json", 400, "invalid"),
        (b'{"content": ""}', "application/json", 400, "invalid"),
        (b'{"content": " \\n\\u200b"}', "application/json", 400, "invalid"),
        (b'{"content": 5}', "application/json", 400, "invalid"),
        (b'{"content": null}', "application/json", 400, "invalid"),
        (b'{"content": "a\\u0000b"}', "application/json", 400, "invalid"),
        (b'{"content": "hi", "model": 5}', "application/json", 400, "invalid"),
        (b"content=hi", "application/x-www-form-urlencoded", 415, "unsupported_media_type"),
        (json.dumps({"content": "x" * 32_001}).encode(), "application/json", 413, "prompt_too_long"),
    ],
)  # fmt: skip
def test_a_bad_body_is_told_and_stores_nothing(
    site: LiveSite, body: bytes, content_type: str, status: int, code: str
) -> None:
    person = site.person()
    response = person.http.post(
        "/api/v1/messages/", content=body, headers={"Content-Type": content_type}
    )
    problem = response.json()

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert set(problem) >= PROBLEM
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["instance"] == "/api/v1/messages/"
    assert problem["request_id"] == response.headers["x-request-id"]
    if code == "invalid":
        assert problem["errors"][0]["field"] in {"content", "model", "body"}
    assert not Message.objects.filter(conversation__owner=person.user).exists()


def test_the_longest_prompt_is_taken(site: LiveSite) -> None:
    site.simulator.fault(call="chat", text="That was long.", times=1)  # it would quote it all
    answer = site.person().ask("word " * 6_399 + "words", model="gpt")

    assert answer["status"] == "complete"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nothing/", 404, "not_found"),
        ("GET", "/api/v1/messages/not-an-id/", 404, "not_found"),
        ("DELETE", "/api/v1/messages/", 405, "method_not_allowed"),
        ("PUT", "/api/v1/conversations/", 405, "method_not_allowed"),
    ],
)
def test_what_is_not_there_is_a_problem_too(
    site: LiveSite, method: str, path: str, status: int, code: str
) -> None:
    response = site.person().http.request(method, path)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == code


def test_head_is_answered_like_get_and_options_names_the_methods(site: LiveSite) -> None:
    http = site.person().http
    head = http.head("/api/v1/conversations/")
    options = http.options("/api/v1/messages/")

    assert head.status_code == 200
    assert head.content == b""
    assert options.status_code == 204
    assert options.headers["allow"] == "POST, OPTIONS"


def test_a_sent_request_id_comes_back_unless_it_is_dangerous(site: LiveSite) -> None:
    http = site.client()

    assert http.get("/healthz", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == (
        "abc-1"
    )
    forged = http.get("/healthz", headers={"X-Request-ID": "a b"}).headers["x-request-id"]
    assert forged != "a b"


def test_a_callers_trace_is_continued(site: LiveSite) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = site.person().post_prompt(
        "Hello there", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    )

    assert answer.json()["trace_id"] == trace
    assert answer.headers["traceparent"].startswith(f"00-{trace}-")
