"""What is killed, one after the other, and brought back."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from assistant_site.launcher.redis_server import RedisServer
from benchmarks.stage import proc
from benchmarks.stage.postgres import Postgres
from benchmarks.stage.providers import Providers
from benchmarks.stage.site import Site, send

OUTAGE_SECONDS = 4.0
"""How long a part stays away."""
FREEZE_SECONDS = 16.0
"""Longer than a lease (10 s), the search for abandoned answers (2 s) and its second look (1 s)."""
WORKER_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that can be killed. ``database`` is a server, or SQLite's file."""

    site: Site
    redis: RedisServer
    providers: Providers
    database: Postgres | Path


@dataclass(frozen=True, slots=True)
class Kill:
    """One thing that happens: ``strike`` returns when the part is back."""

    name: str
    strike: Callable[[Stage], None]
    ends_runs: bool = False
    """Whether answers under way may end as interrupted."""


def openai_away(stage: Stage) -> None:
    """Its connections break, and new ones are refused."""
    _provider_away(stage, "openai")


def anthropic_away(stage: Stage) -> None:
    """The same of the other one."""
    _provider_away(stage, "anthropic")


def _provider_away(stage: Stage, side: str) -> None:
    stage.providers.set_side(side, up=False)
    time.sleep(OUTAGE_SECONDS)
    stage.providers.set_side(side, up=True)


def redis_killed(stage: Stage) -> None:
    """SIGKILL, and a new one on the same files."""
    stage.redis.process.kill()
    stage.redis.process.wait()
    time.sleep(OUTAGE_SECONDS)
    stage.redis.stop()
    stage.redis.start()


def postgres_killed(stage: Stage) -> None:
    """SIGKILL of the server, and recovery."""
    assert isinstance(stage.database, Postgres)
    stage.database.kill()
    time.sleep(OUTAGE_SECONDS)
    stage.database.start()


def sqlite_locked(stage: Stage) -> None:
    """Another process keeps the database's only write lock."""
    assert isinstance(stage.database, Path)
    other = sqlite3.connect(stage.database, timeout=20, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    time.sleep(OUTAGE_SECONDS)
    other.execute("ROLLBACK")
    other.close()


def worker_killed(stage: Stage) -> None:
    """SIGKILL; its supervisor must bring another one."""
    send(stage.site.workers()[0], signal.SIGKILL)
    stage.site.await_workers()


def worker_hung(stage: Stage) -> None:
    """SIGSTOP: the supervisor, which hears nothing from it, must replace it."""
    worker = stage.site.workers()[0]
    send(worker, signal.SIGSTOP)
    deadline = time.monotonic() + WORKER_SECONDS
    while proc.is_alive(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    send(worker, signal.SIGCONT)
    stage.site.await_workers()


def worker_frozen(stage: Stage) -> None:
    """SIGSTOP for longer than a lease, with its supervisor, so that nobody replaces it; then both go
    on as if nothing had been."""
    worker = stage.site.workers()[0]
    send(stage.site.supervisor, signal.SIGSTOP)
    send(worker, signal.SIGSTOP)
    time.sleep(FREEZE_SECONDS)
    send(worker, signal.SIGCONT)
    time.sleep(1.0)  # it answers its supervisor first
    send(stage.site.supervisor, signal.SIGCONT)


def site_restarted(stage: Stage) -> None:
    """SIGTERM of the whole: it drains, ends, and is started again."""
    stage.site.end()
    stage.site.start()


def plan(database: Postgres | Path) -> Iterator[Kill]:
    """Everything once."""
    yield Kill("OpenAI away 4 s", openai_away)
    yield Kill("worker SIGKILL", worker_killed, ends_runs=True)
    yield Kill("Redis SIGKILL, away 4 s", redis_killed)
    if isinstance(database, Postgres):
        yield Kill("PostgreSQL SIGKILL, away 4 s", postgres_killed)
    else:
        yield Kill("SQLite locked 4 s", sqlite_locked)
    yield Kill("worker frozen 16 s, goes on", worker_frozen, ends_runs=True)
    yield Kill("Anthropic away 4 s", anthropic_away)
    yield Kill("worker hangs", worker_hung, ends_runs=True)
    yield Kill("SIGTERM of all, restart", site_restarted, ends_runs=True)
