"""With a queue, a question waits for the answer before it instead of being turned away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from uuid import UUID

import httpx
import pytest
from django.conf import settings

from conversations.models import Message
from conversations.runs.event_log import log_key
from conversations.runs.recovery import outcome_of_log
from conversations.storage import turns
from conversations.storage.turns import NewTurn
from routing.common.redis.clients import sync_client
from tests.live_site import LiveSite, Person

SLOW = "Write a story about a slow snail."


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


def prompts_of(conversation: str) -> list[str]:
    rows = Message.objects.filter(conversation_id=UUID(conversation), role="user").order_by("id")
    return list(rows.values_list("content", flat=True))


def ask_later(
    pool: ThreadPoolExecutor, site: LiveSite, person: Person, content: str, conversation: str
) -> Future[httpx.Response]:
    """Ask from another connection of the same person."""
    again = site.person(person.user)
    return pool.submit(again.post_prompt, content, conversation=conversation, model="gpt")


def test_a_question_waits_for_the_answer_before_it(
    site: LiveSite, pool: ThreadPoolExecutor
) -> None:
    person = site.person()
    thread = person.open_conversation()
    site.simulator.fault(call="chat", token_delay_ms=20, times=1, match="snail")
    with site.composed_with(BUSY_QUEUE_SECONDS=20):
        with person.streaming(SLOW, conversation=thread, model="gpt") as (_, events):
            next(events)
            second = ask_later(pool, site, person, "And a quick one?", thread)
            assert [event.name for event in events][-1] == "done"
        answer = second.result(20)

    assert answer.status_code == 200
    assert prompts_of(thread) == [SLOW, "And a quick one?"]
    # It was asked with what came before it.
    sent = site.simulator.requests[-1].body["messages"]
    assert [message["content"] for message in sent if message["role"] == "user"] == [
        SLOW,
        "And a quick one?",
    ]


def test_waiting_ends_in_the_old_conflict(site: LiveSite) -> None:
    person = site.person()
    thread = person.open_conversation()
    site.simulator.fault(call="chat", token_delay_ms=25, times=1, match="snail")
    with (
        site.composed_with(BUSY_QUEUE_SECONDS=0.3),
        person.streaming(SLOW, conversation=thread, model="gpt") as (_, events),
    ):
        message = next(events).data["message"]
        refused = site.person(person.user).post_prompt("Now?", conversation=thread)

    assert refused.status_code == 409
    assert refused.json()["message"] == message
    assert prompts_of(thread) == [SLOW]


def test_who_leaves_while_waiting_was_never_there(site: LiveSite) -> None:
    person = site.person()
    thread = person.open_conversation()
    site.simulator.fault(call="chat", token_delay_ms=20, times=1, match="snail")
    with site.composed_with(BUSY_QUEUE_SECONDS=20):
        with person.streaming(SLOW, conversation=thread, model="gpt") as (_, events):
            next(events)
            with suppress(httpx.ReadTimeout):
                impatient = site.person(person.user)
                impatient.http.timeout = httpx.Timeout(0.3)
                impatient.post_prompt("Gone", conversation=thread)
            list(events)
        assert person.ask("After it", conversation=thread)["status"] == "complete"

    assert prompts_of(thread) == [SLOW, "After it"]


def test_an_answer_of_another_worker_is_waited_for(
    site: LiveSite, pool: ThreadPoolExecutor
) -> None:
    person = site.person()
    thread = person.open_conversation()
    begun = turns.answer_begin(
        NewTurn(user=person.user.id, conversation=UUID(thread), content="Elsewhere")
    )
    lease = log_key(settings.REDIS_PREFIX, begun.message, "lease")
    with site.composed_with(BUSY_QUEUE_SECONDS=20), sync_client(settings.REDIS_URL) as redis:
        redis.set(lease, b"1", ex=60)
        waiting = ask_later(pool, site, person, "Here", thread)
        threading.Event().wait(0.3)
        assert not waiting.done()
        outcome = outcome_of_log([], {"code": "interrupted"})
        assert turns.answer_finish(message=begun.message, outcome=outcome)
        redis.delete(lease)
        assert waiting.result(20).status_code == 200

    assert prompts_of(thread) == ["Elsewhere", "Here"]
