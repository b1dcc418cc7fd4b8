"""Filters of the history's pages: their choices cost no scan of the messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from conversations.models import ModelPerformance
from routing.common.admin import DropdownFilter
from routing.domain.actions import Action
from routing.domain.rules import Source
from routing.models import RuleSetVersion


class ColumnFilter(DropdownFilter):
    """Equality with one column, named as the parameter."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return [(value, value) for value in self.values()]

    def values(self) -> Iterable[str]:
        """The column's possible values."""
        raise NotImplementedError

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        value = self.value()
        return queryset.filter(**{self.parameter_name or "": value}) if value else queryset


class ActionFilter(ColumnFilter):
    title = "action"
    parameter_name = "action"

    def values(self) -> Iterable[str]:
        return [member.value for member in Action]


class SourceFilter(ColumnFilter):
    title = "who decided"
    parameter_name = "source"

    def values(self) -> Iterable[str]:
        return [member.value for member in Source]


class CacheFilter(ColumnFilter):
    title = "cache outcome"
    parameter_name = "cache_outcome"

    def values(self) -> Iterable[str]:
        return ("exact", "semantic", "miss", "bypass")


class GuardFilter(ColumnFilter):
    """Answers to prompts that the guard marked, by its verdict and by a reviewer's."""

    title = "guard"
    parameter_name = "guard"
    CHOICES: ClassVar[dict[str, Q]] = {
        "to be reviewed": Q(guard__verdict__in=("flag", "block")) & Q(guard__review__isnull=True),
        "flagged": Q(guard__verdict="flag"),
        "blocked": Q(guard__verdict="block"),
        "reviewed as an attack": Q(guard__review="attack"),
        "reviewed as harmless": Q(guard__review="harmless"),
    }

    def values(self) -> Iterable[str]:
        return self.CHOICES

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        chosen = self.CHOICES.get(self.value() or "")
        return queryset.filter(chosen) if chosen is not None else queryset


class SeenFilter(ColumnFilter):
    """Values in use, read from the daily sums, a small table."""

    def values(self) -> Iterable[str]:
        name = self.parameter_name or ""
        seen = ModelPerformance.objects.exclude(**{name: ""})
        return seen.order_by(name).values_list(name, flat=True).distinct()


class ModelFilter(SeenFilter):
    title = "model"
    parameter_name = "model"


class RuleFilter(SeenFilter):
    title = "rule"
    parameter_name = "rule"


class VersionFilter(ColumnFilter):
    """Answers that one published version decided."""

    title = "version"
    parameter_name = "ruleset"

    def values(self) -> Iterable[str]:
        return map(str, RuleSetVersion.objects.values_list("number", flat=True)[:50])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        value = self.value() or ""
        return queryset.filter(ruleset=int(value)) if value.isdecimal() else queryset


class PeriodFilter(DropdownFilter):
    """The last days up to today (UTC). A range of dates says it more exactly."""

    title = "period"
    parameter_name = "period"
    DAYS: ClassVar[dict[str, int]] = {"Today": 1, "Last 7 days": 7, "Last 30 days": 30}

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        return [(str(days), name) for name, days in self.DAYS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        days = self.value()
        if days not in set(map(str, self.DAYS.values())):
            return queryset
        first = timezone.now().date() - timedelta(days=int(days or 0) - 1)
        return queryset.filter(day__gte=first)
