"""Following an answer while what would tell of it is away."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError

from conversations.runs import follow


class HeldLog:
    async def leased(self, _: Any) -> bool:
        return True


async def test_without_the_database_nobody_says_that_an_answer_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(follow, "in_database", away)
    log: Any = HeldLog()

    assert await follow._over(log, uuid4()) is False
