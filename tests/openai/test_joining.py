"""Retries join the first try of the same key and the same end user, on every endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from limits import parse

from conversations.adapters.embeddings import LOCAL
from conversations.bootstrap import container
from conversations.runs.joining import RunJoining
from conversations.storage.api_keys import key_create
from routing.common.redis.clients import sync_client
from tests.live_site import LiveSite

ALL = ["chat", "images", "embeddings"]
BODIES: dict[str, dict[str, Any]] = {
    "chat/completions": {
        "model": "gpt-mini",
        "messages": [{"role": "user", "content": "Hello you"}],
    },
    "responses": {"model": "gpt-mini", "input": "Hello you"},
    "images/generations": {"model": "gpt-image", "prompt": "A small cat"},
    "embeddings": {"model": LOCAL.name, "input": "Hello you"},
}


def new_key(user: User, *, end_users: bool = False) -> str:
    return key_create(owner=user.pk, by=user.pk, name="k", scopes=ALL, end_users=end_users)[1]


def joins(site: LiveSite, path: str, key: str, **headers: str) -> bool:
    """Whether a request joins an earlier one."""
    sent = {"Authorization": f"Bearer {key}", **headers}
    answer = httpx.post(f"{site.url}/v1/{path}", json=BODIES[path], headers=sent, timeout=30)
    assert answer.status_code == 200, answer.text
    return "idempotency-replayed" in answer.headers


@pytest.mark.parametrize("sign", [{"Idempotency-Key": "k1"}, {"x-stainless-retry-count": "1"}])
@pytest.mark.parametrize("path", BODIES)
def test_another_key_of_the_person_joins_nothing(
    site: LiveSite, path: str, sign: dict[str, str]
) -> None:
    user = site.user()
    one, two = new_key(user), new_key(user)

    assert not joins(site, path, one, **sign)
    assert not joins(site, path, two, **sign)
    assert joins(site, path, one, **sign)


@pytest.mark.parametrize("path", BODIES)
def test_another_end_user_joins_nothing(site: LiveSite, path: str) -> None:
    user = site.user()
    key = new_key(user, end_users=True)
    ann, bob = ({"X-OpenWebUI-User-Id": name, "Idempotency-Key": "k1"} for name in ("ann", "bob"))

    assert not joins(site, path, key, **ann)
    assert not joins(site, path, key, **bob)
    assert joins(site, path, key, **ann)


class OtherWorker:
    """The runs as another process sees them: none are its own."""

    def __init__(self) -> None:
        self.log, self.stop = container().runs.log, container().runs.stop

    def running(self, _: object) -> None: ...


def streaming(site: LiveSite, key: str) -> tuple[httpx.Response, Iterator[str]]:
    """An answer under way, from its first text on."""
    body = {**BODIES["chat/completions"], "stream": True}
    client = site.client(**{"Authorization": f"Bearer {key}", "Idempotency-Key": "k"})
    request = client.build_request("POST", "/v1/chat/completions", json=body)
    answer = client.send(request, stream=True)
    lines = (line for line in answer.iter_lines() if line)
    assert any('"content":"' in line and '"content":""' not in line for line in lines)
    return answer, lines


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets the requests from now on be answered as by another worker."""
    parts = container()
    runs: Any = OtherWorker()
    other = RunJoining(
        runs,
        parts.admission,
        parts.redis,
        parts.breaker,
        parts.background,
        prefix=settings.REDIS_PREFIX,
    )
    return lambda: monkeypatch.setattr(parts, "joining", other)


def test_a_retry_on_another_worker_keeps_the_run_alive(
    site: LiveSite, elsewhere: Callable[[], None]
) -> None:
    site.simulator.fault(call="chat", times=1, tokens=100, token_delay_ms=20)
    key = new_key(site.user())
    first, _ = streaming(site, key)
    elsewhere()
    _, lines = streaming(site, key)
    first.close()

    assert list(lines)[-1] == "data: [DONE]"
    assert len([each for each in site.simulator.requests if each.call == "chat"]) == 1


def test_a_run_that_nobody_hears_on_any_worker_is_stopped(
    site: LiveSite, elsewhere: Callable[[], None]
) -> None:
    site.simulator.fault(call="chat", times=1, tokens=5_000, token_delay_ms=20)
    key = new_key(site.user())
    first, _ = streaming(site, key)
    elsewhere()
    second, lines = streaming(site, key)
    first.close()
    assert all(next(lines) for _ in range(50))  # longer than two looks at the leases
    second.close()

    (asked,) = [each for each in site.simulator.requests if each.call == "chat"]
    assert asked.outcome == "open"
    site.simulator.wait_for(
        lambda requests: any(each.outcome == "closed_early" for each in requests)
    )


def test_a_run_that_ends_leaves_its_name_to_a_later_one(site: LiveSite) -> None:
    site.simulator.fault(call="chat", times=1, tokens=5_000, token_delay_ms=20)
    redis: Any = sync_client(settings.REDIS_URL)
    names = f"{settings.REDIS_PREFIX}:request:*"
    before = redis.keys(names)
    first, _ = streaming(site, new_key(site.user()))
    (name,) = set(redis.keys(names)).difference(before)
    _, begun, body = redis.get(name).decode().split(":")
    later = f"{uuid4()}:{begun}:{body}"
    redis.set(name, later)
    first.close()
    site.simulator.wait_for(
        lambda requests: any(each.outcome == "closed_early" for each in requests)
    )

    assert redis.get(name).decode() == later


def test_a_try_after_a_dead_worker_begins_anew(site: LiveSite) -> None:
    key, sign = new_key(site.user()), {"Idempotency-Key": "k1"}
    redis: Any = sync_client(settings.REDIS_URL)
    names = f"{settings.REDIS_PREFIX}:request:*"
    before = redis.keys(names)
    assert not joins(site, "chat/completions", key, **sign)
    (name,) = set(redis.keys(names)).difference(before)
    _, begun, body = redis.get(name).decode().split(":")
    # Its worker died before the run left a log.
    redis.set(name, f"{uuid4()}:{begun}:{body}")
    sent = {"Authorization": f"Bearer {key}", **sign}
    url, asked = f"{site.url}/v1/chat/completions", BODIES["chat/completions"]

    assert httpx.post(url, json=asked, headers=sent, timeout=30).status_code == 503
    assert not joins(site, "chat/completions", key, **sign)
    assert joins(site, "chat/completions", key, **sign)


def test_a_refused_call_claims_nothing(site: LiveSite, monkeypatch: pytest.MonkeyPatch) -> None:
    key, sign = new_key(site.user()), {"Idempotency-Key": "k1"}
    rates = container().rate_limits.rates
    with monkeypatch.context() as patched:
        patched.setitem(rates, "ask", parse("1/minute"))
        assert not joins(site, "chat/completions", key)
        sent = {"Authorization": f"Bearer {key}", **sign}
        url, asked = f"{site.url}/v1/chat/completions", BODIES["chat/completions"]
        assert httpx.post(url, json=asked, headers=sent, timeout=30).status_code == 429

    assert not joins(site, "chat/completions", key, **sign)
    assert container().stream_limits.open == 0
