"""Every run has one end, whatever happens while it is stored, and whoever has left."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from conversations.engine.events import Token
from conversations.models import Message
from conversations.runs import lifecycle
from conversations.runs.follow import unbroken
from tests.live_site import LiveSite, Person, events_of

PROMPT = "Write a short verse about a pear tree."


def leave_early(site: LiveSite, person: Person, after: float) -> None:
    """Send a whole request and be gone a moment later."""
    body = json.dumps({"content": PROMPT}).encode()
    address = urlsplit(site.url)
    head = (
        "POST /api/v1/messages/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
        f"Authorization: {person.http.headers['Authorization']}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head.encode() + body)
        time.sleep(after)


def test_a_client_that_leaves_at_once_leaves_no_orphan(site: LiveSite) -> None:
    person = site.person()
    for milliseconds in range(0, 60, 4):
        leave_early(site, person, milliseconds / 1000)
    person.ask(PROMPT)  # whatever the earlier requests began has begun by now
    begun = Message.objects.filter(conversation__owner=person.user, role="assistant")

    for message in begun:
        stream = person.http.get(f"/api/v1/messages/{message.id}/stream/").text
        assert events_of(stream)[-1].name == "done"


def test_what_no_database_stores_is_left_out_of_an_answer(site: LiveSite) -> None:
    site.simulator.fault(call="chat", text="before\x00after")
    answer = site.person().ask(PROMPT)

    assert answer["status"] == "complete"
    assert answer["content"] == "beforeafter"


def test_a_bug_while_storing_still_ends_the_stream(
    site: LiveSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(lifecycle, "_finish_and_read", broken)
    events = site.person().stream(PROMPT)

    assert events[-1].name == "error"
    assert events[-1].data["code"] == "internal_error"
    monkeypatch.undo()
    Message.objects.filter(pk=events[0].data["message"]).update(status="failed")


def test_a_stop_while_the_answer_is_stored_changes_nothing(
    site: LiveSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way, stopped = threading.Event(), threading.Event()
    store = lifecycle._finish_and_read

    def slow(*given: Any) -> Any:
        under_way.set()
        stopped.wait(10)
        return store(*given)

    monkeypatch.setattr(lifecycle, "_finish_and_read", slow)
    person = site.person()
    with person.streaming(PROMPT) as (_, events):
        message = next(events).data["message"]
        assert under_way.wait(10)
        threading.Timer(0.3, stopped.set).start()
        answer = person.http.post(f"/api/v1/messages/{message}/stop/").json()
        last = list(events)[-1]

    assert last.name == "done"
    assert last.data["status"] == answer["status"] == "complete"


def test_a_log_with_a_hole_is_read_up_to_it() -> None:
    events = [(4, Token("a")), (5, Token("b")), (7, Token("d"))]

    assert unbroken(events, 3) == events[:2]
    assert unbroken(events, 2) == []
