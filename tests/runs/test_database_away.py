"""A database that is locked or slow while answers begin and end: nothing lost, nothing doubled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Queue
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from pytest_django import Settings

from conversations.bootstrap import container
from conversations.db.access import in_database, still_awaited
from conversations.models import Message
from conversations.runs import lifecycle
from conversations.runs.recovery import outcome_of_log
from conversations.storage import turns
from conversations.storage.turns import NewTurn
from tests.live_site import LiveSite, events_of

PROMPT = "Write a short verse about a quince."


@contextmanager
def locked() -> Iterator[None]:
    """Nobody else can write an answer in the block."""
    with transaction.atomic():  # SQLite: takes the only write lock
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("LOCK TABLE conversations_message IN ACCESS EXCLUSIVE MODE")
        yield


def test_a_question_to_a_locked_database_is_a_503_that_leaves_nothing(
    site: LiveSite, settings: Settings
) -> None:
    settings.DATABASE_SECONDS = 0.3
    person = site.person()
    with locked():
        refused = person.post_prompt(PROMPT, headers={"Idempotency-Key": "quince"})
    settings.DATABASE_SECONDS = 10
    answer = person.post_prompt(PROMPT, headers={"Idempotency-Key": "quince"})

    assert refused.status_code == 503
    assert refused.json()["code"] == "database_unavailable"
    assert refused.headers["Retry-After"] == "5"
    assert answer.json()["status"] == "complete"
    assert "Idempotency-Replayed" not in answer.headers
    assert Message.objects.filter(conversation__owner=person.user).count() == 2


def test_the_end_of_an_answer_waits_for_the_database(
    site: LiveSite, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = _count_tries(monkeypatch)
    settings.DATABASE_SECONDS = 0.3
    person = site.person()
    site.simulator.fault(call="chat", token_delay_ms=15, times=1)
    with person.streaming(PROMPT, model="gpt") as (_, events):
        start = next(events)
        assert next(event for event in events if event.name == "token")
        with locked():
            assert tried.wait(10)
            assert tried.again.wait(10)
        last = list(events)[-1]

    assert last.name == "done"
    assert last.data["status"] == "complete"
    assert {"part": "database"} in last.data["degraded"]
    assert Message.objects.get(pk=start.data["message"]).content == last.data["content"]


def test_an_answer_that_could_not_be_stored_in_time_is_stored_as_it_was_told(
    site: LiveSite, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "STORE_SECONDS", 0.2)
    monkeypatch.setattr(lifecycle, "LONGEST_PAUSE", 0.1)
    settings.DATABASE_SECONDS = 0.3
    person = site.person()
    site.simulator.fault(call="chat", token_delay_ms=15, times=1)
    with person.streaming(PROMPT, model="gpt") as (_, events):
        seen = [next(events)]
        with locked():
            seen += events
    settings.DATABASE_SECONDS = 10
    message = seen[0].data["message"]
    run = container().runs.running(message)
    assert run is None or run.ended
    again = events_of(_await_stored(site, person, message))

    assert seen[-1].name == "error"
    assert seen[-1].data["code"] == "database_unavailable"
    stored = Message.objects.get(pk=message)
    assert stored.status == "failed"
    assert stored.content == "".join(e.data["text"] for e in seen if e.name == "token") != ""
    assert again == seen


def _await_stored(site: LiveSite, person: Any, message: str) -> str:
    settled = threading.Event()
    while Message.objects.get(pk=message).status == "streaming":
        settled.wait(0.05)
    return str(person.http.get(f"/api/v1/messages/{message}/stream/").text)


class _Tries(threading.Event):
    def __init__(self) -> None:
        super().__init__()
        self.again = threading.Event()


def _count_tries(monkeypatch: pytest.MonkeyPatch) -> _Tries:
    tried, store = _Tries(), lifecycle._finish_and_read

    def counted(*given: Any) -> Any:
        (tried.again if tried.is_set() else tried).set()
        return store(*given)

    monkeypatch.setattr(lifecycle, "_finish_and_read", counted)
    return tried


def given_up(site: LiveSite, settings: Settings, call: Callable[[], object]) -> BaseException:
    """Let the database lock ``call`` out until its caller was told so; returns how it ended then."""
    settings.DATABASE_SECONDS = 0.2
    ended: Queue[BaseException] = Queue()

    def work() -> None:
        try:
            call()
        except BaseException as exc:
            ended.put(exc)
            raise
        ended.put(AssertionError("it was written"))

    with locked(), pytest.raises(OperationalError, match="no answer from the database"):
        site.run(in_database(work))
    return ended.get(timeout=15)


def test_a_question_nobody_waits_for_is_not_stored(site: LiveSite, settings: Settings) -> None:
    person = site.person()

    def begin() -> None:
        turns.answer_begin(NewTurn(user=person.user.id, content="?"))

    assert isinstance(given_up(site, settings, begin), OperationalError)
    assert not Message.objects.filter(conversation__owner=person.user).exists()


def test_an_end_nobody_waits_for_is_not_stored(site: LiveSite, settings: Settings) -> None:
    person = site.person()
    begun = turns.answer_begin(NewTurn(user=person.user.id, content="?"))
    outcome = outcome_of_log([], {"code": "interrupted"})

    def finish() -> None:
        turns.answer_finish(message=begun.message, outcome=outcome)

    assert isinstance(given_up(site, settings, finish), OperationalError)
    assert Message.objects.get(pk=begun.message).status == "streaming"
    finish()


async def test_a_write_in_time_is_kept() -> None:
    await in_database(still_awaited)


async def test_a_process_that_was_paused_while_it_stored_tries_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [0.0]
    tries: list[float] = []

    async def stored(*_: Any) -> str:
        tries.append(clock[0])
        if len(tries) == 1:
            clock[0] += 60  # it was frozen, and nobody answered in time by its clock
            raise OperationalError("no answer")
        return "stored"

    monkeypatch.setattr(lifecycle, "written", stored)
    monkeypatch.setattr(lifecycle, "FIRST_PAUSE", 0)
    monkeypatch.setattr(lifecycle, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    run: Any = SimpleNamespace(turn=None, note=lambda _: None)
    outcome: Any = None

    assert await lifecycle.store(run, outcome) == "stored"  # type: ignore[comparison-overlap]
    assert tries == [0.0, 60.0]
