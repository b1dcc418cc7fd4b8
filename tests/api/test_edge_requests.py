"""Requests that no honest client sends: each gets a clear problem, none gets a crash."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.contrib.staticfiles import finders

from conversations.models import Conversation
from tests.live_site import LiveSite

BOGUS = "application/json; charset*=bogus'en'x"
SOME_ID = "0198a000-0000-7000-8000-000000000000"


def told(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem, which has this status and code."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    problem: dict[str, Any] = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    return problem


def packed(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    ["", "%", "abc", "ü", packed("p=486"), packed("p="), packed("r=1"), packed("o=5"),
     packed(f"p={SOME_ID}&r=2"), packed(f"p={SOME_ID}&x=1"), packed("p=\x00"), "\x00"],
)  # fmt: skip
def test_a_cursor_of_ones_own_making_is_400(site: LiveSite, cursor: str) -> None:
    http = site.person().http
    problem = told(http.get("/api/v1/conversations/", params={"cursor": cursor}), 400, "invalid")

    assert problem["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize("size", ["0", "-1", "abc", "", "1.5", "٣", "9" * 5000])
def test_a_page_of_no_size_is_400(site: LiveSite, size: str) -> None:
    http = site.person().http
    problem = told(http.get("/api/v1/conversations/", params={"page_size": size}), 400, "invalid")

    assert problem["errors"][0]["field"] == "page_size"


def test_pages_lead_there_and_back(site: LiveSite) -> None:
    person = site.person()
    for number in range(5):
        person.open_conversation(f"Number {number}")
    first = person.http.get("/api/v1/conversations/", params={"page_size": 2}).json()
    second = person.http.get(first["next"]).json()
    third = person.http.get(second["next"]).json()

    assert (first["previous"], third["next"]) == (None, None)
    assert person.http.get(third["previous"]).json()["results"] == second["results"]
    assert person.http.get(second["previous"]).json()["results"] == first["results"]
    whole = person.http.get("/api/v1/conversations/", params={"page_size": 10**6}).json()
    assert whole["results"] == first["results"] + second["results"] + third["results"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/v1/messages/"), ("POST", "/api/v1/conversations/"),
     ("GET", "/api/v1/conversations/"), ("POST", "/api/v1/auth/token/")],
)  # fmt: skip
@pytest.mark.parametrize("header", ["Accept", "Content-Type"])
def test_header_parameters_that_cannot_be_read_do_no_harm(
    site: LiveSite, method: str, path: str, header: str
) -> None:
    headers = {"Content-Type": "application/json", header: BOGUS}
    response = site.person().http.request(method, path, content=b"{}", headers=headers)

    assert response.status_code < 500, response.text


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"title": NaN}', b'"\\ud800"', b"{", b"\xff"])
@pytest.mark.parametrize("path", ["conversations/", "auth/token/refresh/", "messages/"])
def test_what_is_not_json_is_said_the_same_way_everywhere(
    site: LiveSite, body: bytes, path: str
) -> None:
    headers = {"Content-Type": "application/json"}
    response = site.person().http.post(f"/api/v1/{path}", content=body, headers=headers)

    told(response, 400, "malformed_json")


@pytest.mark.parametrize("body", [[], ["a"], "x", 5, True, None])
@pytest.mark.parametrize("path", ["conversations/", "auth/token/", "messages/"])
def test_json_that_is_no_object_is_invalid(site: LiveSite, body: Any, path: str) -> None:
    response = site.person().http.post(
        f"/api/v1/{path}", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )

    assert told(response, 400, "invalid")["errors"][0]["field"] == "body"


@pytest.mark.parametrize(
    ("path", "code"), [("conversations/", "body_too_large"), ("messages/", "prompt_too_long")]
)
def test_an_oversize_body_is_413(site: LiveSite, path: str, code: str) -> None:
    person = site.person()
    big = {"title": "x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE}

    told(person.http.post(f"/api/v1/{path}", json=big), 413, code)
    assert not Conversation.objects.filter(owner=person.user).exists()


def test_no_type_is_taken_for_another(site: LiveSite) -> None:
    person = site.person()
    conversation = person.open_conversation("Old")
    answer = person.ask("Tell me about rivers.")
    title = person.http.patch(f"/api/v1/conversations/{conversation}/", json={"title": 5})
    comment = person.http.put(
        f"/api/v1/messages/{answer['id']}/feedback/", json={"verdict": "good", "comment": 5}
    )
    name = site.client().post("/api/v1/auth/token/", json={"username": 5, "password": 6})

    assert told(title, 400, "invalid")["errors"][0]["field"] == "title"
    assert told(comment, 400, "invalid")["errors"][0]["field"] == "comment"
    assert {fault["field"] for fault in told(name, 400, "invalid")["errors"]} == {
        "username",
        "password",
    }


def test_an_ask_names_a_model_or_none(site: LiveSite) -> None:
    person = site.person()

    problem = told(person.post_prompt("Hello", model=" "), 400, "invalid")
    assert problem["errors"][0]["field"] == "model"
    assert person.ask("Hello", model=None, colour="blue")["status"] == "complete"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/", "/api/schema/"])
def test_a_post_to_what_is_only_read_is_405(site: LiveSite, path: str) -> None:
    response = site.client().post(path, data={"a": "b"})

    told(response, 405, "method_not_allowed")
    assert "GET" in response.headers["allow"]


def test_a_forgotten_slash_keeps_method_and_body(site: LiveSite) -> None:
    person = site.person()
    response = person.http.post("/api/v1/conversations", json={"title": "Kept"})

    assert response.status_code == 308
    assert response.headers["location"] == "/api/v1/conversations/"
    followed = person.http.post(
        "/api/v1/conversations?x=1", json={"title": "Kept"}, follow_redirects=True
    )
    assert followed.status_code == 201
    assert followed.json()["title"] == "Kept"
    told(person.http.post("/api/v1/nothing", json={}), 404, "not_found")


def test_a_browser_finds_an_icon(site: LiveSite) -> None:
    icon = site.client().get("/favicon.ico")

    assert icon.status_code == 302
    # Not followed: the static files' server leaves it to the garbage collector to close what it sent.
    assert finders.find(icon.headers["location"].removeprefix("/static/"))
