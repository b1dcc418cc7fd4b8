"""Readers of the rules, with Redis and the database coming and going."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis
import redis.asyncio
from django.db import OperationalError

from assistant_site.local.redis_server import RedisServer
from routing.breaker import Breaker
from routing.domain import RuleSet
from routing.errors import RulesUnavailable
from routing.published import Blob, Keys, publish_blob, read_pointer
from routing.redis_clients import async_client, close, sync_client
from routing.store import CHECK_EVERY, REST, RulesState, RuleStore
from tests.rules.conftest import make_rules


class Database:
    """The versions' table: what is in it, whether it answers, how often it was asked."""

    def __init__(self, latest: RuleSet) -> None:
        self.latest: RuleSet | None = latest
        self.error: Exception | None = None
        self.asked = 0

    async def load(self) -> RuleSet | None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return self.latest


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database() -> Database:
    return Database(make_rules(1))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(
    async_redis: redis.asyncio.Redis, prefix: str, database: Database, clock: Clock
) -> RuleStore:
    breaker = Breaker(failures=1, reset_after=0)
    return RuleStore(async_redis, breaker, prefix=prefix, load_latest=database.load, clock=clock)


def publish(client: redis.Redis, prefix: str, database: Database, rules: RuleSet) -> None:
    database.latest = rules
    publish_blob(client, prefix, Blob.of(rules), seen=None)


async def test_the_very_next_call_sees_a_publication(
    store: RuleStore, client: redis.Redis, prefix: str, database: Database
) -> None:
    publish(client, prefix, database, make_rules(1))
    assert (await store.current()).version == 1
    publish(client, prefix, database, make_rules(2, "Changed."))
    rules = await store.current()
    assert (rules.version, rules.rules[0].instruction) == (2, "Changed.")
    assert store.state() == RulesState(2, "redis", "")


async def test_an_unchanged_set_is_the_same_object_and_costs_no_query(
    store: RuleStore, database: Database
) -> None:
    first = await store.current()
    asked = database.asked
    assert await store.current() is first
    assert database.asked == asked


async def test_callers_that_come_at_once_share_one_load(
    store: RuleStore, database: Database
) -> None:
    versions = await asyncio.gather(*(store.current() for _ in range(50)))
    assert {rules.version for rules in versions} == {1}
    assert database.asked == 1


async def test_an_emptied_redis_is_filled_from_the_database(
    store: RuleStore, client: redis.Redis, prefix: str, database: Database
) -> None:
    publish(client, prefix, database, make_rules(3))
    await store.current()
    client.delete(Keys(prefix).current, Keys(prefix).version(3))
    assert (await store.current()).version == 3
    assert store.state() == RulesState(3, "database", "")
    assert read_pointer(client, prefix) == Blob.of(make_rules(3)).pointer
    await store.current()
    assert store.state() == RulesState(3, "redis", "")


@pytest.mark.parametrize("body", [b"", b"{not json", b'{"version": 2}'])
async def test_a_corrupt_blob_falls_back_to_the_database(
    store: RuleStore, client: redis.Redis, prefix: str, database: Database, body: bytes
) -> None:
    await store.current()
    publish(client, prefix, database, make_rules(2))
    client.set(Keys(prefix).version(2), body)
    assert (await store.current()).version == 2
    assert store.state().origin == "redis"  # the pointer agrees, the blob came from the database


async def test_a_pointer_that_is_none_of_ours(
    store: RuleStore, client: redis.Redis, prefix: str
) -> None:
    await store.current()
    client.set(Keys(prefix).current, "gibberish")
    assert (await store.current()).version == 1
    assert (await store.current()).version == 1


async def test_a_publication_that_never_reached_redis_is_found_by_the_regular_check(
    store: RuleStore, client: redis.Redis, prefix: str, database: Database, clock: Clock
) -> None:
    publish(client, prefix, database, make_rules(1))
    await store.current()
    database.latest = make_rules(2)
    assert (await store.current()).version == 1
    clock.now += CHECK_EVERY
    assert (await store.current()).version == 2
    pointer = read_pointer(client, prefix)
    assert pointer == Blob.of(make_rules(2)).pointer


async def test_the_database_away_leaves_redis_in_charge(
    store: RuleStore, client: redis.Redis, prefix: str, database: Database, clock: Clock
) -> None:
    publish(client, prefix, database, make_rules(1))
    database.error = OperationalError("gone")
    assert (await store.current()).version == 1
    publish(client, prefix, database, make_rules(2))
    clock.now += REST
    assert (await store.current()).version == 2
    assert store.state().origin == "redis"


async def test_nothing_anywhere(store: RuleStore, database: Database) -> None:
    database.latest = None
    with pytest.raises(RulesUnavailable, match="ever published"):
        await store.current()
    assert store.state().version is None
    assert store.state().error


async def test_simulated_providers_show_in_the_names(
    async_redis: redis.asyncio.Redis, prefix: str, database: Database
) -> None:
    store = RuleStore(
        async_redis,
        Breaker(),
        prefix=prefix,
        load_latest=database.load,
        simulated_providers=["openai"],
    )
    rules = await store.current()
    assert {model.name for model in rules.models} == {"simulated/gpt", "claude-haiku"}


class TestRedisKilled:
    """A Redis of its own, ended and started again."""

    @pytest.fixture
    def server(self, tmp_path: Path) -> RedisServer:
        return RedisServer(tmp_path)

    @pytest.fixture
    async def client(self, server: RedisServer) -> AsyncIterator[redis.asyncio.Redis]:
        server.start()
        client = async_client(server.url)
        yield client
        await close(client)
        server.stop()

    @pytest.fixture
    def store(
        self, client: redis.asyncio.Redis, prefix: str, database: Database, clock: Clock
    ) -> RuleStore:
        return RuleStore(
            client,
            Breaker(failures=1, reset_after=0),
            prefix=prefix,
            load_latest=database.load,
            clock=clock,
        )

    async def test_the_last_good_copy_serves_and_a_change_meanwhile_survives(
        self, store: RuleStore, server: RedisServer, database: Database, clock: Clock, prefix: str
    ) -> None:
        assert (await store.current()).version == 1
        server.stop()
        database.error = OperationalError("gone too")
        assert (await store.current()).version == 1
        assert store.state().origin == "local"
        assert "Redis" in store.state().error

        database.error, database.latest = None, make_rules(2)
        clock.now += REST
        assert (await store.current()).version == 2
        assert store.state().origin == "database"

        server.start()  # with version 1 in its append-only file
        assert (await store.current()).version == 2
        clock.now += REST
        assert (await store.current()).version == 2
        with sync_client(server.url) as looking:
            assert read_pointer(looking, prefix) == Blob.of(make_rules(2)).pointer
        await store.current()
        assert store.state() == RulesState(2, "redis", "")

    async def test_without_redis_the_database_serves_from_the_start(
        self, store: RuleStore, server: RedisServer, database: Database
    ) -> None:
        server.stop()
        assert (await store.current()).version == 1
        asked = database.asked
        await asyncio.gather(*(store.current() for _ in range(20)))
        assert database.asked == asked
