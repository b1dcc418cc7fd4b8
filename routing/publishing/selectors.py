"""Reads of the published versions and releases."""

from __future__ import annotations

from datetime import datetime

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from routing.domain.errors import RulesUnavailable
from routing.domain.release import Release, Stage
from routing.domain.rules import RuleSet
from routing.models import RuleSetRelease, RuleSetVersion
from routing.publishing.codec import ruleset_load


def release_row() -> RuleSetRelease | None:
    """The release in force, with its versions; ``None`` before the first."""
    return RuleSetRelease.objects.select_related("live", "trial").first()


def live_since(release: RuleSetRelease) -> datetime:
    """The time of the first release of an unbroken row with the same live version."""
    others = RuleSetRelease.objects.exclude(live=release.live_id)
    before = others.filter(number__lt=release.number).values_list("number", flat=True).first() or 0
    row = RuleSetRelease.objects.filter(number__gt=before, number__lte=release.number)
    return row.order_by("number").values_list("released_at", flat=True)[0]


def succeeded_at(version: RuleSetVersion) -> datetime | None:
    """The time at which a newer version was published; ``None`` for the newest."""
    newer = RuleSetVersion.objects.filter(number__gt=version.number).order_by("number")
    return newer.values_list("published_at", flat=True).first()


def release_number() -> int:
    """The number of the release in force, 0 before the first."""
    return RuleSetRelease.objects.values_list("number", flat=True).first() or 0


def release_latest() -> Release | None:
    """The release in force; ``None`` before the first. Raises ``RulesUnavailable`` when one of its
    versions was written by another program version and can't be read."""
    row = release_row()
    if row is None:
        return None
    return Release(
        row.number,
        live=ruleset_of(row.live),
        trial=ruleset_of(row.trial) if row.trial else None,
        stage=Stage(row.stage),
        percent=row.percent,
    )


def ruleset_of(row: RuleSetVersion) -> RuleSet:
    """A version's rules. Raises ``RulesUnavailable`` when they can't be read."""
    try:
        return ruleset_load(row.blob)
    except ValueError as exc:
        raise RulesUnavailable(f"version {row.number} is not readable: {exc}") from exc


@sync_to_async
def release_latest_async() -> Release | None:
    """``release_latest`` for the event loop; leaves no connection behind in its thread."""
    try:
        return release_latest()
    finally:
        close_old_connections()
