"""Reads of the rules' tables."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from routing.domain import RuleSet
from routing.errors import RulesUnavailable
from routing.models import RuleSetRelease, RuleSetVersion


def ruleset_latest() -> RuleSet | None:
    """The version published last; ``None`` when there is none.

    Raises ``RulesUnavailable`` when it was written by another release and can't be read.
    """
    row = RuleSetVersion.objects.order_by("-number").first()
    if row is None:
        return None
    try:
        return RuleSet.from_dict(row.blob)
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise RulesUnavailable(f"version {row.number} is not readable: {exc}") from exc


def release_number() -> int:
    """The number of the release in force, 0 before the first."""
    return RuleSetRelease.objects.values_list("number", flat=True).first() or 0


@sync_to_async
def ruleset_latest_async() -> RuleSet | None:
    """The same, for the event loop; leaves no connection behind in its thread."""
    try:
        return ruleset_latest()
    finally:
        close_old_connections()
