"""Direct runs on two workers: a retry on the other one waits for the first try, and is told its result."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings

from conversations.bootstrap import container
from conversations.engine.types import CallerChat, Turn
from conversations.models import new_id
from conversations.runs.direct import MAX_RESULT, DirectResult, DirectRuns, Work
from conversations.runs.joining import RequestKey, request_key
from conversations.runs.run import Run
from conversations.usage.estimates import WorstCase
from routing.domain.errors import ProviderUnavailable
from tests.live_site import LiveSite


class Worker(DirectRuns):
    """Another worker's direct runs, as far as the first can tell. ``looked``: a retry has found the first
    try under way, once."""

    def __init__(self) -> None:
        parts = container()
        super().__init__(
            parts.runs,
            parts.admission,
            parts.redis,
            parts.breaker,
            parts.background,
            prefix=settings.REDIS_PREFIX,
            tracer=parts.tracer,
            meter=parts.metrics,
        )
        self.looked = asyncio.Event()

    async def _earlier(self, key: RequestKey, stored: str) -> DirectResult | None:
        found = await super()._earlier(key, stored)
        self.looked.set()
        return found


def turn() -> Turn:
    message = new_id()
    return Turn(
        user=7,
        conversation=message,
        message=message,
        user_message=message,
        prompt="?",
        first=True,
        trace_id=uuid4().hex,
        begun=datetime.now(UTC),
        chat=CallerChat((), {}, plain=False),
    )


def key(word: str, *, retried: bool = False) -> RequestKey:
    return request_key(("7", "/v1/x"), word.encode(), own="", retried=retried)


def nothing() -> WorstCase:
    return WorstCase((), ())


async def both(first: Work, second: Work, word: str) -> list[Any]:
    """Results or errors of a first try and of its retry on another worker, which comes while it runs."""
    begun, retrying = asyncio.Event(), Worker()

    async def beginning(run: Run) -> dict[str, Any]:
        begun.set()
        await retrying.looked.wait()
        return await first(run)

    one = asyncio.ensure_future(Worker().result(key(word), turn(), beginning, nothing))
    await begun.wait()
    two = retrying.result(key(word, retried=True), turn(), second, nothing)
    return list(await asyncio.gather(one, two, return_exceptions=True))


async def once(_: Run) -> dict[str, Any]:
    return {"made": "once"}


async def broken(_: Run) -> dict[str, Any]:
    raise ProviderUnavailable("gpt")


async def other(_: Run) -> dict[str, Any]:
    return {"made": "again"}


async def large(_: Run) -> dict[str, Any]:
    return {"made": "x" * MAX_RESULT}


def test_a_retry_waits_for_the_other_worker(site: LiveSite) -> None:
    one, two = site.run(both(once, other, uuid4().hex))

    assert (one.value, one.replayed) == ({"made": "once"}, False)
    assert (two.value, two.replayed) == ({"made": "once"}, True)


@pytest.mark.parametrize("first", [broken, large])
def test_a_retry_of_what_is_not_kept_is_made_anew(site: LiveSite, first: Work) -> None:
    one, two = site.run(both(first, other, uuid4().hex))

    assert isinstance(one, ProviderUnavailable) or one.value != two.value
    assert (two.value, two.replayed) == ({"made": "again"}, False)
