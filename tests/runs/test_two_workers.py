"""Two workers on one database and one Redis: continue, stop and bury each other's answers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator

import httpx
import pytest
from django.conf import settings
from django.db import connection

from conversations.models import Message
from tests.live_site import Event, LiveSite, Person, events_of, live_events, text_of

pytestmark = pytest.mark.timeout(240)  # a second worker starts within the first test

STORY = "Write a story about a ferry in the fog."


class OtherWorker:
    """A second process of the service."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.process = subprocess.Popen(  # our own interpreter
            [sys.executable, "-m", "assistant_site.serve", "--port", str(self._port)],
            env={**os.environ, **self._environment()},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._await_readiness()

    def person(self, signed_in: Person) -> httpx.Client:
        """The same person's client of this worker."""
        headers = {"Authorization": signed_in.http.headers["Authorization"]}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(30)

    def _environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": _database_url(),
            "REDIS_URL": settings.REDIS_URL,
            "SECRET_KEY": uuid.uuid4().hex * 2,
            "JWT_SIGNING_KEY": settings.SECRET_KEY,
            "OPENAI_API_KEY": "test-key",
            "ANTHROPIC_API_KEY": "test-key",
            "OPENAI_BASE_URL": settings.OPENAI_BASE_URL,
            "ANTHROPIC_BASE_URL": settings.ANTHROPIC_BASE_URL,
            "LANGFUSE_PUBLIC_KEY": "",
            "DRAIN_SECONDS": "1",
        }

    def _await_readiness(self) -> None:
        deadline = time.monotonic() + 170
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "the second worker ended at its start"
            try:
                httpx.get(f"{self.url}/readyz", timeout=150)
            except httpx.ConnectError:
                time.sleep(0.1)  # a process that does not listen yet has no event to wait for
                continue
            return
        raise AssertionError("the second worker did not start")


def _database_url() -> str:
    """Where the tests' database is."""
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    return (
        f"postgres://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}"
        f"/{given['NAME']}"
    )


@pytest.fixture(scope="module")
def _worker(_running_site: LiveSite) -> Iterator[list[OtherWorker]]:
    started: list[OtherWorker] = []
    yield started
    for worker in started:
        if worker.process.poll() is None:
            worker.end()


@pytest.fixture
def other(site: LiveSite, _worker: list[OtherWorker]) -> OtherWorker:
    """A running second worker; a test may kill it."""
    if not _worker or _worker[-1].process.poll() is not None:
        _worker.append(OtherWorker())
    return _worker[-1]


def resumed(http: httpx.Client, message: str, after: int = 0) -> list[Event]:
    response = http.get(f"/api/v1/messages/{message}/stream/", params={"after": after})
    assert response.status_code == 200, response.text
    return events_of(response.text)


def test_a_stream_is_followed_on_another_worker(site: LiveSite, other: OtherWorker) -> None:
    person = site.person()
    site.simulator.fault(provider="openai", call="chat", token_delay_ms=20, times=1)
    with person.streaming(STORY, model="gpt") as (_, events), other.person(person) as elsewhere:
        first = next(events)
        there = resumed(elsewhere, first.data["message"])
        here = [first, *events]

    assert there == here
    assert text_of(there) == there[-1].data["content"]
    with other.person(person) as elsewhere:
        assert resumed(elsewhere, first.data["message"], after=3) == here[3:]


def test_an_answer_is_stopped_from_another_worker(site: LiveSite, other: OtherWorker) -> None:
    person = site.person()
    site.simulator.fault(provider="openai", call="chat", token_delay_ms=200, times=1)
    with person.streaming(STORY, model="gpt") as (_, events), other.person(person) as elsewhere:
        message = next(events).data["message"]
        assert next(event for event in events if event.name == "token")
        stopped = elsewhere.post(f"/api/v1/messages/{message}/stop/")
        last = list(events)[-1]

    assert stopped.json()["status"] == "stopped"
    assert last.data["status"] == "stopped"
    assert last.data["content"] == stopped.json()["content"] != ""
    site.simulator.wait_for(lambda requests: requests[-1].closed_early)


def test_the_answer_of_a_killed_worker_is_ended_once_with_its_text(
    site: LiveSite, other: OtherWorker
) -> None:
    person = site.person()
    site.simulator.fault(provider="openai", call="chat", token_delay_ms=300, times=1)
    with (
        other.person(person) as elsewhere,
        elsewhere.stream(
            "POST",
            "/api/v1/messages/",
            json={"content": STORY, "model": "gpt"},
            headers={"Accept": "text/event-stream"},
        ) as response,
    ):
        events = live_events(response)
        seen = [next(events) for _ in range(5)]
        other.end(signal.SIGKILL)
    message = seen[0].data["message"]
    followed = resumed(person.http, message)
    stored = Message.objects.get(pk=message)

    # The last 25 ms of a killed process may not have reached the log.
    assert followed[: len(seen) - 1] == seen[:-1]
    assert [event.id for event in followed] == list(range(1, len(followed) + 1))
    assert followed[-1].name == "error"
    assert followed[-1].data["code"] == "interrupted"
    assert stored.status == "failed"
    assert stored.content == text_of(followed) != ""
    assert resumed(person.http, message) == followed
    after = person.ask("Go on.", conversation=str(stored.conversation_id), model="gpt")
    assert after["status"] == "complete"


def test_a_worker_that_is_told_to_end_ends_its_streams_first(
    site: LiveSite, other: OtherWorker
) -> None:
    person = site.person()
    site.simulator.fault(provider="openai", call="chat", token_delay_ms=300, times=1)
    with (
        other.person(person) as elsewhere,
        elsewhere.stream(
            "POST",
            "/api/v1/messages/",
            json={"content": STORY, "model": "gpt"},
            headers={"Accept": "text/event-stream"},
        ) as response,
    ):
        events = live_events(response)
        seen = [next(events) for _ in range(4)]
        other.process.send_signal(signal.SIGTERM)
        seen += events
    other.process.wait(30)
    stored = Message.objects.get(pk=seen[0].data["message"])

    assert seen[-1].name == "error"
    assert seen[-1].data["code"] == "interrupted"
    assert stored.status == "failed"
    assert stored.content == text_of(seen) != ""
    assert resumed(person.http, str(stored.id)) == seen
