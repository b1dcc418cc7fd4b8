"""Writes of the rules: building, publishing, and bringing Redis up to date."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import redis
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from redis.exceptions import RedisError

from routing.building import ruleset_from_tables
from routing.domain import RuleSet
from routing.errors import RuleSetInvalid, RulesUnavailable
from routing.models import RoutingSettings, RuleSetVersion
from routing.published import Blob, publish_blob, read_pointer
from routing.redis_clients import sync_client
from routing.selectors import ruleset_latest

logger = logging.getLogger(__name__)


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


def ruleset_publish(*, by: AbstractBaseUser | None = None) -> RuleSetVersion:
    """Publish what the tables say, under a new number where it differs from the latest version.

    Redis is told once the transaction is committed; its failure is logged and mended by the
    readers or ``rules_sync``. Raises ``RuleSetInvalid``.
    """
    with transaction.atomic():
        # Without the lock, a publisher that read the tables earlier could publish them later.
        RoutingSettings.objects.select_for_update().filter(pk=1).first()
        rules = ruleset_build()
        latest = RuleSetVersion.objects.order_by("-number").first()
        if latest is None or latest.blob != _blob(rules, latest.number):
            number = latest.number + 1 if latest else 1
            latest = RuleSetVersion.objects.create(
                number=number, blob=_blob(rules, number), published_by_id=by.pk if by else None
            )
            logger.info("rules published", extra={"version": number})
        transaction.on_commit(_sync_or_log)
    return latest


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
    differs = latest is None or latest.blob != _blob(rules, latest.number)
    return PublishState(number, published_at, differs, faults=())


def _blob(rules: RuleSet, number: int) -> dict[str, Any]:
    return replace(rules, version=number).to_dict()


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
