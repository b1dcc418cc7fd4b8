"""Rule sets, and keys of one's own in the shared Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
import redis
import redis.asyncio
from pytest_django import Settings

from routing.common.redis.clients import async_client, close, sync_client
from routing.domain.actions import Action, ModelKind
from routing.domain.release import Release
from routing.domain.rules import ModelRef, Rule, RuleSet


def make_rules(version: int = 1, instruction: str = "Everything.") -> RuleSet:
    """A small valid set."""
    return RuleSet(
        version=version,
        rules=(Rule("general", instruction, Action.ANSWER, "gpt"),),
        models=(
            ModelRef(
                "claude-haiku", "anthropic/claude-haiku-4-5", "anthropic", ModelKind.CLASSIFIER
            ),
            ModelRef("gpt", "openai/gpt-5.4", "openai", ModelKind.CHAT),
        ),
        default_rule="general",
        classifiers=("claude-haiku",),
    )


def make_release(version: int = 1, instruction: str = "Everything.") -> Release:
    """The same set, released to all under the same number."""
    return Release(version, make_rules(version, instruction))


@pytest.fixture
def prefix() -> str:
    """Keys nobody else uses."""
    return f"test-{uuid4().hex}"


@pytest.fixture
def rules_in_redis(settings: Settings, redis_url: str, prefix: str) -> str:
    """Publishing goes to the tests' Redis, under a prefix of its own."""
    settings.REDIS_URL = redis_url
    settings.REDIS_PREFIX = prefix
    return prefix


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    """A client for looking and meddling."""
    client = sync_client(redis_url)
    yield client
    client.close()


@pytest.fixture
async def async_redis(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    """A client for the code under test."""
    client = async_client(redis_url)
    yield client
    await close(client)
