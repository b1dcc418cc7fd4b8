"""Writes of the rules: publishing the draft, releasing in steps, rolling back, and Redis."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import redis
from django.conf import settings
from django.db import transaction
from redis.exceptions import RedisError

from routing.common.redis.clients import sync_client
from routing.domain.errors import PublishConflict, RuleSetInvalid, RulesUnavailable
from routing.domain.release import Stage
from routing.domain.rules import RuleSet
from routing.models import RuleSetRelease, RuleSetVersion
from routing.publishing.from_tables import ruleset_from_tables
from routing.publishing.redis_format import Publication, read_pointer, write_release
from routing.publishing.restore import restore_tables
from routing.publishing.selectors import release_latest, release_number, release_row, ruleset_of
from routing.publishing.versions import (
    TO_ALL,
    Person,
    Target,
    publish,
    release,
    release_locked,
    same,
)

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often the tables are built anew when somebody publishes meanwhile."""


def ruleset_build() -> RuleSet:
    """The set that the tables describe now, as version 0. Raises ``RuleSetInvalid``."""
    return ruleset_from_tables()


def ruleset_publish(
    *, by: Person = None, why: str = "", override: str = "", target: Target = TO_ALL
) -> RuleSetVersion:
    """Publish what the tables say, under a new number where it differs from the live version.

    Redis is told once the transaction is committed; its failure is logged and mended by the
    readers or ``rules_sync``. Raises ``RuleSetInvalid``, ``PublishRefused`` and, when others publish
    again and again meanwhile, ``PublishConflict``.
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(PublishConflict):
            return _publish_tables(by, why, override, target)
    return _publish_tables(by, why, override, target)


def _publish_tables(by: Person, why: str, override: str, target: Target) -> RuleSetVersion:
    # The release is read before the tables: who publishes in between has other tables, perhaps.
    prepared_on = release_number()
    return publish(
        ruleset_build(), by=by, why=why, override=override, target=target, prepared_on=prepared_on
    )


def ruleset_roll_back(
    version: RuleSetVersion, *, by: Person = None, why: str = "", override: str = ""
) -> RuleSetVersion:
    """Publish an old version's contents again, to all, as a new version.

    The tables follow where they held nothing unpublished; a draft is kept as it is. Raises
    ``PublishRefused``, ``PublishConflict`` and, where the version can't be read, ``RulesUnavailable``.
    """
    before, candidate = release_row(), ruleset_of(version)
    published = publish(
        candidate,
        by=by,
        why=why or f"Back to version {version.number}.",
        override=override,
        prepared_on=before.number if before else 0,
        restores=version.number,
    )
    if before:
        _follow(candidate, left=before.live)
    return published


@transaction.atomic
def _follow(candidate: RuleSet, *, left: RuleSetVersion) -> None:
    """Have the tables say what is live again, unless they hold more than the version that was left."""
    with suppress(RuleSetInvalid):
        if same(left, ruleset_build()):
            restore_tables(candidate)


@transaction.atomic
def version_release(
    version: RuleSetVersion, *, target: Target, by: Person = None, why: str = ""
) -> RuleSetRelease:
    """Release a published version to all, to a share of the users, or in shadow. Raises
    ``RuleSetInvalid`` where it is live already."""
    before = release_locked()
    if before and before.live_id == version.number:
        raise RuleSetInvalid([f"Version {version.number} is live for all users already."])
    return release(version, before, target=target, by=by, why=why)


@transaction.atomic
def trial_end(*, by: Person = None, why: str = "") -> RuleSetRelease | None:
    """Take the version on trial back: the live one answers everybody. Returns the release in force,
    unchanged where there was no trial."""
    before = release_locked()
    if before is None or before.stage == Stage.ALL:
        return before
    return release(before.live, before, target=TO_ALL, by=by, why=why)


def rules_sync() -> int:
    """Bring Redis up to the database's release and return the live version's number.

    Raises ``RulesUnavailable`` when nothing was ever published or Redis does not take it.
    """
    with _redis() as client:
        seen = read_pointer(client, settings.REDIS_PREFIX)
        latest = release_latest()
        if latest is None:
            raise RulesUnavailable("no rules were ever published")
        made = Publication(latest)
        if made.pointer != seen:
            write_release(client, settings.REDIS_PREFIX, made, seen=seen)
    return latest.live.version


def rules_sync_or_log() -> None:
    """``rules_sync`` where nobody waits for it: readers mend what it could not do."""
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
