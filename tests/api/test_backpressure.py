"""Slow readers, stalled readers, and answers larger than anybody expects."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from pytest_django import Settings

from conversations.bootstrap import container
from conversations.models import Message
from tests.live_site import LiveSite, Person, events_of, messages_path, text_of

PROMPT = "Write a very long tale about a river."
MORE_THAN_SOCKETS_HOLD = {"tokens": 800, "huge_token": 10_000}
LONG = int(os.environ.get("LONG_ANSWER_TOKENS", "2000"))


def replayed(person: Person, message: str) -> list[Any]:
    return events_of(person.http.get(f"/api/v1/messages/{message}/stream/").text)


@contextmanager
def deaf_client(site: LiveSite, person: Person, **body: Any) -> Iterator[socket.socket]:
    """A client that asks and reads only what it is told to, through a small window."""
    data = json.dumps({"content": PROMPT, "model": "gpt", **body}).encode()
    head = (
        f"POST {messages_path(None)} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
        f"Authorization: {person.http.headers['Authorization']}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    )
    address = urlsplit(site.url)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect((address.hostname, address.port))
        client.sendall(head.encode() + data)
        yield client


def read_all(client: socket.socket) -> bytes:
    parts = []
    try:
        while part := client.recv(1 << 20):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def answer_of(person: Person) -> Message:
    """The person's only answer, as soon as it has ended."""
    patience = threading.Event()
    answers = Message.objects.filter(conversation__owner=person.user, role="assistant")
    while (answer := answers.exclude(status="streaming").first()) is None:
        patience.wait(0.05)
    return answer


@pytest.mark.parametrize(
    "fault",
    [
        {"tokens": 20, "huge_token": 10_000},
        {"tokens": LONG},
        {"tokens": 20, "empty_deltas": 5},
        {"tokens": 20, "split_utf8": True, "text": "Ünïcödé — 日本語 🎏 " * 20},
    ],
    ids=["huge tokens", "a long answer", "empty deltas", "characters cut in two"],
)
@pytest.mark.parametrize("model", ["gpt", "claude-sonnet"])
def test_what_is_streamed_is_stored_and_replayed(
    site: LiveSite, fault: dict[str, Any], model: str
) -> None:
    person = site.person()
    site.simulator.fault(call="chat", times=1, **fault)
    events = person.stream(PROMPT, model=model)
    done = events[-1]

    assert done.name == "done"
    assert done.data["content"] == text_of(events) != ""
    assert all(event.data["text"] for event in events if event.name == "token")
    assert replayed(person, done.data["id"]) == events


@pytest.mark.parametrize("model", ["gpt", "claude-sonnet"])
def test_bytes_that_are_no_text_harm_nothing_else(site: LiveSite, model: str) -> None:
    person = site.person()
    site.simulator.fault(call="chat", times=1, tokens=10, bad_utf8_after=4)
    events = person.stream(PROMPT, model=model)

    assert [event.name for event in events if event.name in {"done", "error"}] == ["done"]
    assert events[-1].data["content"] == text_of(events)
    assert replayed(person, events[-1].data["id"]) == events


def test_a_reader_that_pauses_holds_nobody_up(site: LiveSite) -> None:
    slow, quick = site.person(), site.person()
    site.simulator.fault(call="chat", times=1, match="river", **MORE_THAN_SOCKETS_HOLD)
    with deaf_client(site, slow) as client:
        stored = answer_of(slow)  # made and stored, though nobody reads
        assert quick.ask("Write a haiku about moss.", model="gpt")["status"] == "complete"
        events = events_of(_body(read_all(client)))

    assert stored.status == "complete"
    assert text_of(events) == stored.content
    assert len(stored.content) > 7_000_000


def test_a_reader_that_stalls_is_cut_off_and_may_come_back(
    site: LiveSite, settings: Settings
) -> None:
    settings.STALLED_CLIENT_SECONDS = 0.3
    person = site.person()
    site.simulator.fault(call="chat", times=1, **MORE_THAN_SOCKETS_HOLD)
    with deaf_client(site, person) as client:
        stored = answer_of(person)
        seats, patience = container().stream_limits, threading.Event()
        while seats.open:
            patience.wait(0.05)
        cut = read_all(client)
    # A busy machine may not read megabytes without such a pause.
    settings.STALLED_CLIENT_SECONDS = 30

    assert stored.status == "complete"
    assert b"event: done" not in cut
    assert text_of(replayed(person, str(stored.id))) == stored.content


def _body(response: bytes) -> str:
    """The text of a chunked answer."""
    rest, parts = response.partition(b"\r\n\r\n")[2], []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        parts.append(rest[:length])
        rest = rest[length + 2 :]
    return b"".join(parts).decode()
