"""Usage page: who spent what on which model, rule, key and day, by sums of the ledger; as a table and as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from conversations.admin.pages import bannered_page, require_permissions
from conversations.stats.charts import PURPOSES, saved_by_day
from conversations.stats.pending import add_up_if_possible
from conversations.stats.period import Period
from conversations.usage.days import day_of
from conversations.usage.report import GROUPS, Row, csv_report, usage_report
from routing.common.admin import Admin

MAY_SEE, MAY_NAME = "conversations.view_ledgerentry", "auth.view_user"
SHOWN = 500
"""Rows of the page; the file has all of the report."""
_BY = ("user", "model")
_MOST_CHARS = 512
_NAMED = {"user": "user_name", "key": "key_name"}


@dataclass(frozen=True, slots=True)
class Selection:
    """The period, the groups and the values that an address asks for."""

    period: Period
    by: Sequence[str]
    only: Mapping[str, Any]

    @classmethod
    def of(cls, request: HttpRequest) -> Selection:
        """Malformed parts of the address are ignored."""
        query = request.GET
        period = Period.of(query, today=day_of(timezone.now()))
        by = [name for name in GROUPS if name in query.getlist("by")]
        given = {name: query[name] for name in GROUPS if name in query and name != "day"}
        read = {name: _value(name, text) for name, text in given.items()}
        only = {name: value for name, value in read.items() if value is not ...}
        return cls(period, by or _BY, only)

    def query(self, **changes: Any) -> str:
        """The address of it, with these values instead; ``...`` leaves one out."""
        only = {name: value for name, value in {**self.only, **changes}.items() if value is not ...}
        days = {"from": self.period.first, "to": self.period.last}
        told = {name: "" if value is None else value for name, value in only.items()}
        return urlencode({**days, "by": self.by, **told}, doseq=True)

    def report(self, by: Sequence[str]) -> tuple[list[Row], Row]:
        """The ledger's sums of it, by these groups."""
        first, last = self.period.first, self.period.last
        return usage_report(user=None, by=by, first=first, last=last, only=self.only)


def _value(name: str, text: str) -> Any:
    """The value of a column, ``None`` for none; ``...`` for what cannot be one."""
    if name not in _NAMED:
        return text[:_MOST_CHARS]
    if not text:
        return None
    if name == "user":
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else ...
    try:
        return UUID(text)
    except ValueError:
        return ...


def usage_view(page: Admin[Any], request: HttpRequest) -> HttpResponse:
    """The sums of a selection, the dearest first; each value leads to its own part."""
    require_permissions(request, MAY_SEE)
    add_up_if_possible()
    selection = Selection.of(request)
    rows, total = _named(request, *selection.report(selection.by))
    if "day" not in selection.by:
        rows.sort(key=lambda row: Decimal(row["cost_usd"]), reverse=True)
    # Rows of other groups are finer than the sums that hold purposes.
    purposes = rows if list(selection.by) == ["purpose"] else selection.report(["purpose"])[0]
    context = {
        "title": "Usage",
        "period": selection.period,
        "zone": settings.LIMITS_TIME_ZONE,
        "groups": [(name, _title(name), name in selection.by) for name in GROUPS],
        "heads": [_title(name) for name in selection.by],
        "rows": [(_cells(selection, row), row) for row in rows[:SHOWN]],
        "hidden": max(0, len(rows) - SHOWN),
        "total": total,
        "purposes": [(PURPOSES.get(row["purpose"], "Without a call"), row) for row in purposes],
        "saved": None if selection.only else sum(saved_by_day(selection.period)),
        "only": [(_title(name), _shown(name, {name: value, **_names(rows, name)}), selection.query(**{name: ...})) for name, value in selection.only.items()],
        "kept": [(name, "" if value is None else value) for name, value in selection.only.items()],
        "query": selection.query(),
    }  # fmt: skip
    return bannered_page(page, request, "usage", context)


def usage_csv_view(page: Admin[Any], request: HttpRequest) -> HttpResponse:
    """The same rows as CSV."""
    require_permissions(request, MAY_SEE)
    selection = Selection.of(request)
    rows, total = _named(request, *selection.report(selection.by))
    file = f"usage-{selection.period.first}-{selection.period.last}.csv"
    return HttpResponse(
        csv_report(selection.by, rows, total),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


def _named(request: HttpRequest, rows: list[Row], total: Row) -> tuple[list[Row], Row]:
    """People have names for those who may see them."""
    if not request.user.has_perm(MAY_NAME):
        rows = [row | {"user_name": ""} if "user" in row else row for row in rows]
    return rows, total


def _names(rows: Sequence[Row], name: str) -> Row:
    named = _NAMED.get(name, "")
    return {named: rows[0][named]} if rows and named in rows[0] else {}


def _title(name: str) -> str:
    titles = {"user": "Person", "key": "API key", "end_user": "End user", "purpose": "What for"}
    return titles.get(name, name.capitalize())


def _cells(selection: Selection, row: Row) -> list[tuple[str, str]]:
    """The text of each group, and the address of its part; a day is a period."""
    return [
        (_shown(name, row), "" if name == "day" else selection.query(**{name: row[name]}))
        for name in selection.by
    ]


def _shown(name: str, row: Row) -> str:
    if name == "purpose":
        return PURPOSES.get(row[name], "(no call)")
    return str(row.get(_NAMED.get(name, "")) or row[name] or "(none)")
