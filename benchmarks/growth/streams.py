"""``python -m benchmarks.growth.streams``: what one paced stream costs each part, and leaves in Redis.

Starts one worker with a Redis, a PostgreSQL and stand-in providers of its own, has people ask at once,
and divides what was counted by the number of streams. Counts, bytes and CPU time; no latencies.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import django
import psycopg
import redis

from assistant_site.launcher.redis_server import RedisServer
from benchmarks.stage.postgres import Postgres
from benchmarks.stage.providers import Providers
from benchmarks.stage.site import Site, told

FIRST_MS, TOKEN_MS = 300, 20
PROMPT = "Write a story about a ferry in the fog, number {number}."
TICK = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure once, print, and end everything."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="streams-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user
    with ExitStack() as stack:
        kept = stack.enter_context(RedisServer(folder / "redis"))
        providers = Providers(folder, first_token_ms=FIRST_MS, token_ms=TOKEN_MS, kept=0)
        providers.start()
        stack.callback(providers.end)
        database = Postgres(folder / "postgres")
        stack.callback(database.end)
        database.create()
        environment = told(database=database.url, redis=kept.url, providers=providers.urls, data=folder, STREAMS_PER_USER="0")  # fmt: skip
        token = _prepare(environment)
        site = Site(environment, workers=1, log=folder / "site.log")
        stack.callback(site.end)
        site.start()
        found = _counted(site, kept.url, database.url, token, options.streams)
    print(json.dumps(found, indent=1))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth.streams", description=__doc__
    )
    parser.add_argument("--streams", type=int, default=100, help="open at the same time")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    return parser.parse_args()


def _prepare(environment: Mapping[str, str]) -> str:
    """Migrate and seed; returns somebody's token."""
    os.environ.update(environment, DJANGO_SETTINGS_MODULE="assistant_site.settings")
    django.setup()
    from django.contrib.auth.models import User  # noqa: PLC0415 - Django is set up by now
    from django.core.management import call_command  # noqa: PLC0415
    from rest_framework_simplejwt.tokens import AccessToken  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=0)
    call_command("seed", json=True, stdout=StringIO())
    return str(AccessToken.for_user(User.objects.get(username="demo")))


def _counted(site: Site, kept: str, database: str, token: str, count: int) -> dict[str, Any]:
    worker = site.supervisor
    with redis.Redis.from_url(kept) as client, psycopg.connect(database, autocommit=True) as sql:
        asyncio.run(_streams(site.url, token, 10))  # warm
        rest = _reading(client, sql, worker)
        events, read, open_, seconds = asyncio.run(_watched(site.url, token, count, worker))
        after = _reading(client, sql, worker)
        found = {name: (after[name] - rest[name]) / count for name in rest}
        found |= {"events": events / count, "bytes to the client": read / count}
        found["worker's memory while open"] = (open_ - rest["worker's memory after"]) / count
        found["one log in Redis"] = _largest(client, "*:run:*:events")
    paced = {"first token ms": FIRST_MS, "between tokens ms": TOKEN_MS}
    return {
        "streams": count,
        "seconds": round(seconds, 2),
        **paced,
        "each": {name: round(value, 4) for name, value in found.items()},
    }


def _reading(client: redis.Redis, sql: psycopg.Connection, worker: int) -> dict[str, float]:
    """Counters as they stand."""
    info: Any = client.info()
    sql.execute("SELECT pg_stat_clear_snapshot()")
    row = sql.execute("SELECT xact_commit, tup_inserted + tup_updated FROM pg_stat_database WHERE datname = current_database()").fetchone()  # fmt: skip
    assert row, "the database we are connected to"
    return {
        "Redis commands": info["total_commands_processed"],
        "Redis CPU s": info["used_cpu_user"] + info["used_cpu_sys"],
        "bytes to Redis": info["total_net_input_bytes"],
        "bytes from Redis": info["total_net_output_bytes"],
        "Redis memory after": info["used_memory"],
        "transactions": row[0],
        "rows written": row[1],
        "worker's CPU s": _cpu(worker),
        "worker's memory after": _memory(worker),
    }


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _memory(pid: int) -> float:
    """Bytes of its own."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    private = [line for line in lines if line.startswith("Private_")]
    return sum(int(line.split()[1]) * 1024 for line in private)


def _largest(client: redis.Redis, pattern: str) -> float:
    sizes: list[Any] = [client.memory_usage(key, samples=0) for key in client.scan_iter(pattern)]
    return float(max(sizes, default=0))


async def _watched(url: str, token: str, count: int, worker: int) -> tuple[int, int, float, float]:
    """All events and bytes of the streams, the worker's memory in the middle of them, and the seconds of
    the middle one."""
    streams = asyncio.create_task(_streams(url, token, count))
    held = 0.0
    while not streams.done():
        held = max(held, _memory(worker))
        await asyncio.sleep(0.2)
    told_ = await streams
    await asyncio.sleep(2)  # what is summed up and written behind the answers
    events, read, taken = zip(*told_, strict=True)
    return sum(events), sum(read), held, median(taken)


async def _streams(url: str, token: str, count: int) -> list[tuple[int, int, float]]:
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    async with aiohttp.ClientSession(url, headers=headers, connector=connector) as session:
        return await asyncio.gather(*(_stream(session, number) for number in range(count)))


async def _stream(session: aiohttp.ClientSession, number: int) -> tuple[int, int, float]:
    """Its events, bytes and seconds."""
    body, started = {"content": PROMPT.format(number=number), "model": "gpt"}, time.perf_counter()
    async with session.post("/api/v1/messages/", json=body) as response:
        assert response.status == 200, await response.text()
        text = await response.read()
    assert b"event: done" in text, text[-300:]
    return text.count(b"\nevent: "), len(text), time.perf_counter() - started


if __name__ == "__main__":
    main()
