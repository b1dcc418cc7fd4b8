"""Publishing: the one way by which a rule set becomes a version and goes live."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.db import transaction

from routing.domain.errors import PublishConflict, PublishRefused, RuleSetInvalid
from routing.domain.release import Stage
from routing.domain.rules import RuleSet
from routing.models import RoutingSettings, RuleSetRelease, RuleSetVersion
from routing.publishing import checks
from routing.publishing.diff import differences
from routing.publishing.validation import ruleset_faults

logger = logging.getLogger(__name__)

Person = AbstractBaseUser | AnonymousUser | None

MAY_OVERRIDE = "routing.override_rulesetversion"


@dataclass(frozen=True, slots=True)
class Target:
    """How far a publication goes at first: to all, in shadow, or to ``percent`` of the users."""

    stage: Stage = Stage.ALL
    percent: int = 0


TO_ALL = Target()


def publish(
    candidate: RuleSet,
    *,
    by: Person = None,
    why: str = "",
    override: str = "",
    target: Target = TO_ALL,
    prepared_on: int | None = None,
    restores: int | None = None,
) -> RuleSetVersion:
    """Make ``candidate`` the next version and release it; return the version.

    Nothing is written, and the live version returned, where it says the same and goes to all. The
    checks run first and outside any transaction: ``override`` is the reason for publishing although
    they fail, taken from those who may override them. ``prepared_on`` is the release that the candidate was built against: where another one
    is in force by now, ``PublishConflict`` is raised. ``restores`` is the version whose contents these
    are: what was valid once is not judged by later limits. Raises ``RuleSetInvalid`` and
    ``PublishRefused``.
    """
    if restores is None and (faults := ruleset_faults(candidate)):
        raise RuleSetInvalid(faults)
    failed = checks.failures(candidate)
    if failed and not (override.strip() and may_override(by)):
        raise PublishRefused(failed)
    with transaction.atomic():
        before = release_locked(prepared_on)
        live = before.live if before else None
        if live and same(live, candidate) and target == TO_ALL:
            return live
        version = RuleSetVersion(
            published_by_id=by.pk if by else None,
            why=why.strip(),
            override_reason=override.strip() if failed else "",
            failures=list(failed),
            restores=restores,
        )
        _numbered(version, candidate, live)
        release(version, before, target=target, by=by, why=version.why)
    logger.info("rules published", extra={"version": version.number, "stage": target.stage})
    return version


def may_override(by: Person) -> bool:
    """Whether failing checks give way to the person's reason. Nobody stands for the server's own
    operator, at the command line."""
    if by is None:
        return True
    return isinstance(by, PermissionsMixin) and by.has_perm(MAY_OVERRIDE)


def release_locked(prepared_on: int | None = None) -> RuleSetRelease | None:
    """The release in force, held against others until the transaction ends. Raises ``PublishConflict``
    where it is not ``prepared_on``."""
    # The row of settings is there as long as anything can be published.
    RoutingSettings.objects.select_for_update().filter(pk=1).first()
    before = RuleSetRelease.objects.select_related("live", "trial").first()
    if prepared_on is not None and (before.number if before else 0) != prepared_on:
        raise PublishConflict("Somebody else published meanwhile.")
    return before


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
        why=why.strip(),
    )


def same(version: RuleSetVersion, candidate: RuleSet) -> bool:
    """Whether the version says what the candidate says. One stored before a setting was known says its
    default; one that can't be read says something else."""
    try:
        stored = RuleSet.from_dict(version.blob)
    except (ValueError, TypeError, KeyError, AttributeError):
        return False
    return stored == replace(candidate, version=version.number)


def blob(rules: RuleSet, number: int) -> dict[str, Any]:
    """The rules as they are stored under a number."""
    return replace(rules, version=number).to_dict()


def words_since(live: RuleSetVersion | None, candidate: RuleSet) -> Sequence[str]:
    """What the candidate changes, in sentences."""
    return differences(RuleSet.from_dict(live.blob) if live else None, candidate)


def _numbered(version: RuleSetVersion, candidate: RuleSet, live: RuleSetVersion | None) -> None:
    latest = RuleSetVersion.objects.first()
    version.number = latest.number + 1 if latest else 1
    version.blob = blob(candidate, version.number)
    version.diff = list(words_since(live, candidate))
    version.save(force_insert=True)
