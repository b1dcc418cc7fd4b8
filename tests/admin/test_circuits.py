"""Circuits on the models' page: seen, and reset by whoever may change models."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from routing.common.redis.clients import Breaker, async_client, close, sync_client
from routing.llm.failover.circuit_states import CircuitAdmin
from routing.llm.failover.circuits import CircuitSettings, Permit, SharedCircuits

pytestmark = pytest.mark.usefixtures("published")
PAGE = "admin:routing_llmmodel_changelist"
RESET = "admin:routing_circuit_reset"


@pytest.fixture
def desk(redis_url: str, settings: LazySettings) -> Iterator[CircuitAdmin]:
    settings.REDIS_URL, settings.REDIS_PREFIX = redis_url, "circuits-in-the-admin"
    with sync_client(redis_url) as client:
        desk = CircuitAdmin(client, prefix=settings.REDIS_PREFIX)
        desk.reset()
        yield desk
        desk.reset()


async def broken(redis_url: str, model: str) -> None:
    client = async_client(redis_url)
    board = SharedCircuits(
        client, Breaker(), prefix="circuits-in-the-admin", settings=CircuitSettings(failures=1)
    )
    await board.leave(Permit(model, allowed=True), "fault", "timeout")
    await close(client)


def page_of(client: Client) -> str:
    return client.get(reverse(PAGE)).content.decode()


@pytest.fixture
def open_circuit(desk: CircuitAdmin, redis_url: str) -> CircuitAdmin:
    asyncio.run(broken(redis_url, "gpt"))
    return desk


def test_all_is_well(desk: CircuitAdmin, admin_client: Client) -> None:
    assert "no model failed lately" in page_of(admin_client)


def test_an_open_circuit_is_seen_and_reset(
    open_circuit: CircuitAdmin, admin_client: Client
) -> None:
    page = page_of(admin_client)
    assert "is not asked for another" in page
    assert page.count("the last: no answer in time") == 2

    answer = admin_client.post(reverse(RESET), {"model": "gpt"}, follow=True)

    assert "is asked again" in answer.content.decode()
    assert open_circuit.states() == []


def test_who_may_only_look_has_no_button(open_circuit: CircuitAdmin, client: Client) -> None:
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_llmmodel"))
    client.force_login(viewer)

    assert "Reset</button>" not in page_of(client)
    assert client.post(reverse(RESET), {"model": "gpt"}).status_code == 403
    assert open_circuit.states()


def test_without_redis_the_page_says_so(admin_client: Client, settings: LazySettings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert "Redis does not answer" in page_of(admin_client)
    refused = admin_client.post(reverse(RESET), {"model": "gpt"}, follow=True)
    assert "Redis does not answer" in refused.content.decode()
