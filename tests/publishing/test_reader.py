"""Readers of the rules, with Redis and the database coming and going."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis
import redis.asyncio
from django.db import OperationalError

from assistant_site.launcher.redis_server import RedisServer
from routing.common.redis.clients import Breaker, async_client, close, sync_client
from routing.domain.errors import RulesUnavailable
from routing.domain.release import Release, Stage
from routing.publishing.codec import Keys, Publication, read_pointer, write_release
from routing.publishing.reader import CHECK_EVERY, REST, RuleStore
from tests.publishing.conftest import make_release, make_rules


class Database:
    """The releases' table: what is in it, whether it answers, how often it was asked."""

    def __init__(self, latest: Release) -> None:
        self.latest: Release | None = latest
        self.error: Exception | None = None
        self.asked = 0

    async def load(self) -> Release | None:
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
    return Database(make_release(1))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(
    async_redis: redis.asyncio.Redis, prefix: str, database: Database, clock: Clock
) -> RuleStore:
    breaker = Breaker(failures=1, reset_after=0)
    return RuleStore(async_redis, breaker, prefix=prefix, load_latest=database.load, clock=clock)


def publish(client: redis.Redis, prefix: str, database: Database, release: Release) -> None:
    database.latest = release
    write_release(client, prefix, Publication(release), seen=None)


def told(store: RuleStore) -> tuple[int | None, str | None, str]:
    state = store.state()
    return version_of(state.release), state.origin, state.error


def version_of(release: Release | None) -> int | None:
    return release.live.version if release else None


async def test_the_very_next_call_sees_a_publication(
    store: RuleStore, client: redis.Redis, prefix: str, database: Database
) -> None:
    publish(client, prefix, database, make_release(1))
    assert version_of(await store.current()) == 1
    publish(client, prefix, database, make_release(2, "Changed."))
    rules = (await store.current()).live
    assert (rules.version, rules.rules[0].instruction) == (2, "Changed.")
    assert told(store) == (2, "redis", "")


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
    assert {version_of(release) for release in versions} == {1}
    assert database.asked == 1


async def test_an_emptied_redis_is_filled_from_the_database(
    store: RuleStore, client: redis.Redis, prefix: str, database: Database
) -> None:
    publish(client, prefix, database, make_release(3))
    await store.current()
    client.delete(Keys(prefix).current, Keys(prefix).version(3))
    assert version_of(await store.current()) == 3
    assert told(store) == (3, "database", "")
    assert read_pointer(client, prefix) == Publication(make_release(3)).pointer
    await store.current()
    assert told(store) == (3, "redis", "")


@pytest.mark.parametrize("body", [b"", b"{not json", b'{"version": 2}'])
async def test_a_corrupt_blob_falls_back_to_the_database(
    store: RuleStore, client: redis.Redis, prefix: str, database: Database, body: bytes
) -> None:
    await store.current()
    publish(client, prefix, database, make_release(2))
    client.set(Keys(prefix).version(2), body)
    assert version_of(await store.current()) == 2
    assert store.state().origin == "redis"  # the pointer agrees, the blob came from the database


async def test_a_pointer_that_is_none_of_ours(
    store: RuleStore, client: redis.Redis, prefix: str
) -> None:
    await store.current()
    client.set(Keys(prefix).current, "gibberish")
    assert version_of(await store.current()) == 1
    assert version_of(await store.current()) == 1


async def test_a_publication_that_never_reached_redis_is_found_by_the_regular_check(
    store: RuleStore, client: redis.Redis, prefix: str, database: Database, clock: Clock
) -> None:
    publish(client, prefix, database, make_release(1))
    await store.current()
    database.latest = make_release(2)
    assert version_of(await store.current()) == 1
    clock.now += CHECK_EVERY
    assert version_of(await store.current()) == 2
    pointer = read_pointer(client, prefix)
    assert pointer == Publication(make_release(2)).pointer


async def test_the_database_away_leaves_redis_in_charge(
    store: RuleStore, client: redis.Redis, prefix: str, database: Database, clock: Clock
) -> None:
    publish(client, prefix, database, make_release(1))
    database.error = OperationalError("gone")
    assert version_of(await store.current()) == 1
    publish(client, prefix, database, make_release(2))
    clock.now += REST
    assert version_of(await store.current()) == 2
    assert store.state().origin == "redis"


async def test_a_change_is_seen_at_once_also_while_the_database_rests(
    store: RuleStore, client: redis.Redis, prefix: str, database: Database, clock: Clock
) -> None:
    publish(client, prefix, database, make_release(1))
    await store.current()
    clock.now += CHECK_EVERY
    database.error = OperationalError("gone")
    assert version_of(await store.current()) == 1  # from here on it rests

    publish(client, prefix, database, make_release(2))

    assert version_of(await store.current()) == 2


async def test_a_trial_is_released_beside_the_live_version(
    store: RuleStore, client: redis.Redis, prefix: str, database: Database
) -> None:
    publish(client, prefix, database, make_release(1))
    live = (await store.current()).live
    trial = Release(2, make_rules(1), make_rules(2, "New."), Stage.PERCENT, 25)
    publish(client, prefix, database, trial)
    release = await store.current()
    assert release == trial
    assert release.live is live  # its classifier's prompt need not be built again
    assert store.state().origin == "redis"
    publish(client, prefix, database, Release(3, make_rules(2, "New.")))
    assert (await store.current()).live is release.trial


@pytest.mark.parametrize(
    "pointer",
    ["1:60303ae22b998861", "2 half 1:aa", "2 shadow 1:aa", "x all 1:aa", "2 all 1", "\xff"],
)
async def test_pointers_that_are_none_of_ours(
    store: RuleStore, client: redis.Redis, prefix: str, database: Database, pointer: str
) -> None:
    publish(client, prefix, database, make_release(1))
    await store.current()
    client.set(Keys(prefix).current, pointer.encode("latin-1"))
    assert version_of(await store.current()) == 1
    assert read_pointer(client, prefix) == Publication(make_release(1)).pointer


async def test_nothing_anywhere(store: RuleStore, database: Database) -> None:
    database.latest = None
    with pytest.raises(RulesUnavailable, match="ever published"):
        await store.current()
    assert store.state().release is None
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
    rules = (await store.current()).live
    assert {model.name for model in rules.models} == {"simulated/gpt", "claude-haiku"}


@pytest.mark.services
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
        assert version_of(await store.current()) == 1
        server.stop()
        database.error = OperationalError("gone too")
        assert version_of(await store.current()) == 1
        assert store.state().origin == "local"
        assert "Redis" in store.state().error

        database.error, database.latest = None, make_release(2)
        clock.now += REST
        assert version_of(await store.current()) == 2
        assert store.state().origin == "database"

        server.start()  # with version 1 in its append-only file
        assert version_of(await store.current()) == 2
        clock.now += REST
        assert version_of(await store.current()) == 2
        with sync_client(server.url) as looking:
            assert read_pointer(looking, prefix) == Publication(make_release(2)).pointer
        await store.current()
        assert told(store) == (2, "redis", "")

    async def test_without_redis_the_database_serves_from_the_start(
        self, store: RuleStore, server: RedisServer, database: Database
    ) -> None:
        server.stop()
        assert version_of(await store.current()) == 1
        asked = database.asked
        await asyncio.gather(*(store.current() for _ in range(20)))
        assert database.asked == asked
