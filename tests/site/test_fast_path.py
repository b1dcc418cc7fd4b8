"""The fast path responds like Django's handler: the same headers and errors, in fewer steps."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.http import HttpRequest, HttpResponseBase

from assistant_site.http import handlers
from assistant_site.http.handlers import FastPathHandler, SiteHandler
from tests.live_site import LiveSite

SOME_ID = "01a207ba-bba9-735e-a595-832cadbabbc2"
CHANGING = {"x-request-id", "traceparent"}


def scope_of(path: str, method: str = "GET", **headers: str) -> dict[str, Any]:
    all_headers = {"host": "localhost", "origin": "https://elsewhere.example", **headers}
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in all_headers.items()],
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }


async def respond(handler: SiteHandler, scope: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    if isinstance(handler, FastPathHandler):
        assert handler.accepts(scope)
    communicator: Any = ApplicationCommunicator(handler, scope)  # type: ignore[no-untyped-call]
    await communicator.send_input({"type": "http.request", "body": b"", "more_body": False})
    start = await communicator.receive_output(10)
    body = await communicator.receive_output(10)
    await communicator.wait()
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, body["body"]


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/healthz", "GET"),
        (f"/api/v1/messages/{SOME_ID}/stop/", "POST"),
        (f"/api/v1/messages/{SOME_ID}/stream/", "GET"),
    ],
)
async def test_both_handlers_respond_alike(path: str, method: str) -> None:
    status, headers, body = await respond(FastPathHandler(), scope_of(path, method))
    site_status, site_headers, site_body = await respond(SiteHandler(), scope_of(path, method))

    assert status == site_status
    assert "content-security-policy" in headers
    assert {name: text for name, text in headers.items() if name not in CHANGING} == {
        name: text for name, text in site_headers.items() if name not in CHANGING
    }
    assert _without_id(body, headers) == _without_id(site_body, site_headers)


def _without_id(body: bytes, headers: dict[str, str]) -> bytes:
    return body.replace(headers["x-request-id"].encode(), b"")


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/", "GET"),
        ("/admin/", "GET"),
        ("/api/v1/conversations/", "POST"),
        (f"/api/v1/conversations/{SOME_ID}/messages/", "GET"),
        ("/api/v1/messages/", "GET"),
        ("/nowhere", "GET"),
    ],
)
def test_other_views_are_left_to_the_site_handler(path: str, method: str) -> None:
    assert not FastPathHandler().accepts(scope_of(path, method))


def test_a_middleware_that_waits_is_refused(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "HEADER_MIDDLEWARE", frozenset())
    settings.MIDDLEWARE = [f"{__name__}.a_synchronous_middleware"]

    with pytest.raises(TypeError, match="not async"):
        FastPathHandler()


def a_synchronous_middleware(get_response: Any) -> Any:
    def middleware(request: HttpRequest) -> HttpResponseBase:
        response: HttpResponseBase = get_response(request)
        return response

    return middleware


def test_a_bug_in_a_view_is_a_problem_and_not_a_broken_connection(
    site: LiveSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("conversations.api.ask.origin_of", broken)
    response = site.person().post_prompt("Hello?")

    assert response.status_code == 500
    assert response.json()["code"] == "internal_error"
