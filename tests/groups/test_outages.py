"""What is closed stays closed while the database is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.db import OperationalError

from conversations.adapters import access
from conversations.adapters.access import PersonalRules
from conversations.storage.group_policies import PolicyTable, read_policies
from routing.common.tasks import Background
from routing.domain.errors import RulesUnavailable
from tests.fakes import FakeRules

TABLE = PolicyTable((1,), {"Pupils": frozenset({"nothing"})})


class Database:
    """The reads of ``PersonalRules``."""

    def __init__(self) -> None:
        self.away, self.asked, self.clock = False, 0, 1000.0

    async def read(self, function: Any, *_: Any) -> Any:
        self.asked += 1
        if self.away:
            raise OperationalError("away")
        await asyncio.sleep(0)
        return TABLE if function is read_policies else frozenset({"Pupils"})


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    made = Database()
    monkeypatch.setattr(access, "in_database", made.read)
    return made


@pytest.fixture
async def rules(database: Database) -> AsyncIterator[PersonalRules]:
    background = Background()
    yield PersonalRules(FakeRules(), background, now=lambda: database.clock)  # type: ignore[arg-type]
    await background.close()


async def test_the_last_reading_holds(rules: PersonalRules, database: Database) -> None:
    before = await rules.for_person(1)
    assert before.live.models == ()
    database.away, database.clock = True, 2000.0

    assert (await rules.for_person(1)).live.models == ()
    with pytest.raises(RulesUnavailable):
        await rules.for_person(2)


async def test_a_doubt_opens_nothing(rules: PersonalRules, database: Database) -> None:
    database.away = True
    with pytest.raises(RulesUnavailable):
        await rules.for_person(1)


async def test_many_requests_read_once_a_second(rules: PersonalRules, database: Database) -> None:
    await asyncio.gather(*(rules.for_person(1) for _ in range(5)))
    read = database.asked
    await asyncio.gather(*(rules.for_person(1) for _ in range(5)))
    assert database.asked == read
    database.clock += 1
    await rules.for_person(1)
    assert database.asked == read + 2
