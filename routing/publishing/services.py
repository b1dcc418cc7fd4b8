"""Services: the writes of publishing. A draft becomes a version, a version is released, Redis follows."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime

import redis
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.db import transaction
from redis.exceptions import RedisError

from routing.common.redis.clients import sync_client
from routing.common.text import clean_block
from routing.domain.errors import PublishConflict, PublishRefused, RuleSetInvalid, RulesUnavailable
from routing.domain.release import Stage
from routing.domain.rules import RuleSet
from routing.models import RoutingSettings, RuleSetRelease, RuleSetVersion
from routing.publishing.codec import Publication, read_pointer, ruleset_dump, write_release
from routing.publishing.draft import changes_since, ruleset_build, same
from routing.publishing.selectors import (
    release_latest,
    release_number,
    release_row,
    ruleset_of,
    succeeded_at,
)
from routing.publishing.validation import ruleset_faults
from routing.publishing.yaml_files import restore_tables

logger = logging.getLogger(__name__)

Person = AbstractBaseUser | AnonymousUser | None

Check = Callable[[RuleSet, datetime | None], Iterable[str]]
"""Sentences on the faults of a valid candidate; none where it passes. A check may take seconds. The time
is that at which an old version ceased to be the newest: expectations made later are none of it."""

MAY_OVERRIDE = "routing.override_rulesetversion"
WHY_CHARS = 1_000
"""The longest reason that is kept."""
ATTEMPTS = 3
"""How often the tables are built anew when others publish meanwhile."""

Requirement = Callable[[RuleSet], Iterable[str]]
"""Sentences on what must hold before a set is released, by whomever. It is asked under the lock on publishing,
so it must be quick, and a writer of what it reads takes ``publishing_locked``."""

_checks: list[Check] = []
_requirements: list[Requirement] = []


@dataclass(frozen=True, slots=True)
class Target:
    """The reach of a publication at first: all, shadow, or ``percent`` of the users."""

    stage: Stage = Stage.ALL
    percent: int = 0

    def __post_init__(self) -> None:
        if (self.stage is Stage.PERCENT) != (self.percent != 0) or not 0 <= self.percent <= 99:
            raise ValueError("a share goes from 1 to 99 percent")


TO_ALL = Target()


def register_check(check: Check) -> Check:
    """Have every later publication pass ``check``; registering it again changes nothing."""
    if check not in _checks:
        _checks.append(check)
    return check


def register_requirement(requirement: Requirement) -> Requirement:
    """Have nothing released that does not meet it; nobody may override it. Registering it again changes
    nothing."""
    if requirement not in _requirements:
        _requirements.append(requirement)
    return requirement


def _require(candidate: RuleSet) -> None:
    """Raises ``RuleSetInvalid``."""
    if faults := tuple(fault for each in _requirements for fault in each(candidate)):
        raise RuleSetInvalid(faults)


def ruleset_publish(
    *, by: Person = None, why: str = "", override: str = "", target: Target = TO_ALL
) -> RuleSetVersion:
    """Publish the tables' rules, under a new number where they differ from the live version.

    Redis is written once the transaction is committed; its failure is logged and mended by the
    readers or ``rules_sync``. Raises ``RuleSetInvalid``, ``PublishRefused`` and, when others publish
    again and again meanwhile, ``PublishConflict``.
    """
    for _ in range(ATTEMPTS - 1):
        with suppress(PublishConflict):
            return _publish_tables(by, why, override, target)
    return _publish_tables(by, why, override, target)


def _publish_tables(by: Person, why: str, override: str, target: Target) -> RuleSetVersion:
    # The release is read before the tables: a publication in between has other tables, perhaps.
    prepared_on = release_number()
    return publish(
        ruleset_build(), by=by, why=why, override=override, target=target, prepared_on=prepared_on
    )


def publish(
    candidate: RuleSet,
    *,
    by: Person = None,
    why: str = "",
    override: str = "",
    target: Target = TO_ALL,
    prepared_on: int | None = None,
    restores: int | None = None,
    until: datetime | None = None,
) -> RuleSetVersion:
    """Make ``candidate`` the next version and release it; return the version.

    Nothing is written, and the live version returned, where both are the same and the target is all.
    ``override`` is the reason for publishing although checks fail, taken from those who may override
    them. ``prepared_on`` is the release that the candidate was built against: where another one is in
    force by now, ``PublishConflict`` is raised. ``restores`` is the version whose contents these are:
    a set that was valid once is not judged by later limits. ``until`` is passed to the checks. Raises
    ``RuleSetInvalid`` and ``PublishRefused``.
    """
    if restores is None and (faults := ruleset_faults(candidate)):
        raise RuleSetInvalid(faults)
    _require(candidate)
    # Checks may take seconds: they run before the transaction, which holds the lock on publishing.
    failed = tuple(failure for check in _checks for failure in check(candidate, until))
    if failed and not (override.strip() and may_override(by)):
        raise PublishRefused(failed)
    with transaction.atomic():
        before = release_locked(prepared_on)
        live = before.live if before else None
        if live and same(live, candidate) and target == TO_ALL:
            return live
        _require(candidate)
        version = RuleSetVersion(
            published_by_id=by.pk if by else None,
            why=clean_block(why, WHY_CHARS),
            override_reason=clean_block(override, WHY_CHARS) if failed else "",
            failures=list(failed),
            restores=restores,
        )
        # Numbered under the lock: of two publishers that race no two take one number.
        _number(version, candidate, live)
        release(version, before, target=target, by=by, why=version.why)
    logger.info("rules published", extra={"version": version.number, "stage": target.stage})
    return version


def _number(version: RuleSetVersion, candidate: RuleSet, live: RuleSetVersion | None) -> None:
    latest = RuleSetVersion.objects.first()
    version.number = latest.number + 1 if latest else 1
    version.blob = ruleset_dump(replace(candidate, version=version.number))
    version.diff = list(changes_since(live, candidate))
    version.save(force_insert=True)


def may_override(by: Person) -> bool:
    """Whether failing checks give way to the person's reason. ``None`` is the server's own operator, at
    the command line."""
    if by is None:
        return True
    return isinstance(by, PermissionsMixin) and by.has_perm(MAY_OVERRIDE)


def release_locked(prepared_on: int | None = None) -> RuleSetRelease | None:
    """The release in force, locked against other publishers until the transaction ends. Raises
    ``PublishConflict`` where it is not ``prepared_on``."""
    publishing_locked()
    before = RuleSetRelease.objects.select_related("live", "trial").first()
    if prepared_on is not None and (before.number if before else 0) != prepared_on:
        raise PublishConflict("Somebody else published meanwhile.")
    return before


def publishing_locked() -> None:
    """Hold up publishing until the transaction ends."""
    # The row of settings is there as long as anything can be published.
    RoutingSettings.objects.select_for_update().filter(pk=1).first()


def release(
    version: RuleSetVersion,
    before: RuleSetRelease | None,
    *,
    target: Target,
    by: Person = None,
    why: str = "",
) -> RuleSetRelease:
    """Add the step that releases ``version``; a trial needs another version to be live."""
    to_all = target.stage is Stage.ALL
    if not to_all and before is None:
        raise RuleSetInvalid(["Nothing is live yet: the first version goes to all users."])
    return RuleSetRelease.objects.create(
        number=before.number + 1 if before else 1,
        live=version if to_all or before is None else before.live,
        trial=None if to_all else version,
        stage=target.stage,
        percent=target.percent if target.stage is Stage.PERCENT else 0,
        released_by_id=by.pk if by else None,
        why=clean_block(why, WHY_CHARS),
    )


def ruleset_roll_back(
    version: RuleSetVersion, *, by: Person = None, why: str = "", override: str = ""
) -> RuleSetVersion:
    """Publish an old version's contents again, to all, as a new version.

    The tables follow where they held nothing unpublished; a draft is kept as it is. Expectations that
    are younger than the version do not hold it up: in an incident they must fail on it. Raises
    ``PublishRefused``, ``PublishConflict`` and, where the version can't be read, ``RulesUnavailable``.
    """
    before, candidate = release_row(), ruleset_of(version)
    # The release was read first: a publication in the meantime refuses the roll-back.
    published = publish(
        candidate,
        by=by,
        why=why or f"Back to version {version.number}.",
        override=override,
        prepared_on=before.number if before else 0,
        restores=version.number,
        until=succeeded_at(version),
    )
    if before:
        _restore(candidate, left=before.live)
    return published


@transaction.atomic
def _restore(candidate: RuleSet, *, left: RuleSetVersion) -> None:
    """Write the live rules into the tables, unless these differ from the version that was left."""
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
    _require(ruleset_of(version))
    return release(version, before, target=target, by=by, why=why)


@transaction.atomic
def trial_end(*, by: Person = None, why: str = "") -> RuleSetRelease | None:
    """Take the version on trial back: the live one answers all users. Returns the release in force,
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
        # Before the database is read: a publication in between has moved the pointer, and is not undone.
        seen = read_pointer(client, settings.REDIS_PREFIX)
        latest = release_latest()
        if latest is None:
            raise RulesUnavailable("no rules were ever published")
        made = Publication(latest)
        if made.pointer != seen:
            write_release(client, settings.REDIS_PREFIX, made, seen=seen)
    return latest.live.version


def rules_sync_or_log() -> None:
    """``rules_sync`` without a caller to tell: readers mend its failures."""
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
