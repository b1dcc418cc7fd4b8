"""How many answers may be open: for one person everywhere, for everybody on one worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.conf import settings

from assistant_site.launcher.redis_server import RedisServer
from conversations.bootstrap import container
from routing.common.redis.clients import sync_client
from tests.live_site import LiveSite, Person

PROMPT = "Write a story about a slow train."


@contextmanager
def watching(site: LiveSite, person: Person, answers: int = 1) -> Iterator[list[str]]:
    """Open streams that last as long as the block; yields the messages' ids."""
    site.simulator.fault(call="chat", token_delay_ms=500, match="slow train")
    with ExitStack() as stack:
        opened = [
            stack.enter_context(person.streaming(PROMPT, model="gpt")) for _ in range(answers)
        ]
        yield [next(events).data["message"] for _, events in opened]


def await_seats(taken: int) -> None:
    patience = threading.Event()
    while container().stream_limits.open != taken:
        patience.wait(0.02)


def test_a_person_has_so_many_streams_open_and_no_more(site: LiveSite) -> None:
    person, other = site.person(), site.person()
    with site.composed_with(STREAMS_PER_USER=2):
        with watching(site, person, 2) as messages:
            refused = person.post_prompt("And this?")
            resumed = person.http.get(f"/api/v1/messages/{messages[0]}/stream/")
            assert other.ask("Hello!", model="gpt")["status"] == "complete"
        await_seats(0)
        assert person.ask("And now?", model="gpt")["status"] == "complete"

    assert refused.status_code == resumed.status_code == 429
    assert refused.json()["code"] == "rate_limited"
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["RateLimit-Policy"] == '"streams";q=2'


def test_streams_on_other_workers_count(site: LiveSite) -> None:
    person = site.person()
    with site.composed_with(STREAMS_PER_USER=2), sync_client(settings.REDIS_URL) as redis:
        key = f"{settings.REDIS_PREFIX}:streams:{person.user.id}"
        redis.zadd(key, {b"elsewhere": time.time() + 30, b"of the dead": time.time() - 1})
        with watching(site, person):
            assert person.post_prompt("And this?").status_code == 429
        await_seats(0)
        assert person.ask("And now?", model="gpt")["status"] == "complete"
        redis.delete(key)


def test_without_redis_each_worker_counts_alone(site: LiveSite, redis_server: RedisServer) -> None:
    person = site.person()
    with site.composed_with(STREAMS_PER_USER=1):
        redis_server.stop()
        with watching(site, person):
            assert person.post_prompt("And this?").status_code == 429
        redis_server.start()


def test_a_full_worker_says_so(site: LiveSite) -> None:
    person, other = site.person(), site.person()
    with site.composed_with(STREAMS_PER_WORKER=1), watching(site, person):
        refused = other.post_prompt("Hello?")

    assert refused.status_code == 503
    assert refused.json()["code"] == "overloaded"
    assert refused.headers["Retry-After"] == "1"
    await_seats(0)


def test_a_refused_question_leaves_no_trace(site: LiveSite) -> None:
    person = site.person()
    with site.composed_with(STREAMS_PER_USER=1), watching(site, person):
        person.post_prompt("And this?")
        listed = person.http.get("/api/v1/conversations/").json()["results"]

    assert len(listed) == 1
    await_seats(0)
