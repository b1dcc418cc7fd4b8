"""Doctor: each thing that an installation needs, looked at once, with advice where it is not right."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import redis
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from assistant_site import variables
from assistant_site.checks import doubts
from routing.common.redis.clients import fault_of_url, sync_client
from routing.llm.providers.late import litellm
from routing.llm.providers.provider_check import ProviderCheck, check_providers, in_words, keyed
from routing.llm.providers.registry import PROVIDERS, read_credentials
from routing.models import LLMModel
from routing.publishing.selectors import release_latest

State = Literal["ok", "doubt", "fault"]
MOST_CLOCK_SECONDS = 30.0
"""Difference of two clocks from which tokens and signatures go wrong."""
FEW_BYTES, TOO_FEW_BYTES = 2_000_000_000, 200_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. A ``doubt`` works, but not as it should; a ``fault`` does not."""

    subject: str
    state: State
    detail: str
    advice: str = ""


def examine() -> Iterator[Finding]:
    """All findings, in the order of the parts that others need."""
    for check in (_settings, _database, _redis, _rules, _providers, _disk, _port):
        try:
            yield from check()
        # One part that fails in an unknown way must not hide the others.
        except Exception as exc:  # noqa: BLE001
            name = check.__name__.strip("_")
            yield Finding(name, "fault", f"{type(exc).__name__}: {exc}", "Report this.")


def _settings() -> Iterator[Finding]:
    said = doubts()
    for doubt in said:
        yield Finding("settings", "doubt", doubt, "Correct it in .env or the environment.")
    if not said:
        yield Finding(
            "settings", "ok", "every variable that is set is read, and none contradicts another"
        )


def _database() -> Iterator[Finding]:
    try:
        executor = MigrationExecutor(connection)
    except DatabaseError as exc:
        advice = "Check DATABASE_URL, and that the database runs."
        yield Finding("database", "fault", _line(exc), advice)
        return
    yield Finding("database", "ok", connection.vendor)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if waiting:
        detail = f"{len(waiting)} are not applied, the first is {waiting[0][0]}"
        yield Finding("migrations", "fault", detail, "Run: manage.py migrate")
    else:
        yield Finding("migrations", "ok", "all are applied")


def _redis() -> Iterator[Finding]:
    if fault := fault_of_url(settings.REDIS_URL):
        yield Finding("Redis", "fault", fault, "Correct REDIS_URL.")
        return
    client: Any = sync_client(settings.REDIS_URL)
    try:
        seconds = time.time() - float(client.time()[0])
        version = client.info("server").get("redis_version", "")
    except redis.RedisError as exc:
        advice = (
            "Start it (make run starts one), or correct REDIS_URL. Answers are made without it."
        )
        yield Finding("Redis", "fault", _line(exc), advice)
        return
    yield Finding("Redis", "ok", f"version {version}")
    yield _clock("Redis", seconds)
    try:
        names = [name.decode() for name in client.execute_command("FT._LIST")]
    except redis.ResponseError as exc:
        advice = "Use Redis 8, or Redis Stack: similar questions need its search."
        yield Finding("search", "fault", _line(exc), advice)
        return
    own = [name for name in names if name.startswith(settings.REDIS_PREFIX)]
    yield (
        Finding("search", "ok", f"index {', '.join(own)}")
        if own
        else Finding("search", "doubt", "there is no index yet", "The first start makes it.")
    )


def _rules() -> Iterator[Finding]:
    try:
        release = release_latest()
    except DatabaseError:
        return  # told by the database
    if release is None:
        yield Finding("rules", "fault", "nothing is published", "Run: manage.py sync_rules")
        return
    rules = release.live
    yield Finding("rules", "ok", f"version {rules.version}, {len(rules.rules)} rules")
    said = {
        row.name: doubt
        for row in LLMModel.objects.all()
        if (doubt := litellm.name_doubt(row.litellm_name))
    }
    for name, doubt in said.items():
        yield Finding("models", "doubt", f"{name}: {doubt}", "Correct the model in the admin.")
    if not said:
        yield Finding("models", "ok", f"LiteLLM knows all {len(rules.models)}")


def _providers() -> Iterator[Finding]:
    credentials = read_credentials(settings)
    if not list(keyed(credentials)):
        advice = "Set OPENAI_API_KEY or ANTHROPIC_API_KEY in .env, or start make run for simulated answers."
        yield Finding("keys", "fault", "no provider has a key", advice)
        return
    for check in async_to_sync(check_providers)(credentials):
        yield _provider(check)
        if check.clock_seconds is not None:
            yield _clock(PROVIDERS[check.provider].title, check.clock_seconds)
        if check.provider not in settings.SIMULATED_PROVIDERS:
            yield from _unlisted(check)


_ADVICE = {
    "key_refused": "Set another key in .env.",
    "not_permitted": "Use a key with the right to list and call models.",
    "quota": "Raise the limit, or pay, in the provider's console.",
    "unreachable": "Check the address, the proxy and the firewall.",
}


def _provider(check: ProviderCheck) -> Finding:
    title = PROVIDERS[check.provider].title
    if check.kind:
        advice = _ADVICE.get(check.kind, "See the provider's status page.")
        return Finding("keys", "fault", check.words, advice)
    simulated = " (simulated)" if check.provider in settings.SIMULATED_PROVIDERS else ""
    return Finding("keys", "ok", f"{title}{simulated}: {check.host} takes the key")


def _unlisted(check: ProviderCheck) -> Iterator[Finding]:
    for row in LLMModel.objects.filter(provider=check.provider):
        if check.lacks(row.litellm_name):
            detail = f"{in_words(check.provider, 'no_such_model')}: {row.litellm_name}"
            yield Finding(
                "models", "fault", detail, f"Correct the model “{row.name}” in the admin."
            )


def _clock(other: str, seconds: float) -> Finding:
    if abs(seconds) <= MOST_CLOCK_SECONDS:
        return Finding("clock", "ok", f"as {other}'s")
    detail = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} {other}'s"
    return Finding("clock", "doubt", detail, "Turn on NTP: tokens and signatures depend on it.")


def _disk() -> Iterator[Finding]:
    for name in ("DATA_DIR", "MEDIA_ROOT"):
        folder = Path(getattr(settings, name))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(b"0")
        except OSError as exc:
            yield Finding("folders", "fault", f"{folder}: {exc.strerror}", "Make it writable.")
            continue
        free = shutil.disk_usage(folder).free
        state: State = "fault" if free < TOO_FEW_BYTES else "doubt" if free < FEW_BYTES else "ok"
        advice = "" if state == "ok" else "Free some room: without it nothing is stored."
        yield Finding("folders", state, f"{folder}: writable, {free / 1e9:,.1f} GB free", advice)


def _port() -> Iterator[Finding]:
    port = variables.integer("PORT")
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            detail = f"{port} is taken: by this site, if it runs"
            yield Finding("port", "ok" if _serves(port) else "doubt", detail, "Set another PORT.")
        else:
            yield Finding("port", "ok", f"{port} is free")


def _serves(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as own:
            own.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return b'"status"' in own.recv(4096)
    except OSError:
        return False


def _line(exc: Exception) -> str:
    return " ".join(str(exc).split())[:200] or type(exc).__name__


def as_object(finding: Finding) -> dict[str, Any]:
    """For ``--json``."""
    return {
        "subject": finding.subject,
        "state": finding.state,
        "detail": finding.detail,
        "advice": finding.advice if finding.state != "ok" else "",
    }
