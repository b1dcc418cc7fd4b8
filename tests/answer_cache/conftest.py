"""A cache of one's own in the shared Redis, and turns to ask it with."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis.asyncio
from django.conf import settings as django_settings
from pytest_django import Settings

from conversations.adapters.answer_cache.cache import CacheParts, RedisAnswerCache
from conversations.adapters.answer_cache.entries import forget_commands
from conversations.adapters.answer_cache.index import AnswerIndex
from conversations.adapters.background.delivery import set_standing
from conversations.domain.entry_ids import EntryIds
from conversations.engine.types import Answer, Turn
from conversations.feedback.weights import VerdictWeights
from conversations.models import new_id
from routing.common.redis.clients import Breaker, async_client, close, sync_client
from routing.domain.actions import Action, ModelKind
from routing.domain.guard import GuardReport
from routing.domain.llm import Usage
from routing.domain.rules import CachePolicy, Decision, ModelRef, Rule, RuleSet, Source, StaysTrue
from routing.embeddings.local import LocalEmbedder

DIMENSIONS = 8
IDS = EntryIds("secret")
USAGE = Usage(7, 3)


class Clock:
    """Unix seconds that pass when told to. Far ahead, so that Redis itself expires nothing here."""

    now = 4_000_000_000.0

    def __call__(self) -> float:
        return self.now


def make_rules(instruction: str = "Everything.", **changes: Any) -> RuleSet:
    rules = RuleSet(
        version=1,
        rules=(
            Rule("general", instruction, Action.ANSWER, "gpt"),
            Rule("news", "News.", Action.ANSWER, "gpt", cache_ttl_seconds=60),
            Rule("faq", "What all may ask.", Action.ANSWER, "gpt", cache=CachePolicy.SHARED),
        ),
        models=(ModelRef("gpt", "openai/gpt-5.4", "openai", ModelKind.CHAT),),
        default_rule="general",
        classifiers=(),
        min_similarity=0.9,
        cache_ttl_seconds=1000,
    )
    return replace(rules, **changes)


def make_turn(prompt: str, user: int = 1) -> Turn:
    return Turn(
        user=user,
        conversation=uuid4(),
        message=new_id(),
        user_message=uuid4(),
        prompt=prompt,
        first=True,
        trace_id="0" * 32,
    )


def make_answer(content: str = "Paris.", rule: str = "general", **said: Any) -> Answer:
    """``said`` is what the classifier said of the answer's reuse."""
    decision = Decision(
        Action.ANSWER,
        Source.CLASSIFIER,
        "openai",
        "gpt",
        rule,
        "plain",
        ruleset=1,
        self_contained=True,
        impersonal=True,
        stays_true=StaysTrue.TIMELESS,
    )
    return Answer(content, replace(decision, **said), GuardReport("pass"), usage=USAGE)


def at(similarity: float) -> list[float]:
    """A unit vector of this cosine to ``at(1)``."""
    return [similarity, math.sqrt(1 - similarity**2), *[0.0] * (DIMENSIONS - 2)]


def make_cache(
    client: redis.asyncio.Redis,
    prefix: str,
    breaker: Breaker | None = None,
    *,
    embedder_name: str = "test-embedder",
    dimensions: int = DIMENSIONS,
    **parts: Any,
) -> RedisAnswerCache:
    """A cache of the embedder that ``at`` stands for, unless another one is named."""
    index = AnswerIndex(client, prefix=prefix, embedder_name=embedder_name, dimensions=dimensions)
    return RedisAnswerCache(index, breaker or Breaker(), CacheParts(**parts))


@asynccontextmanager
async def indexed(
    client: redis.asyncio.Redis, cache: RedisAnswerCache
) -> AsyncIterator[RedisAnswerCache]:
    """The same cache with its index, which is gone at the end with all it holds."""
    await cache.state()
    yield cache
    await client.ft(cache._index.name).dropindex(delete_documents=True)


class Asked:
    """A cache as a test talks to it."""

    def __init__(self, cache: RedisAnswerCache, rules: RuleSet) -> None:
        self.cache = cache
        self.rules = rules

    async def store(
        self,
        prompt: str,
        content: str = "Paris.",
        *,
        user: int = 1,
        rule: str = "general",
        **said: Any,
    ) -> UUID:
        turn = make_turn(prompt, user)
        entry = await self.cache.store(turn, self.rules, at(1), make_answer(content, rule, **said))
        await self.cache.sign(entry, content)
        return turn.message

    async def forget(self, entries: Collection[UUID]) -> int:
        """As the outbox does; returns how many entries there were."""
        index = self.cache._index
        return sum(
            [int(await index.client.eval(*each)) for each in forget_commands(index.prefix, entries)]
        )

    async def exact(self, prompt: str, user: int = 1) -> str | None:
        hit = await self.cache.lookup_exact(make_turn(prompt, user), self.rules)
        return hit.content if hit else None

    async def similar(self, similarity: float, user: int = 1) -> str | None:
        turn = make_turn("something similar", user)
        hit = await self.cache.lookup_similar(turn, self.rules, at(similarity))
        return hit.content if hit else None


@pytest.fixture
def redis_settings(settings: Settings, redis_url: str, prefix: str) -> Settings:
    """What commands read: the shared Redis, under this test's prefix."""
    settings.REDIS_URL = redis_url
    settings.REDIS_PREFIX = prefix
    return settings


@pytest.fixture
def embedder(redis_settings: Settings) -> Iterator[LocalEmbedder]:
    """The one that commands use."""
    embedder = LocalEmbedder(Path(django_settings.DATA_DIR))
    yield embedder
    embedder.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def prefix() -> str:
    return f"test-{uuid4().hex}"


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    client = async_client(redis_url)
    yield client
    await close(client)


@pytest.fixture
async def cache(
    client: redis.asyncio.Redis, prefix: str, clock: Clock
) -> AsyncIterator[RedisAnswerCache]:
    async with indexed(client, make_cache(client, prefix, ids=IDS, clock=clock)) as cache:
        yield cache


@pytest.fixture
def stand(redis_url: str, prefix: str) -> Iterator[Callable[..., None]]:
    """Tell Redis how an entry stands, as verdicts do."""
    with sync_client(redis_url) as client:

        def tell(
            entry: UUID, state: str = "live", penalty: float = 0, hidden_from: tuple[int, ...] = ()
        ) -> None:
            stands = VerdictWeights(good=0, bad=0, penalty=penalty, hidden_from=hidden_from)
            set_standing(client, prefix, [entry], state=state, standing=stands)

        yield tell


@pytest.fixture
def asked(cache: RedisAnswerCache) -> Asked:
    return Asked(cache, make_rules())
