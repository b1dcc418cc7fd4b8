"""Order of the rules: a rule is moved to another place by a button, or by dragging its row.

Only the moved rule gets another priority where the numbers of its new neighbours leave room; else all
are numbered anew, in steps of ten.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from routing.admin.publishing import BanneredAdmin
from routing.models import Rule

STEP, MOST = 10, 32_767


def moved_priorities(priorities: Sequence[int], start: int, place: int) -> list[int]:
    """The priorities of all in their new order, after the one at ``start`` went to ``place``."""
    others = [*priorities[:start], *priorities[start + 1 :]]
    low = others[place - 1] if place else -1
    high = others[place] if place < len(others) else min(low + 2 * STEP, MOST + 1)
    if high - low < 2:
        return [STEP * number for number in range(1, len(priorities) + 1)]
    return [*others[:place], (low + high) // 2, *others[place:]]


def add_places(rows: Sequence[Any]) -> None:
    """Give each rule of a list its place among all, counted from 0."""
    ordered = Rule.objects.order_by("priority", "name").values_list("pk", flat=True)
    places = {key: place for place, key in enumerate(ordered)}
    for row in rows:
        row.place = places.get(row.pk, 0)


def order_view(page: BanneredAdmin[Any], request: HttpRequest) -> HttpResponseRedirect:
    """Move the rule of the posted ``move``, ``key:place``, in the draft."""
    if not page.has_change_permission(request):
        raise PermissionDenied
    key, _, place = request.POST.get("move", "")[:40].partition(":")
    with transaction.atomic():
        rules = list(Rule.objects.select_for_update().order_by("priority", "name"))
        start = next((at for at, rule in enumerate(rules) if str(rule.pk) == key), None)
        if start is not None and place.isdecimal():
            _move(page, request, rules, start, min(int(place), len(rules) - 1))
    return HttpResponseRedirect(reverse("admin:routing_rule_changelist"))


def _move(
    page: BanneredAdmin[Any], request: HttpRequest, rules: list[Rule], start: int, place: int
) -> None:
    if start == place:
        return
    numbers = moved_priorities([rule.priority for rule in rules], start, place)
    moved = rules.pop(start)
    rules.insert(place, moved)
    for rule, number in zip(rules, numbers, strict=True):
        if rule.priority != number:
            rule.priority, rule.revision = number, rule.revision + 1
            rule.save(update_fields=["priority", "revision"])
            page.log_change(request, rule, [{"changed": {"fields": ["Priority"]}}])
    messages.info(
        request, f"“{moved}” moved in the draft: nothing live changes until it is published."
    )
