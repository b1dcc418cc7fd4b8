"""``python -m benchmarks.limits``: what limits cost a request, in Redis and of this process's CPU.

Starts a Redis of its own, gives each of 5,000 keys six limits, and reserves and settles for them in turn.
A round trip to Redis that does nothing is measured in the same run, two for each request. Exit code 1 where
a request costs more than is allowed.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import django
import uvloop

from assistant_site.launcher.redis_server import RedisServer

REDIS_MS, CPU_MS = 0.3, 0.2
AT_ONCE = 16
GC_THRESHOLD = 20_000
"""That of a worker (``assistant_site.asgi``)."""
TERMS = (
    ("requests", "minute", 10_000), ("tokens", "minute", 100_000_000), ("requests", "day", 100_000),
    ("usd", "day", 1_000), ("usd", "month", 10_000), ("concurrent", "total", 1_000),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of a request."""

    redis: float
    cpu: float


def main() -> None:
    """Measure once, print, and exit."""
    options = _options()
    os.environ["DJANGO_SETTINGS_MODULE"] = "assistant_site.settings"
    with tempfile.TemporaryDirectory(prefix="limits-") as folder, RedisServer(Path(folder)) as kept:
        os.environ |= {"REDIS_URL": kept.url, "LOG_LEVEL": "WARNING"}
        os.environ |= {"DATABASE_URL": f"sqlite:///{folder}/site.sqlite3"}
        django.setup()
        keys = _fill(options.keys)
        gc.freeze()  # as a worker does
        gc.set_threshold(GC_THRESHOLD, 20, 50)
        found = uvloop.run(_measured(kept.url, keys, options))
    told = {"keys": len(keys), "limits": len(TERMS), "at once": AT_ONCE, "ms a request": found}
    print(json.dumps(told, indent=2))
    cost = found["reserve and settle"]
    sys.exit(0 if cost["redis"] <= REDIS_MS and cost["cpu"] <= CPU_MS else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--keys", type=int, default=5_000)
    parser.add_argument("--requests", type=int, default=4_000, help="of a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", type=Path, help="write a profile of one round more here")
    return parser.parse_args()


def _fill(count: int) -> list[UUID]:
    """So many keys of one person, with their limits."""
    from django.contrib.auth.models import User  # noqa: PLC0415 - Django is set up by now
    from django.core.management import call_command  # noqa: PLC0415

    from conversations.models import APIKey, Limit  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=0)
    owner = User.objects.create(username="owner")
    keys = APIKey.objects.bulk_create(APIKey(owner=owner, name=f"{at}") for at in range(count))
    Limit.objects.bulk_create(
        Limit(scope="key", key=key, unit=unit, window=window, amount=amount)
        for key in keys
        for unit, window, amount in TERMS
    )
    return [key.pk for key in keys]


async def _measured(url: str, keys: Sequence[UUID], options: argparse.Namespace) -> dict[str, Any]:
    from conversations.bootstrap.parts import make_reservations  # noqa: PLC0415
    from routing.common.redis.clients import Breaker, async_client, close  # noqa: PLC0415
    from routing.common.tasks import Background  # noqa: PLC0415
    from routing.llm.providers.late import loaded  # noqa: PLC0415

    background, client = Background(), async_client(url)
    reservations = make_reservations(client, Breaker(), background, lambda *_: None, loaded)
    work, turn = _work(reservations), itertools.cycle(keys)

    async def request() -> None:
        await work(next(turn))

    async def round_trips() -> None:
        for _ in range(2):
            await client.execute_command("ECHO", b"x" * 600)  # type: ignore[no-untyped-call]

    ways = {"two round trips": round_trips, "reserve and settle": request}
    await _all(request, len(keys))  # counters are counted from the ledger at their first use
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            costs[name].append(await _cost(client, way, options.requests))
    if options.profile:
        with cProfile.Profile(time.process_time) as profile:
            await _all(request, options.requests)
        profile.dump_stats(options.profile)
    await background.close()
    await close(client)
    return {name: _median(each) for name, each in costs.items()}


def _work(reservations: Any) -> Callable[[UUID], Awaitable[None]]:
    from conversations.domain.booking import Account  # noqa: PLC0415
    from conversations.usage.estimates import WorstCase  # noqa: PLC0415
    from routing.domain.limits import PaidCall  # noqa: PLC0415
    from routing.domain.llm import Attempt, Usage  # noqa: PLC0415

    models = [PaidCall(f"model-{at}", 1_000 + at, 3_000_000 + at) for at in range(5)]
    worst = WorstCase([PaidCall("claude-haiku", 2_300, 1_000_000)], models)
    usage = Usage(400, 200, Decimal("0.00021"))
    calls = [
        Attempt("classify", "claude-haiku", "anthropic", 0, 1, "ok", usage),
        Attempt("chat", "model-1", "openai", 0, 1, "ok", usage),
    ]

    async def work(key: UUID) -> None:
        reservation = await reservations.reserve(uuid4(), Account(1, key), lambda: worst)
        await reservations.settle(reservation, calls)

    return work


async def _all(way: Callable[[], Awaitable[None]], count: int) -> None:
    """So many requests, ``AT_ONCE`` at a time."""
    places: Iterator[int] = iter(range(count))

    async def one_after_the_other() -> None:
        for _ in places:
            await way()

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


async def _cost(client: Any, way: Callable[[], Awaitable[None]], count: int) -> Cost:
    await client.config_resetstat()
    began = time.process_time()
    await _all(way, count)
    cpu = time.process_time() - began
    stats = await client.info("commandstats")
    counted = ("cmdstat_evalsha", "cmdstat_fcall", "cmdstat_echo")
    redis = sum(stats[name]["usec"] for name in counted if name in stats)
    return Cost(redis / count / 1000, cpu * 1000 / count)


def _median(costs: Sequence[Cost]) -> dict[str, float]:
    return {
        "redis": round(median(cost.redis for cost in costs), 4),
        "cpu": round(median(cost.cpu for cost in costs), 4),
        "cpu, lowest": round(min(cost.cpu for cost in costs), 4),
    }


if __name__ == "__main__":
    main()
