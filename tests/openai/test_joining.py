"""Retries join the first try of the same key and the same end user, on every endpoint."""

from __future__ import annotations

import httpx
import pytest
from django.contrib.auth.models import User

from conversations.adapters.embeddings import LOCAL
from conversations.storage.api_keys import key_create
from tests.live_site import LiveSite

ALL = ["chat", "images", "embeddings"]
BODIES = {
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
