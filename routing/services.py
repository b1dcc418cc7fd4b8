"""Writes of the rules: building, publishing, and bringing Redis up to date."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

import redis
from django.conf import settings
from django.db import transaction
from redis.exceptions import RedisError

from routing.building import ruleset_from_tables
from routing.domain import RuleSet
from routing.errors import PublishConflict, RuleSetInvalid, RulesUnavailable
from routing.models import RuleSetVersion
from routing.published import Blob, publish_blob, read_pointer
from routing.publishing.versions import Person, publish, same
from routing.redis_clients import sync_client
from routing.selectors import release_number, ruleset_latest

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often the tables are built anew when somebody publishes meanwhile."""


@dataclass(frozen=True, slots=True)
class PublishState:
    """For the admin. ``version`` is the live one, ``differs`` whether the tables say something else,
    ``faults`` why they can't be published as they are."""

    version: int | None
    published_at: datetime | None
    differs: bool
    faults: tuple[str, ...]


def ruleset_build() -> RuleSet:
    """The set that the tables describe now, as version 0. Raises ``RuleSetInvalid``."""
    return ruleset_from_tables()


def ruleset_publish(*, by: Person = None, why: str = "", override: str = "") -> RuleSetVersion:
    """Publish what the tables say, under a new number where it differs from the live version.

    Redis is told once the transaction is committed; its failure is logged and mended by the
    readers or ``rules_sync``. Raises ``RuleSetInvalid``, ``PublishRefused`` and, when others publish
    again and again meanwhile, ``PublishConflict``.
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(PublishConflict):
            return _publish_tables(by, why, override)
    return _publish_tables(by, why, override)


def _publish_tables(by: Person, why: str, override: str) -> RuleSetVersion:
    # The release is read before the tables: who publishes in between has other tables, perhaps.
    prepared_on = release_number()
    version = publish(ruleset_build(), by=by, why=why, override=override, prepared_on=prepared_on)
    transaction.on_commit(_sync_or_log)
    return version


def rules_sync() -> int:
    """Bring Redis up to the database's latest version and return its number.

    Raises ``RulesUnavailable`` when nothing was ever published or Redis does not take it.
    """
    with _redis() as client:
        seen = read_pointer(client, settings.REDIS_PREFIX)
        latest = ruleset_latest()
        if latest is None:
            raise RulesUnavailable("no rules were ever published")
        blob = Blob.of(latest)
        if blob.pointer != seen:
            publish_blob(client, settings.REDIS_PREFIX, blob, seen=seen)
    return latest.version


def publish_state() -> PublishState:
    """What is live, and what keeps the tables from being so."""
    latest = RuleSetVersion.objects.order_by("-number").first()
    number = latest.number if latest else None
    published_at = latest.published_at if latest else None
    try:
        rules = ruleset_build()
    except RuleSetInvalid as exc:
        return PublishState(number, published_at, differs=True, faults=exc.faults)
    differs = latest is None or not same(latest, rules)
    return PublishState(number, published_at, differs, faults=())


def _sync_or_log() -> None:
    try:
        rules_sync()
    except RulesUnavailable:
        logger.warning("published rules did not reach Redis", exc_info=True)


@contextmanager
def _redis() -> Iterator[redis.Redis]:
    client = sync_client(settings.REDIS_URL)
    try:
        yield client
    except (RedisError, OSError) as exc:
        raise RulesUnavailable(f"Redis: {exc}") from exc
    finally:
        client.close()
