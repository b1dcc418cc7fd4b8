"""A worker that comes back too late, and one that died between telling an end and storing it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Collection
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.conf import settings
from django.utils import timezone

from conversations.bootstrap import container
from conversations.domain.errors import DatabaseAway, RunInterrupted
from conversations.domain.problems import problem_of
from conversations.engine.events import Event, Failed, Started, Token
from conversations.models import Message
from conversations.runs import registry as owner
from conversations.runs.event_log import LeaseReport, LogEntry, log_key
from conversations.runs.recovery import end_abandoned, outcome_of_log
from conversations.runs.run import text_of
from conversations.storage import turns
from conversations.storage.turns import NewTurn
from routing.common.redis.clients import sync_client
from tests.live_site import LiveSite, events_of

STORY = "Write a story about a lighthouse keeper's cat."


def take_lease(message: str, held: bool) -> bool:
    """Wait until the answer is leased; take the lease away unless it shall stay ``held``."""
    key, patience = log_key(settings.REDIS_PREFIX, UUID(message), "lease"), threading.Event()
    with sync_client(settings.REDIS_URL) as redis:
        while not redis.exists(key):
            patience.wait(0.02)
        return held or bool(redis.delete(key))


def test_a_worker_taken_for_dead_stops_and_tells_the_end_it_was_given(site: LiveSite) -> None:
    person = site.person()
    site.simulator.fault(call="chat", token_delay_ms=150, times=1)
    with person.streaming(STORY, model="gpt") as (_, events):
        message = next(events).data["message"]
        assert next(event for event in events if event.name == "token")
        problem = problem_of(RunInterrupted(), instance=f"/api/v1/messages/{message}/")
        take_lease(message, held=True)
        assert turns.answer_finish(
            message=UUID(message), outcome=outcome_of_log([Token("as far as known")], problem)
        )
        assert take_lease(message, held=False)
        last = list(events)[-1]

    assert last.name == "error"
    assert last.data == problem
    assert Message.objects.get(pk=message).content == "as far as known"
    site.simulator.wait_for(lambda requests: requests[-1].closed_early)


def test_a_worker_that_wakes_and_the_log_tell_the_same_end(site: LiveSite) -> None:
    """Another worker ended the answer and sealed its log before this one sent its next event."""
    person, log = site.person(), container().runs.log
    site.simulator.fault(call="chat", token_delay_ms=600, times=1)
    with person.streaming(STORY, model="gpt") as (_, events):
        heard = [next(events)]
        message = UUID(heard[0].data["message"])
        heard.append(next(events))
        problem = problem_of(RunInterrupted(), instance=f"/api/v1/messages/{message}/")
        take_lease(str(message), held=True)
        known = site.run(log.everything(message))
        assert turns.answer_finish(message=message, outcome=outcome_of_log(known, problem))
        site.run(log.seal(message, len(known) + 1, Failed(problem)))
        assert take_lease(str(message), held=False)
        heard += events

    logged = site.run(log.read(message, after=0, block_ms=1)).events
    assert [event.id for event in heard] == [number for number, _ in logged]
    assert (heard[-1].name, heard[-1].data) == ("error", problem)
    assert Message.objects.get(pk=message).content == text_of(known)


def test_a_worker_that_was_paused_for_longer_than_a_lease_asks_nobody_any_more(
    site: LiveSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, later = site.person(), [0.0]
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + later[0])
    monkeypatch.setattr(owner, "time", clock)
    site.simulator.fault(call="chat", token_delay_ms=150, times=1)
    with person.streaming(STORY, model="gpt") as (_, events):
        message = next(events).data["message"]
        assert next(event for event in events if event.name == "token")
        later[0] = owner.PAUSED_SECONDS + 1
        last = list(events)[-1]

    assert (last.name, last.data["code"]) == ("error", "interrupted")
    assert Message.objects.get(pk=message).problem == last.data
    site.simulator.wait_for(lambda requests: requests[-1].closed_early)
    assert len(site.simulator.requests) == 1


def test_a_lost_lease_alone_ends_nothing(site: LiveSite) -> None:
    person = site.person()
    site.simulator.fault(call="chat", token_delay_ms=15, times=1)
    with person.streaming(STORY, model="gpt") as (_, events):
        message = next(events).data["message"]
        assert take_lease(message, held=False)
        last = list(events)[-1]

    assert last.name == "done"
    assert last.data["status"] == "complete"


def test_a_lease_renewed_just_as_the_answer_ends_is_given_up_again(
    site: LiveSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, begun = container().runs.log, asyncio.Event()
    renew, ended = log.renew, asyncio.Event()

    async def late(messages: Collection[UUID], **given: int) -> LeaseReport:
        begun.set()
        await ended.wait()
        report = await renew(messages, **given)
        reached.set()
        return report

    reached = threading.Event()
    monkeypatch.setattr(log, "renew", late)
    site.simulator.fault(call="chat", token_delay_ms=15, times=1)
    message = site.person().ask(STORY, model="gpt")["id"]
    assert begun.is_set()
    site.run(_end_of(f"run {message}"))
    site.loop.call_soon_threadsafe(ended.set)
    assert reached.wait(5)
    monkeypatch.undo()
    site.run(_end_of("run keeper"))

    with sync_client(settings.REDIS_URL) as redis:
        assert not redis.exists(log_key(settings.REDIS_PREFIX, UUID(message), "lease"))


async def _end_of(name: str) -> None:
    """Wait for the service's own task of that name, if it has not ended yet."""
    await asyncio.gather(*(task for task in asyncio.all_tasks() if task.get_name() == name))


def test_an_end_that_was_told_is_the_end_that_is_stored(site: LiveSite) -> None:
    person, log = site.person(), container().runs.log
    begun = turns.answer_begin(NewTurn(user=person.user.id, content="?"))
    Message.objects.filter(pk=begun.message).update(
        created_at=timezone.now() - timedelta(minutes=1)
    )
    problem = problem_of(DatabaseAway(), instance=f"/api/v1/messages/{begun.message}/")
    told: list[Event] = [
        Started(begun.conversation, begun.message, begun.user_message),
        Token("All of it."),
        Failed(problem),
    ]
    site.run(log.write([LogEntry(begun.message, 1, told)]))

    # The service's own search may be first.
    site.run(end_abandoned(log, begun.message))

    stored = Message.objects.get(pk=begun.message)
    assert (stored.status, stored.content, stored.problem) == ("failed", "All of it.", problem)
    assert site.run(log.everything(begun.message)) == told
    replayed = events_of(person.http.get(f"/api/v1/messages/{begun.message}/stream/").text)
    assert [event.name for event in replayed] == ["start", "token", "error"]
    assert replayed[-1].data == problem


def test_an_end_without_a_beginning_is_not_written_to_the_log(site: LiveSite) -> None:
    """Redis lost the log: readers take the stored answer, whose events begin with the first."""
    person, log = site.person(), container().runs.log
    begun = turns.answer_begin(NewTurn(user=person.user.id, content="?"))
    Message.objects.filter(pk=begun.message).update(
        created_at=timezone.now() - timedelta(minutes=1)
    )

    # The service's own search may be first.
    site.run(end_abandoned(log, begun.message))

    assert Message.objects.get(pk=begun.message).status == "failed"
    assert site.run(log.everything(begun.message)) == []
    replayed = events_of(person.http.get(f"/api/v1/messages/{begun.message}/stream/").text)
    assert [(event.id, event.name) for event in replayed] == [(1, "start"), (2, "error")]
