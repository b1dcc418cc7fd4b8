"""OpenAI's own client against the whole service, with a key of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from openai import OpenAI

from conversations.storage.api_keys import key_create
from tests.live_site import LiveSite

Connect = Callable[..., OpenAI]


@pytest.fixture
def connect(site: LiveSite) -> Iterator[Connect]:
    """Makes clients of new people; ``fields`` are of their keys."""
    clients: list[OpenAI] = []

    def make(*, retries: int = 0, **fields: Any) -> OpenAI:
        user = site.user()
        chosen = {"name": "test", "scopes": ["chat", "images", "embeddings"], **fields}
        _, key = key_create(owner=user.pk, by=user.pk, **chosen)
        client = OpenAI(
            api_key=key, base_url=f"{site.url}/v1", max_retries=retries, http_client=httpx.Client()
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(connect: Connect) -> OpenAI:
    """One client."""
    return connect()
