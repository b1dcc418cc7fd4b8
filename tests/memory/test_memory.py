"""The memory on a real Redis: whole, never stale, and there when Redis is not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import redis.asyncio
from django.db import OperationalError

from assistant_site.launcher.redis_server import RedisServer
from conversations.adapters.memory import RedisMemory
from routing.common.redis.clients import Breaker, async_client, close
from routing.domain.errors import MemoryUnavailable
from routing.domain.llm import ChatMessage


class Conversation:
    """A conversation as the service has it: turns that store in the database and remember."""

    def __init__(self, memory: RedisMemory, database: Database) -> None:
        self._memory = memory
        self._database = database
        self._id = database.conversation

    async def turn(self, prompt: str, *, remembered: bool = True) -> list[str]:
        """Ask, answer, store; returns what was recalled."""
        recalled = await self._memory.recall(self._id) if self._database.messages else ()
        exchange = ChatMessage("user", prompt), ChatMessage("assistant", f"answer to {prompt}")
        try:
            if remembered:
                await self._memory.remember(self._id, exchange)
        except MemoryUnavailable:
            pass
        finally:
            self._database.messages.extend(exchange)
        return [message.content for message in recalled if message.role == "user"]


class Database:
    """The messages' table of one conversation, and how often it was read."""

    def __init__(self) -> None:
        self.conversation = uuid4()
        self.messages: list[ChatMessage] = []
        self.error: Exception | None = None
        self.loads = 0

    async def load(self, conversation: UUID) -> Sequence[ChatMessage]:
        assert conversation == self.conversation
        self.loads += 1
        if self.error:
            raise self.error
        return tuple(self.messages)

    async def count(self, conversation: UUID) -> int:
        assert conversation == self.conversation
        if self.error:
            raise self.error
        return len(self.messages) // 2


def make_memory(client: redis.asyncio.Redis, database: Database, **changes: int) -> RedisMemory:
    return RedisMemory(
        client,
        Breaker(failures=3, reset_after=0),
        prefix="test",
        load=database.load,
        count=database.count,
        **{"budget_tokens": 1000, "ttl_seconds": 600, **changes},
    )


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[redis.asyncio.Redis]:
    client = async_client(redis_url)
    yield client
    await close(client)


@pytest.fixture
def memory(client: redis.asyncio.Redis, database: Database) -> RedisMemory:
    return make_memory(client, database)


@pytest.fixture
def talk(memory: RedisMemory, database: Database) -> Conversation:
    return Conversation(memory, database)


def keys(database: Database) -> tuple[str, str]:
    window = f"{{test:memory:{database.conversation}}}"
    return window, f"{window}:total"


async def test_a_conversation_is_read_from_the_database_once(
    talk: Conversation, database: Database
) -> None:
    assert await talk.turn("one") == []
    assert await talk.turn("two") == ["one"]
    assert await talk.turn("three") == ["one", "two"]
    assert await talk.turn("four") == ["one", "two", "three"]
    assert database.loads == 1


@pytest.mark.parametrize("blank", ["", " \n\n", "\u200b"], ids=ascii)
async def test_a_blank_answer_is_not_recalled(
    talk: Conversation, database: Database, memory: RedisMemory, blank: str
) -> None:
    await talk.turn("one")
    database.messages += [ChatMessage("user", "two"), ChatMessage("assistant", blank)]
    await talk.turn("three")

    for _ in ("from the database", "from Redis"):
        recalled = await memory.recall(database.conversation)
        assert [message.content for message in recalled[::2]] == ["one", "three"]


async def test_another_worker_reads_what_this_one_wrote(
    talk: Conversation, client: redis.asyncio.Redis, database: Database
) -> None:
    await talk.turn("one")
    await talk.turn("two")
    other = Conversation(make_memory(client, database), database)
    assert await other.turn("three") == ["one", "two"]
    assert await talk.turn("four") == ["one", "two", "three"]
    assert database.loads == 1


async def test_a_lost_window_is_made_anew(
    talk: Conversation, client: redis.asyncio.Redis, database: Database
) -> None:
    for prompt in ("one", "two", "three"):
        await talk.turn(prompt)
    await client.delete(*keys(database))
    assert await talk.turn("four") == ["one", "two", "three"]
    assert await talk.turn("five") == ["one", "two", "three", "four"]
    assert database.loads == 2


async def test_a_turn_that_was_never_remembered_does_not_leave_a_hole(
    talk: Conversation, database: Database
) -> None:
    await talk.turn("one")
    await talk.turn("two")
    await talk.turn("stopped", remembered=False)
    assert await talk.turn("four") == ["one", "two", "stopped"]
    assert database.loads == 2


async def test_a_turn_of_a_worker_without_redis_is_missed_by_nobody(
    talk: Conversation, database: Database
) -> None:
    await talk.turn("one")
    await talk.turn("two")
    elsewhere = ChatMessage("user", "elsewhere"), ChatMessage("assistant", "answer")
    database.messages.extend(elsewhere)
    assert await talk.turn("four") == ["one", "two", "elsewhere"]
    assert await talk.turn("five") == ["one", "two", "elsewhere", "four"]


async def test_an_exchange_that_comes_late_is_not_appended(
    memory: RedisMemory, talk: Conversation, client: redis.asyncio.Redis, database: Database
) -> None:
    await talk.turn("one")
    await talk.turn("two")
    await memory.recall(database.conversation)
    other = Conversation(make_memory(client, database), database)
    await other.turn("three")
    late = ChatMessage("user", "late"), ChatMessage("assistant", "answer")
    await memory.remember(database.conversation, late)
    assert await talk.turn("four") == ["one", "two", "three"]


async def test_what_cannot_be_read_is_made_anew(
    talk: Conversation, client: redis.asyncio.Redis, database: Database
) -> None:
    await talk.turn("one")
    await talk.turn("two")
    await client.rpush(keys(database)[0], b"{broken")
    assert await talk.turn("three") == ["one", "two"]
    assert await talk.turn("four") == ["one", "two", "three"]


async def test_only_what_fits_the_budget_is_recalled_and_kept(
    client: redis.asyncio.Redis, database: Database
) -> None:
    talk = Conversation(make_memory(client, database, budget_tokens=120), database)
    for number in range(12):
        await talk.turn(f"question {number} " + "x" * 40)
    recalled = await talk.turn("last")
    assert recalled[-1].startswith("question 11 ")
    assert 2 <= len(recalled) <= 3
    assert await client.llen(keys(database)[0]) <= len(recalled) + 1


async def test_a_window_expires(
    talk: Conversation, client: redis.asyncio.Redis, database: Database
) -> None:
    for prompt in ("one", "two"):
        await talk.turn(prompt)
    for key in keys(database):
        assert 590 <= await client.ttl(key) <= 600


async def test_forgetting_during_a_turn_leaves_nothing(
    talk: Conversation, memory: RedisMemory, client: redis.asyncio.Redis, database: Database
) -> None:
    await talk.turn("one")
    await talk.turn("two")
    await memory.recall(database.conversation)
    await client.delete(*keys(database))
    await memory.remember(database.conversation, database.messages[:2])
    assert await client.exists(*keys(database)) == 0


async def test_the_database_away_leaves_what_redis_has(
    talk: Conversation, memory: RedisMemory, database: Database
) -> None:
    await talk.turn("one")
    await talk.turn("two")
    database.error = OperationalError("gone")
    assert len(await memory.recall(database.conversation)) == 4


async def test_neither_redis_nor_the_database(memory: RedisMemory, database: Database) -> None:
    database.error = OperationalError("gone")
    with pytest.raises(MemoryUnavailable, match="gone"):
        await memory.recall(database.conversation)


async def test_what_is_no_text_is_refused_in_our_own_words(
    memory: RedisMemory, database: Database
) -> None:
    with pytest.raises(MemoryUnavailable, match="written"):
        await memory.remember(database.conversation, [ChatMessage("user", "\ud800")])


@pytest.mark.services
async def test_a_redis_that_dies_and_comes_back_misses_nothing(
    tmp_path: Path, database: Database
) -> None:
    server = RedisServer(tmp_path)
    server.start()
    client = async_client(server.url)
    talk = Conversation(make_memory(client, database), database)
    await talk.turn("one")
    await talk.turn("two")

    server.stop()
    assert await talk.turn("in the outage") == ["one", "two"]
    server.start()
    assert await talk.turn("after") == ["one", "two", "in the outage"]
    assert await talk.turn("again") == ["one", "two", "in the outage", "after"]

    recalling = make_memory(client, database)
    await recalling.recall(database.conversation)
    server.stop()
    exchange = ChatMessage("user", "unwritten"), ChatMessage("assistant", "answer")
    with pytest.raises(MemoryUnavailable):
        await recalling.remember(database.conversation, exchange)
    database.messages.extend(exchange)
    server.start()
    assert (await talk.turn("last"))[-1] == "unwritten"
    await close(client)
    server.stop()
