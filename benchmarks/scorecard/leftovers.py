"""What is still there when nobody asks any more."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from benchmarks.stage.providers import Providers
from benchmarks.stage.site import Site
from conversations.models import Message
from routing.common.redis.clients import sync_client

PATIENCE = 20.0
"""Seconds for what may take a moment: a lease that expires, a trace that is sent."""
MORE_TASKS = 4
"""Above those of an idle worker: the scrape itself, a connection that is being closed."""
MORE_DESCRIPTORS = 60
"""Pools keep what they opened: 20 connections to the database, those to Redis and the providers."""

Figures = Mapping[int, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Leftovers:
    """``left`` names what should not be there; ``figures`` are told."""

    left: list[str]
    figures: dict[str, str]


def leftovers(site: Site, providers: Providers, idle: Figures) -> Leftovers:
    """Look until all is gone, or for ``PATIENCE`` seconds. ``idle`` are the figures of workers that
    nobody had asked yet."""
    deadline = time.monotonic() + PATIENCE
    while (found := _look(site, providers, idle)).left and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def _look(site: Site, providers: Providers, idle: Figures) -> Leftovers:
    now = site.await_workers()
    counted = {
        "answers still streaming": Message.objects.filter(status=Message.Status.STREAMING).count(),
        "leases": _leases(),
        "requests open at providers": sum(
            each["outcome"] == "open" for each in providers.requests()
        ),
        "runs in progress": int(_most(now, "assistant_runs_in_progress")),
        "tasks too many": _above(now, idle, "assistant_tasks", MORE_TASKS),
        "descriptors too many": _above(now, idle, "process_open_fds", MORE_DESCRIPTORS),
    }
    figures = {
        "tasks of a worker before, after": _before_after(idle, now, "assistant_tasks"),
        "descriptors of a worker before, after": _before_after(idle, now, "process_open_fds"),
    }
    left = [f"{name}: {count}" for name, count in counted.items() if count > 0]
    return Leftovers(left, figures)


def _leases() -> int:
    with sync_client(settings.REDIS_URL) as client:
        return sum(1 for _ in client.scan_iter(f"{settings.REDIS_PREFIX}:run:*:lease", count=1000))


def _most(figures: Figures, name: str) -> float:
    return max(each.get(name, 0) for each in figures.values())


def _above(now: Figures, idle: Figures, name: str, slack: int) -> int:
    return int(_most(now, name) - _most(idle, name) - slack)


def _before_after(idle: Figures, now: Figures, name: str) -> str:
    return f"{_most(idle, name):.0f}, {_most(now, name):.0f}"
