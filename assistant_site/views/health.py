"""Health for operators and load balancers: alive, ready, degraded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse

from conversations.api.dispatch import native
from conversations.api.responses import json_response
from conversations.bootstrap import container
from routing.domain.errors import DependencyUnavailable
from routing.domain.release import Release, Stage

PATIENCE = 2.0
"""Seconds that one part may take to tell its state."""

Part = dict[str, Any]

_WITHOUT_REDIS = {
    "local": "this worker keeps the last good version it had",
    "database": "read from the database instead of Redis",
}


@native
async def healthz(request: HttpRequest) -> HttpResponse:
    """``GET /healthz``: the process answers."""
    return json_response({"status": "ok"})


@native
async def readyz(request: HttpRequest) -> HttpResponse:
    """``GET /readyz``: each part with its state. 503 only when answers are impossible: without the
    database, or without any rules. Redis away makes answers poorer, not impossible."""
    checks = {"database": _database, "redis": _redis, "rules": _rules}
    told = await asyncio.gather(*(_told(check) for check in checks.values()))
    parts = dict(zip(checks, told, strict=True))
    if shut := await _shut_circuits():
        parts["models"] = {"state": "degraded", "not_asked": shut}
    for part, seconds in container().metrics.recent_failures.ages().items():
        parts.setdefault(part, {"state": "degraded", "failed_seconds_ago": seconds})
    if container().runs.draining:
        parts["worker"] = {"state": "down", "detail": "about to end"}
    needed = {"database", "rules", "worker"} & set(parts)
    impossible = any(parts[name]["state"] == "down" for name in needed)
    degraded = [name for name, part in parts.items() if part["state"] != "ok"]
    status = "unavailable" if impossible else "degraded" if degraded else "ok"
    return json_response(
        {"status": status, "degraded": degraded, "checks": parts}, status=503 if impossible else 200
    )


async def _told(check: Callable[[], Awaitable[Part]]) -> Part:
    try:
        async with asyncio.timeout(PATIENCE):
            return await check()
    except TimeoutError:
        return {"state": "down", "detail": f"no answer within {PATIENCE:g} s"}


async def _database() -> Part:
    def probe() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.close()

    try:
        # Not sync_to_async: it would wait for its thread, whatever the patience.
        await asyncio.to_thread(probe)
    except DatabaseError as exc:
        return {"state": "down", "detail": type(exc).__name__}
    return {"state": "ok"}


async def _redis() -> Part:
    state = await container().cache.state()
    if not state.available:
        return {"state": "down", "detail": "answers are made without cache and shared state"}
    return {"state": "ok"}


async def _rules() -> Part:
    store = container().rules
    try:
        release = await store.current()
    except DependencyUnavailable:
        return {"state": "down", "detail": "no published rules"}
    origin = store.state().origin
    told: Part = {"state": "ok", "version": release.live.version, "origin": origin}
    if release.trial:
        told["trial"] = {"version": release.trial.version, "stage": _stage(release)}
    if origin != "redis":
        told |= {"state": "degraded", "detail": _WITHOUT_REDIS[origin or "local"]}
    return told


def _stage(release: Release) -> str:
    return f"{release.percent} %" if release.stage is Stage.PERCENT else release.stage.value


async def _shut_circuits() -> list[str]:
    """Models that are given a moment, because they failed lately."""
    return [each.model for each in await container().circuits.states() if each.state == "open"]
