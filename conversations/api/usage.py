"""``GET /usage/``: tokens and money, by day, model, rule, key, end user or purpose; as JSON or CSV."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from conversations.api.key_limits import limit_objects
from conversations.api.requests import field_fault
from conversations.domain.api_keys import Caller, Scope
from conversations.usage.days import day_of
from conversations.usage.report import GROUPS, csv_report, usage_report
from routing.common.translatable import Translatable, counted

DAYS, MOST_DAYS = 30, 400
OWN = "me"
PARAMETERS = ("group_by", "from", "to", "user", "format")
"""Names in an address; ``format`` is the framework's, beside the header ``Accept``."""


class CSVRenderer(BaseRenderer):
    """The rows without the total."""

    media_type, format, charset = "text/csv", "csv", "utf-8"

    def render(self, data: Any, *_: Any, **__: Any) -> bytes:
        """A line for each row, the names first."""
        if "rows" not in data:  # a problem
            return JSONRenderer().render(data)
        return csv_report(data["group_by"], data["rows"], data["total"]).encode()


class UsageRow(serializers.Serializer[Any]):
    """Sums, beside the columns of ``group_by``."""

    requests = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField(help_text="A part of the input.")
    reasoning_tokens = serializers.IntegerField(help_text="A part of the output.")
    cost_usd = serializers.CharField(help_text="US dollars, with nine decimals.")
    unpriced = serializers.IntegerField(help_text="Calls of unknown price: not in the cost.")
    estimated = serializers.IntegerField(help_text="Calls whose tokens are our own count.")
    day = serializers.DateField(required=False)
    model = serializers.CharField(required=False)
    rule = serializers.CharField(required=False)
    key = serializers.UUIDField(required=False, allow_null=True)
    key_name = serializers.CharField(required=False)
    end_user = serializers.CharField(required=False)
    purpose = serializers.CharField(required=False)
    user = serializers.IntegerField(required=False, allow_null=True)
    user_name = serializers.CharField(required=False)


class UsageReport(serializers.Serializer[Any]):
    """The rows by ``group_by``, and their total."""

    group_by = serializers.ListField(child=serializers.ChoiceField(choices=GROUPS))
    first = serializers.DateField()
    last = serializers.DateField()
    rows = UsageRow(many=True)
    total = UsageRow()
    limits = serializers.ListField(
        child=serializers.DictField(),
        required=False,
        help_text="With `user=me`: every limit that holds for the caller, as `/keys/current/` tells it.",
    )


def _parameter(name: str, schema: Mapping[str, Any], description: str) -> OpenApiParameter:
    return OpenApiParameter(name, dict(schema), description=description)


class UsageView(APIView):
    """A person's own usage; everybody's for staff."""

    scopes = (Scope.USAGE,)
    renderer_classes = (JSONRenderer, CSVRenderer)

    @extend_schema(
        operation_id="read_usage",
        summary="Sum up tokens and money.",
        tags=["usage"],
        parameters=[
            _parameter(
                "group_by",
                {"type": "string", "pattern": f"^({'|'.join(GROUPS)})(,({'|'.join(GROUPS)}))*$"},
                "One or more of the columns, with commas between; `day` by default.",
            ),
            _parameter(
                "from",
                {"type": "string", "format": "date"},
                f"The first day; {DAYS} days to the last by default.",
            ),
            _parameter(
                "to", {"type": "string", "format": "date"}, "The last day; today by default."
            ),
            _parameter(
                "user",
                {"type": "string", "pattern": f"^({OWN}|[1-9][0-9]{{0,17}})$"},
                f"For staff: one person. `{OWN}`: oneself, with `limits`.",
            ),
        ],
        responses=UsageReport,
    )
    def get(self, request: Request) -> Response:
        """Sum the ledger up. Days are those of the time zone of limits."""
        caller: Caller = request.auth  # type: ignore[assignment]  # set by ``BearerAuthentication``
        _check_names(request)
        staff = _is_staff(caller.user)
        by, (first, last) = _groups(request, staff=staff), _days(request)
        own = request.query_params.get("user") == OWN
        user = _user(request) if staff and not own else caller.user
        rows, total = usage_report(user=user, by=by, first=first, last=last)
        body = {"group_by": by, "first": first, "last": last, "rows": rows, "total": total}
        if own:
            body["limits"] = limit_objects(caller)
        return Response(body, headers={"Cache-Control": "no-store"})


def _check_names(request: Request) -> None:
    """A mistyped name must not widen a report in silence. Raises ``BadRequest``."""
    if unknown := sorted(set(request.query_params) - set(PARAMETERS)):
        raise field_fault(
            unknown[0][:64],
            "unknown",
            Translatable("Must be some of {values}.", values=", ".join(PARAMETERS)),
        )


def _groups(request: Request, *, staff: bool) -> list[str]:
    names = list(dict.fromkeys(request.query_params.get("group_by", "day").split(",")))
    if not set(names) <= set(GROUPS):
        raise field_fault(
            "group_by",
            "invalid",
            Translatable("Must be some of {values}.", values=", ".join(GROUPS)),
        )
    if "user" in names and not staff:
        raise field_fault("group_by", "forbidden", "Only staff may group by user.")
    return names


def _days(request: Request) -> tuple[date, date]:
    last = _day(request, "to") or day_of(timezone.now())
    first = _day(request, "from") or last - timedelta(days=DAYS - 1)
    if not 0 <= (last - first).days < MOST_DAYS:
        raise field_fault(
            "from",
            "invalid",
            counted(
                "Must be up to {count} day before the last day.",
                "Must be up to {count} days before the last day.",
                count=MOST_DAYS,
            ),
        )
    return first, last


def _day(request: Request, name: str) -> date | None:
    given = request.query_params.get(name)
    if given is None:
        return None
    try:
        day = date.fromisoformat(given)
    except ValueError:
        day = None
    # Python takes weeks, and whatever follows eight digits, for a day, too.
    if day is None or day.isoformat() != given or not 2000 <= day.year < 2200:
        raise field_fault(name, "invalid", "Must be a day such as 2026-11-28.")
    return day


def _user(request: Request) -> int | None:
    given = request.query_params.get("user")
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and 0 < int(given[:20]) < 2**63):
        raise field_fault("user", "invalid", "Must be the number of a person, or me.")
    return int(given)


def _is_staff(user: int) -> bool:
    people = get_user_model().objects
    return people.filter(pk=user, is_active=True, is_staff=True).exists()
