"""The degradation ladder, rung by rung: each dependency dead, then slow.

Of every rung: what still works, what the message says it was made without, and that ``/readyz`` and
``/metrics`` say it too.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import connection, transaction

from assistant_site.launcher.redis_server import RedisServer
from conversations.adapters import tools as painter
from conversations.bootstrap import container
from conversations.db import access as database
from conversations.models import Message
from routing.domain.actions import ModelKind
from routing.models import LLMModel
from routing.publishing.services import ruleset_publish
from tests.live_site import LiveSite
from tests.observability.receiver import LangfuseReceiver

IMPATIENT = {
    "connect_timeout": 0.5,
    "first_token_timeout": 0.6,
    "stall_timeout": 0.4,
    "total_timeout": 5.0,
}
DEAD: dict[str, Any] = {"drop": True}
SLOW: dict[str, Any] = {"headers_delay_ms": 4_000, "first_token_delay_ms": 4_000}
EITHER = pytest.mark.parametrize("how", [DEAD, SLOW], ids=["dead", "slow"])


@pytest.fixture
def impatient(site: LiveSite) -> Iterator[LiveSite]:
    """The service with models that are given up soon."""
    with transaction.atomic():
        LLMModel.objects.update(**IMPATIENT)
        LLMModel.objects.filter(kind=ModelKind.CLASSIFIER).update(total_timeout=0.6)
    ruleset_publish(by=None)
    yield site
    site.close_circuits()


def question(kind: str = "a short story about clock") -> str:
    """One that nobody asked before."""
    return f"Write {kind} {uuid4()}."


def degraded(site: LiveSite) -> dict[str, Any]:
    """The parts that ``/readyz`` calls degraded or down; the metrics must name those seen failing."""
    ready = site.client().get("/readyz").json()
    metrics = site.client().get("/metrics").text
    parts = {name: ready["checks"][name] for name in ready["degraded"]}
    for name, part in parts.items():
        if "failed_seconds_ago" in part:
            assert f'assistant_part_failing{{part="{name}"}} 1.0' in metrics
    return parts


def parts_of(message: dict[str, Any]) -> set[str]:
    return {each["part"] for each in message["degraded"]}


@EITHER
def test_without_the_first_classifier_the_second_decides(
    impatient: LiveSite, how: dict[str, Any]
) -> None:
    impatient.simulator.fault(call="classify", provider="anthropic", **how)
    answer = impatient.person().ask(question())

    assert answer["decision"]["source"] == "classifier-fallback"
    assert answer["status"] == "complete"
    assert "anthropic" in degraded(impatient)


@EITHER
def test_without_any_classifier_the_default_answers(
    impatient: LiveSite, how: dict[str, Any]
) -> None:
    impatient.simulator.fault(call="classify", **how)
    answer = impatient.person().ask(question())

    assert answer["decision"]["source"] == "default"
    assert answer["status"] == "complete"


@EITHER
@pytest.mark.parametrize(("gone", "model"), [("openai", "gpt"), ("anthropic", "claude-sonnet")])
def test_without_one_provider_the_other_answers(
    impatient: LiveSite, how: dict[str, Any], gone: str, model: str
) -> None:
    impatient.simulator.fault(provider=gone, **how)
    answer = impatient.person().ask(question(), model=model)

    assert answer["status"] == "complete"
    assert answer["decision"]["provider"] != gone
    assert answer["decision"]["fallback"] is True
    assert gone in degraded(impatient)


@EITHER
def test_without_both_what_is_stored_is_served_and_the_rest_is_a_clear_no(
    impatient: LiveSite, how: dict[str, Any]
) -> None:
    person, known = impatient.person(), f"What is the capital of the land of {uuid4()}?"
    first = person.ask(known)
    impatient.simulator.fault(provider="openai", **how)
    impatient.simulator.fault(provider="anthropic", **how)
    again, refused = person.ask(known), person.post_prompt(question())

    assert again["content"] == first["content"]
    assert again["cache"]["outcome"] == "exact"
    assert refused.status_code in {503, 504}
    assert refused.json()["code"] in {"no_provider_available", "provider_timeout"}
    assert refused.status_code == 504 or int(refused.headers["Retry-After"]) >= 1
    assert {"anthropic", "openai"} <= set(degraded(impatient))


@contextmanager
def dead_redis(server: RedisServer) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def hanging_redis(server: RedisServer) -> Iterator[None]:
    """It takes connections and commands, and answers none."""
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


def await_redis(site: LiveSite) -> None:
    """Until the service has noticed that it is back."""
    patience = threading.Event()
    while site.client().get("/readyz").json()["checks"]["redis"]["state"] != "ok":
        patience.wait(0.1)


@pytest.mark.parametrize("without", [dead_redis, hanging_redis])
def test_without_redis_answers_go_on(
    site: LiveSite, redis_server: RedisServer, without: Callable[[RedisServer], Any]
) -> None:
    person = site.person()
    with without(redis_server):
        events = person.stream(question(), model="gpt")
        answer = person.ask(question())
        down = degraded(site)
    await_redis(site)

    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert events[-1].name == "done"
    assert {"answer_cache", "run_log"} <= parts_of(answer)
    assert answer["cache"]["outcome"] == "bypass"
    assert down["redis"]["state"] == "down"
    assert {"answer_cache", "run_log"} <= set(down)


def test_without_the_vector_index_it_is_built_anew(site: LiveSite) -> None:
    person, known = site.person(), f"How deep is the lake of {uuid4()}?"
    first = person.ask(known)
    site.run(drop_indexes())
    during = person.ask(f"How wide is the bay of {uuid4()}?")
    again = person.ask(known)

    assert during["status"] == "complete"
    assert again["content"] == first["content"]
    assert site.client().get("/readyz").json()["checks"]["redis"]["state"] == "ok"


async def drop_indexes() -> None:
    redis: Any = container().redis  # the stubs don't know its commands
    for name in await redis.execute_command("FT._LIST"):
        await redis.execute_command("FT.DROPINDEX", name)


@EITHER
def test_without_the_embedder_exact_questions_still_hit(
    site: LiveSite, how: dict[str, Any]
) -> None:
    provider = {"EMBEDDING_MODEL": "openai/text-embedding-3-small", "EMBEDDING_SECONDS": 0.5}
    with site.composed_with(**provider):
        person, known = site.person(), f"How tall is the tower of {uuid4()}?"
        person.ask(known)
        site.simulator.fault(call="embedding", **how)
        again, fresh = person.ask(known), person.ask(question())
        named = degraded(site)

    assert again["cache"]["outcome"] == "exact"
    assert fresh["status"] == "complete"
    assert "embedder" in parts_of(fresh)
    assert "embedder" in named


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Sets whether the service's connections may write from now on."""
    if connection.vendor != "sqlite":
        pytest.skip("its connections live in a pool, and would stay read-only")
    switched, connected = threading.Event(), database._connected

    def may_write(on: bool) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA query_only = {int(not on)}")

    def obeying(work: Callable[[], Any]) -> Any:
        def obedient() -> Any:
            may_write(not switched.is_set())
            try:
                return work()
            finally:
                may_write(True)  # the thread keeps its connection, for other tests too

        return connected(obedient)

    monkeypatch.setattr(database, "_connected", obeying)
    return lambda on: switched.set() if on else switched.clear()


def test_a_read_only_database_reads_and_takes_no_questions(
    site: LiveSite, read_only: Callable[[bool], None]
) -> None:
    person = site.person()
    answer = person.ask(question())
    read_only(True)
    refused = person.post_prompt(question())
    read = person.http.get(f"/api/v1/messages/{answer['id']}/").json()
    read_only(False)

    assert refused.status_code == 503
    assert refused.json()["code"] == "database_read_only"
    assert refused.headers["Retry-After"]
    assert read["content"] == answer["content"]
    assert person.ask(question())["status"] == "complete"


@pytest.mark.parametrize("slow", [False, True], ids=["dead", "slow"])
def test_without_langfuse_nobody_waits(site: LiveSite, slow: bool) -> None:
    with LangfuseReceiver() as receiver:
        receiver.stall() if slow else receiver.refuse(400)
        with site.composed_with(LANGFUSE_HOST=receiver.url):
            answer = site.person().ask(question())
            receiver.wait_until(lambda: bool(receiver.requests))
            patience = threading.Event()
            while "tracing" not in degraded(site):
                patience.wait(0.1)
            lost = site.client().get("/metrics").text

    assert answer["status"] == "complete"
    assert answer["degraded"] == []
    assert "assistant_traces_lost_total 1.0" in lost


def slow_save(*_: Any, **__: Any) -> str:
    time.sleep(1)
    return "late.png"


def no_save(*_: Any, **__: Any) -> str:
    raise OSError("No space left on device")


@pytest.mark.parametrize("save", [no_save, slow_save])
def test_without_image_storage_only_pictures_fail(
    site: LiveSite, monkeypatch: pytest.MonkeyPatch, save: Callable[..., str]
) -> None:
    monkeypatch.setattr(painter, "STORAGE_SECONDS", 0.3)
    monkeypatch.setattr(FileSystemStorage, "save", save)
    person = site.person()
    refused = person.post_prompt(f"Draw a picture of a heron {uuid4()}.")
    message = Message.objects.get(conversation__owner=person.user, role="assistant")

    assert refused.status_code == 503
    assert refused.json()["code"] == "storage_unavailable"
    assert {"part": "image_storage"} in message.degraded
    assert "image_storage" in degraded(site)
    assert person.ask(question())["status"] == "complete"
