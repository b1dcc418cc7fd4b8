"""What must hold of every run, whatever went wrong: told by its stream, its log and its row."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.conf import settings

from conversations.api.sse import encode
from conversations.models import Message
from conversations.runs.event_codec import load
from routing.common.redis.clients import sync_client
from tests.live_site import Event, LiveSite, Person, events_of, text_of
from tests.remote_site import RemoteSite

TERMINAL = {"done", "error"}
PERMANENT = {"run keeper", "run recovery"}
"""Background loops of the run registry."""


def answered(site: LiveSite, person: Person, prompt: str, **body: Any) -> list[Event]:
    """Ask for a stream, see that everything about it is in order, and return its events."""
    response = person.post_prompt(prompt, accept="text/event-stream", **body)
    assert response.status_code == 200, response.text
    events = events_of(response.text)
    in_order(events)
    message = UUID(events[0].data["message"])
    wait_for_quiet(site)
    agree(person, message, events)
    return events


def in_order(events: list[Event]) -> None:
    """Gapless ids, one start, one end, and nothing after it."""
    names = [event.name for event in events]
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert names[0] == "start"
    assert names[-1] in TERMINAL
    assert TERMINAL.isdisjoint(names[:-1])
    assert names.count("decision") <= 1
    first_word = next((at for at, name in enumerate(names) if name == "token"), len(names))
    assert "reset" not in names[:first_word], "a reset of nothing"
    assert all(pair != ("reset", "reset") for pair in pairwise(names))


def agree(person: Person, message: UUID, events: list[Event]) -> None:
    """Stream, API, log and replay tell the same."""
    stored = person.http.get(f"/api/v1/messages/{message}/").json()
    last = events[-1]
    assert text_of(events) == stored["content"]
    if last.name == "done":
        assert last.data == stored
        assert stored["status"] == "complete"
        assert stored["content"]
        assert stored["finish_reason"] in {"stop", "content_filter", "length"}
    else:
        assert stored["status"] == "failed"
        assert last.data["status"] in {500, 502, 503, 504}
    replayed = person.http.get(f"/api/v1/messages/{message}/stream/")
    assert events_of(replayed.text) == events
    assert log_of(message) == events
    assert Message.objects.get(pk=message).status == stored["status"]


def log_of(message: UUID) -> list[Event]:
    """What Redis kept of the run, as a client would see it."""
    key = f"{settings.REDIS_PREFIX}:run:{{{message}}}:events"
    with sync_client(settings.REDIS_URL) as client:
        entries: Any = client.xrange(key)
    frames = [encode(*numbered) for _, body in entries for numbered in load(body[b"e"])]
    return events_of(b"".join(frames).decode())


def wait_for_quiet(site: LiveSite) -> None:
    """Nothing is left running: no run, no call to a provider."""
    if isinstance(site, RemoteSite):
        site.await_quiet()
    else:
        site.run(_no_run_left())
    site.simulator.wait_for(lambda requests: all(each.outcome != "open" for each in requests))


async def _no_run_left() -> None:
    async with asyncio.timeout(10):
        while left := [task for task in asyncio.all_tasks() if _of_a_run(task)]:
            await asyncio.wait(left, timeout=0.05)


def _of_a_run(task: asyncio.Task[Any]) -> bool:
    name = task.get_name()
    return name not in PERMANENT and name.startswith(("run ", "ask ", "event writer"))
