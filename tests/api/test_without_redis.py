"""Redis goes away and comes back under a running service."""

from __future__ import annotations

import uuid

from assistant_site.launcher.redis_server import RedisServer
from conversations.models import Message
from tests.live_site import LiveSite


def test_answers_go_on_without_redis_and_reuse_starts_again_with_it(
    site: LiveSite, redis_server: RedisServer
) -> None:
    person, http = site.person(), site.client()
    question = f"What is the colour of stone {uuid.uuid4()}?"
    person.ask(question)
    redis_server.stop()

    answer = person.ask(question)
    assert answer["status"] == "complete"
    assert answer["cache"]["outcome"] == "bypass"
    assert {"part": "answer_cache"} in answer["degraded"]
    follow_up = person.ask("My name is Ada.", conversation=answer["conversation"])
    assert (
        "Ada" in person.ask("What is my name?", conversation=follow_up["conversation"])["content"]
    )
    ready = http.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["status"] == "degraded"
    assert ready.json()["checks"]["redis"]["state"] == "down"
    stream = person.stream("Write a haiku about pebbles.")
    assert stream[-1].name == "done"

    redis_server.start()
    site.await_redis()
    assert person.ask(question)["cache"]["outcome"] == "exact"


def test_a_bad_verdict_given_while_redis_was_away_counts(
    site: LiveSite, redis_server: RedisServer
) -> None:
    person = site.person()
    question = f"What is the weight of stone {uuid.uuid4()}?"
    entry = person.ask(question)["id"]
    redis_server.stop()
    verdict = person.http.put(f"/api/v1/messages/{entry}/feedback/", json={"verdict": "bad"})
    assert verdict.status_code == 201

    redis_server.start()
    site.await_redis()
    assert person.ask(question)["cache"]["entry"] != entry
    assert Message.objects.get(pk=entry).feedback.get().verdict == "bad"
