"""Two workers on one database and one Redis: continue, stop and bury each other's answers."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from benchmarks.stage.site import send
from conversations.models import Message
from tests.live_site import Event, LiveSite, Person, events_of, live_events, text_of
from tests.processes import site_process

pytestmark = pytest.mark.timeout(240)  # a second worker starts within the first test

STORY = "Write a story about a ferry in the fog."


class OtherWorker:
    """A second process of the service."""

    def __init__(self, folder: Path) -> None:
        self._site = site_process(folder, DRAIN_SECONDS="1")
        self._site.start()

    @property
    def is_there(self) -> bool:
        return self._site.is_up

    def person(self, signed_in: Person) -> httpx.Client:
        """The same person's client of this worker."""
        headers = {"Authorization": signed_in.http.headers["Authorization"]}
        return httpx.Client(base_url=self._site.url, headers=headers, timeout=30)

    def signal(self, how: signal.Signals) -> None:
        send(self._site.supervisor, how)

    def end(self) -> None:
        self._site.end()


@pytest.fixture(scope="module")
def _worker(_running_site: LiveSite) -> Iterator[list[OtherWorker]]:
    started: list[OtherWorker] = []
    yield started
    for worker in started:
        worker.end()


@pytest.fixture
def other(site: LiveSite, _worker: list[OtherWorker], tmp_path: Path) -> OtherWorker:
    """A running second worker; a test may kill it."""
    if not _worker or not _worker[-1].is_there:
        _worker.append(OtherWorker(tmp_path))
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
    site.simulator.fault(provider="openai", call="chat", token_delay_ms=4, times=1)
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
        other.signal(signal.SIGKILL)
        with suppress(httpx.TransportError):
            seen += events
    message = seen[0].data["message"]
    followed = resumed(person.http, message)
    stored = Message.objects.get(pk=message)

    assert followed[: len(seen)] == seen
    assert [event.id for event in followed] == list(range(1, len(followed) + 1))
    assert followed[-1].name == "error"
    assert followed[-1].data["code"] == "interrupted"
    assert stored.status == "failed"
    assert stored.content == text_of(followed) != ""
    assert resumed(person.http, message) == followed
    # What it told in its last moment may be lost: whoever heard more hears the end after that.
    for heard in (len(followed), len(followed) + 3):
        (end,) = resumed(person.http, message, after=heard)
        assert (end.id, end.name, end.data) == (heard + 1, "error", followed[-1].data)
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
        other.signal(signal.SIGTERM)
        seen += events
    other.end()
    stored = Message.objects.get(pk=seen[0].data["message"])

    assert seen[-1].name == "error"
    assert seen[-1].data["code"] == "interrupted"
    assert stored.status == "failed"
    assert stored.content == text_of(seen) != ""
    assert resumed(person.http, str(stored.id)) == seen


def test_a_response_is_followed_and_cancelled_on_another_worker(
    site: LiveSite, other: OtherWorker
) -> None:
    person, body = site.person(), {"model": "gpt", "input": STORY, "background": True}
    site.simulator.fault(provider="openai", call="chat", token_delay_ms=20, times=1)
    site.simulator.fault(provider="openai", call="chat", tokens=900, token_delay_ms=20, times=1)
    first, second = (
        "/v1/responses/" + person.http.post("/v1/responses", json=body).json()["id"]
        for _ in range(2)
    )
    with other.person(person) as elsewhere:
        there = elsewhere.get(first, params={"stream": "true"}).text
        later = elsewhere.get(first, params={"stream": "true", "starting_after": 3}).text
        cancelled = elsewhere.post(second + "/cancel").json()
    here = person.http.get(first, params={"stream": "true"}).text
    frames = [frame for frame in here.split("\n\n") if not frame.startswith(":")]

    assert "event: response.completed" in frames[-2]
    assert [frame for frame in there.split("\n\n") if not frame.startswith(":")] == frames
    assert [frame for frame in later.split("\n\n") if not frame.startswith(":")] == frames[4:]
    assert cancelled["status"] == "cancelled"
