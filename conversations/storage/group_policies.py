"""Selectors of the rights of groups: read as one table, and the defaults of a person's new keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.utils import timezone

from conversations.db.table_version import table_version
from conversations.domain.api_keys import DEFAULT_SCOPES
from conversations.models import GroupPolicy
from routing.domain.access import Access
from routing.domain.rules import plain_name

Names = frozenset[str] | None


@dataclass(frozen=True, slots=True)
class PolicyTable:
    """The policies that restrict, by the group's name. ``version`` changes with any of them."""

    version: tuple[Any, ...] = ()
    models: Mapping[str, Names] = field(default_factory=dict)
    rules: Mapping[str, Names] = field(default_factory=dict)

    @property
    def restricts(self) -> bool:
        """Whether any group restricts its members."""
        return bool(self.models or self.rules)

    @property
    def groups(self) -> frozenset[str]:
        """The groups that restrict."""
        return frozenset({*self.models, *self.rules})

    def access(self, groups: frozenset[str]) -> Access:
        """The rights of a member of all of ``groups``."""
        return Access(groups, _union(self.models, groups), _union(self.rules, groups))


def _union(lists: Mapping[str, Names], groups: frozenset[str]) -> Names:
    """All that one of the groups names; ``None`` where none of them has a list."""
    found = [names for group, names in lists.items() if group in groups and names is not None]
    return frozenset[str]().union(*found) if found else None


def read_policies(held: PolicyTable | None = None) -> PolicyTable:
    """The policies in force; ``held`` itself where nothing can have changed since."""
    # A group that is renamed changes no policy.
    names = tuple(Group.objects.filter(policy__isnull=False).values_list("name"))
    version = *table_version(GroupPolicy.objects.all()), names
    if held and held.version == version:
        return held
    rows = list(GroupPolicy.objects.select_related("group"))
    return PolicyTable(
        version,
        {
            row.group.name: frozenset(map(plain_name, row.allowed_models))
            for row in rows
            if row.allowed_models
        },
        {row.group.name: frozenset(row.allowed_rules) for row in rows if row.allowed_rules},
    )


def group_names(user: int) -> frozenset[str]:
    """The names of a person's groups."""
    return frozenset(Group.objects.filter(user=user).values_list("name", flat=True))


def key_defaults(user: int) -> dict[str, Any]:
    """The fields of a person's new key, where nothing else is asked for: all that one of its groups gives,
    and the longest life; the usual ones without groups that say anything."""
    rows = list(GroupPolicy.objects.filter(group__user=user))
    scopes = {scope for row in rows for scope in row.key_scopes or ()}
    models = _joined(row.key_models for row in rows)
    days = max((row.key_days for row in rows if row.key_days), default=None)
    return {
        "scopes": sorted(scopes or DEFAULT_SCOPES),
        "model_names": models,
        "expires_at": timezone.now() + timedelta(days=days) if days else None,
    }


def _joined(lists: Iterable[Any]) -> list[str] | None:
    found = [names for names in lists if names]
    return sorted({name for names in found for name in names}) or None
