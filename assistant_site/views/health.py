"""Health checks: alive, ready, degraded, for operators and load balancers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, HttpResponse

from assistant_site import VERSION
from conversations.api.responses import json_response, native
from conversations.bootstrap import container
from routing.domain.errors import DependencyUnavailable
from routing.domain.release import Release, Stage
from routing.llm.providers.provider_check import host_of, in_words
from routing.llm.providers.registry import read_credentials

CHECK_SECONDS = 2.0
"""Time limit of one check."""

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
    """``GET /readyz``: each part with its state. Status 503 only if answers are impossible: without the
    database, where it takes no writes (``full``, ``read-only``, ``locked``) or without rules. Without Redis the service still answers."""
    checks = {"database": _database, "redis": _redis, "rules": _rules}
    states = await asyncio.gather(*(_timed(check) for check in checks.values()))
    parts = dict(zip(checks, states, strict=True))
    if open_circuits := await _open_circuits():
        parts["models"] = {"state": "degraded", "not_asked": open_circuits}
    if unknown := container().provider_checks.unknown:
        parts.setdefault("models", {"state": "degraded"})["unknown"] = list(unknown)
    parts |= {name: part for name, part in _recent_failures() if name not in parts}
    if (fault := container().write_probe.media) != "ok":
        parts["image_storage"] = {"state": "degraded", "detail": fault}
    if container().runs.draining:
        parts["worker"] = {"state": "down", "detail": "about to end"}
    needed = {"database", "rules", "worker"} & set(parts)
    impossible = any(parts[name]["state"] not in {"ok", "degraded"} for name in needed)
    degraded = [name for name, part in parts.items() if part["state"] != "ok"]
    status = "unavailable" if impossible else "degraded" if degraded else "ok"
    return json_response(
        {"status": status, "version": VERSION, "degraded": degraded, "checks": parts},
        status=503 if impossible else 200,
    )


async def _timed(check: Callable[[], Awaitable[Part]]) -> Part:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check()
    except TimeoutError:
        return {"state": "down", "detail": f"no answer within {CHECK_SECONDS:g} s"}


async def _database() -> Part:
    def probe() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        connection.close()

    try:
        # Not sync_to_async: it waits for its thread beyond the time limit.
        await asyncio.to_thread(probe)
    except DatabaseError as exc:
        return {"state": "down", "detail": type(exc).__name__}
    probe_of_writes = container().write_probe
    await probe_of_writes.look()
    if probe_of_writes.database != "ok":
        return {"state": probe_of_writes.database, "detail": "nothing can be stored"}
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
    state: Part = {"state": "ok", "version": release.live.version, "origin": origin}
    if release.trial:
        state["trial"] = {"version": release.trial.version, "stage": _stage(release)}
    if origin != "redis":
        state |= {"state": "degraded", "detail": _WITHOUT_REDIS[origin or "local"]}
    return state


def _stage(release: Release) -> str:
    return f"{release.percent} %" if release.stage is Stage.PERCENT else release.stage.value


def _recent_failures() -> Iterator[tuple[str, Part]]:
    """Parts that failed lately, and providers whose check failed, with the reason in words."""
    failures, checks = container().metrics.recent_failures, container().provider_checks.faults
    ages = failures.ages()
    for name in sorted(ages.keys() | checks.keys() - failures.worked):
        part: Part = {"state": "degraded"}
        if name in ages:
            part["failed_seconds_ago"] = ages[name]
        check = checks.get(name)
        if kind := failures.kinds.get(name) or (check and check.kind):
            host = host_of(name, read_credentials(settings))
            part |= {"error_kind": kind, "detail": in_words(name, kind, host)}
        yield name, part


async def _open_circuits() -> list[str]:
    """Models whose circuit breaker is open."""
    return [each.model for each in await container().circuits.states() if each.state == "open"]
