"""Publishing and reading together, through the database's own loader."""

from __future__ import annotations

import pytest
import redis
import redis.asyncio
from asgiref.sync import sync_to_async

from routing.common.redis.clients import Breaker
from routing.models import Rule
from routing.publishing.codec import Keys
from routing.publishing.default_rules import seed_defaults
from routing.publishing.reader import RuleStore
from routing.publishing.selectors import release_latest_async
from routing.publishing.services import ruleset_publish


@pytest.mark.django_db(transaction=True)
async def test_a_published_change_reaches_the_next_decision(
    rules_in_redis: str, async_redis: redis.asyncio.Redis, client: redis.Redis
) -> None:
    await sync_to_async(seed_defaults)()
    store = RuleStore(
        async_redis, Breaker(), prefix=rules_in_redis, load_latest=release_latest_async
    )
    assert (await store.current()).live.rule("code")
    await sync_to_async(lambda: Rule.objects.get(name="code").delete())()
    assert (await store.current()).live.rule("code"), "the tables are a draft"
    await sync_to_async(ruleset_publish)()
    assert (await store.current()).live.rule("code") is None
    client.delete(Keys(rules_in_redis).current)
    assert (await store.current()).live.version == 2
