"""Limits of API keys in the API: read from a request, checked against the maker's, and shown."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from conversations.api.requests import field_fault
from conversations.api.schemas import StrictSerializer, TextField
from conversations.domain.api_keys import Caller
from conversations.domain.booking import Account
from conversations.domain.errors import BadRequest
from conversations.models import APIKey, Limit
from conversations.storage.key_limits import (
    KeyLimit,
    key_limits,
)
from conversations.usage.days import limit_zone
from conversations.usage.key_makers import makers_of
from conversations.usage.report import dollars
from conversations.usage.states import LimitState, limit_states, limits_of
from routing.common.translatable import Translatable
from routing.domain.limits import BILLION, AppliedLimit, LimitScope, LimitUnit, LimitWindow
from routing.domain.rules import plain_names

MAX_MODELS = 100


@extend_schema_field({"type": ["string", "number"], "description": "Whole, but of `usd`."})
class AmountField(serializers.DecimalField):
    """Amount of a limit: told as a number, or as text where it is money."""


class KeyLimitSerializer(StrictSerializer):
    """A limit of the key itself. ``set_by`` is `owner` or `staff`; an owner changes the owner's alone."""

    scope = serializers.ChoiceField(choices=[LimitScope.KEY.value], required=False)
    unit = serializers.ChoiceField(choices=[unit.value for unit in LimitUnit])
    window = serializers.ChoiceField(
        choices=[window.value for window in LimitWindow],
        required=False,
        help_text="Required, but of `concurrent`, which has none.",
    )
    amount = AmountField(
        max_digits=18, decimal_places=6, min_value=Decimal(0), help_text="Of `usd` up to a million."
    )
    models = serializers.ListField(
        child=TextField(max_length=96),
        required=False,
        allow_null=True,
        allow_empty=False,
        min_length=1,
        max_length=MAX_MODELS,
        help_text="Only calls of these models count; null: of all.",
    )
    at_limit = serializers.ChoiceField(choices=Limit.AtLimit.values, required=False)
    set_by = serializers.ChoiceField(choices=["owner", "staff"], read_only=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Raises ``ValidationError`` for a limit that the table would not take."""
        if attrs["unit"] == LimitUnit.CONCURRENT:
            attrs["window"] = LimitWindow.TOTAL.value
        elif "window" not in attrs:
            raise serializers.ValidationError({"window": Translatable("Required for this unit.")})
        row = Limit(scope=LimitScope.KEY, **asked_limit(attrs).columns)
        try:
            row.full_clean(exclude=["key", "user", "group"], validate_constraints=False)
        except ValidationError as error:
            raise serializers.ValidationError(error.message_dict) from error
        return attrs

    def to_representation(self, instance: Limit) -> dict[str, Any]:
        """The limit as it is asked for."""
        money = instance.unit == LimitUnit.USD
        return {
            "scope": LimitScope.KEY.value,
            "unit": instance.unit,
            "window": instance.window,
            "amount": dollars(int(instance.amount * BILLION)) if money else int(instance.amount),
            "models": instance.model_names,
            "at_limit": instance.at_limit,
            "set_by": "owner" if instance.by_owner else "staff",
        }


def asked_limit(valid: dict[str, Any]) -> KeyLimit:
    """A valid entry of a request."""
    models = valid.get("models")
    return KeyLimit(
        LimitUnit(valid["unit"]),
        LimitWindow(valid["window"]),
        valid["amount"],
        plain_names(models),
        valid.get("at_limit") == Limit.AtLimit.DOWNGRADE,
    )


def asked_limits(valid: Sequence[dict[str, Any]]) -> list[KeyLimit]:
    """The limits of a request. Raises ``BadRequest`` for two of the same terms."""
    limits = [asked_limit(each) for each in valid]
    if len({limit.terms for limit in limits}) < len(limits):
        raise field_fault("limits", "invalid", "Two limits have the same unit, window and models.")
    return limits


def own_limits(caller: Caller) -> list[KeyLimit]:
    """The limits of the calling key; none after sign-in."""
    return key_limits(caller.grant.key) if caller.grant else []


def check_limits(caller: Caller, wanted: Sequence[KeyLimit]) -> None:
    """A key grants no more than its maker has: each limit of the calling key is covered by one, and none
    promises more than the maker's own. Raises ``BadRequest``."""
    for limit in own_limits(caller):
        if not any(each.covers(limit) for each in wanted):
            amount = f"{limit.amount.normalize():f} {limit.unit.value} / {limit.window.value}"
            raise field_fault("limits", "forbidden", Translatable("The calling key is limited to {amount}: set that or less.", amount=amount))  # fmt: skip
    for applied in _limits_of(caller):
        held = _as_key_limit(applied)
        if any(each.exceeds(held) for each in wanted):
            raise field_fault(
                "limits",
                "forbidden",
                Translatable("More than {limit} allows.", limit=applied.terms.name),
            )


def check_spending(caller: Caller, key: UUID) -> None:
    """A new secret of another key spends that key's limits: a key that has limits may have no more of them.
    Raises ``BadRequest``."""
    limited = any(each.terms.scope is LimitScope.KEY for each in _limits_of(caller))
    if limited and caller.key not in (key, *makers_of(key)):
        raise BadRequest("A key with limits rotates itself and the keys that it made.")


def shown_limits(key: APIKey) -> list[dict[str, Any]]:
    """All limits of a key itself, those of staff first."""
    rows = [row for row in key.limits.all() if row.enabled]
    rows.sort(key=lambda row: (row.by_owner, row.pk))
    return [KeyLimitSerializer().to_representation(row) for row in rows]


def limit_objects(caller: Caller) -> list[dict[str, Any]]:
    """Every limit that holds for the calling key, with its used, reserved and remaining amount."""
    return [
        limit_object(state)
        for state in limit_states(_limits_of(caller), timezone.now(), limit_zone())
    ]


def limit_object(state: LimitState) -> dict[str, Any]:
    """A limit. US dollars are strings, other amounts are numbers."""
    terms = state.limit.terms
    money = terms.unit is LimitUnit.USD
    left = max(0, terms.amount - state.used - state.reserved)
    amounts = {"amount": terms.amount, "used": state.used, "reserved": state.reserved}
    shown = {name: dollars(value) if money else value for name, value in amounts.items()}
    return {
        "name": terms.name,
        "scope": terms.scope.value,
        "unit": terms.unit.value,
        "window": terms.window.value,
        "models": sorted(terms.models) if terms.models is not None else None,
        "at_limit": "downgrade" if terms.downgrades else "reject",
        **shown,
        "remaining": dollars(left) if money else left,
        "resets_at": state.resets_at and state.resets_at.isoformat(),
    }


def _limits_of(caller: Caller) -> list[AppliedLimit]:
    groups = frozenset(Group.objects.filter(user=caller.user).values_list("pk", flat=True))
    return limits_of(Account(caller.user, caller.key), groups)


def _as_key_limit(applied: AppliedLimit) -> KeyLimit:
    terms = applied.terms
    amount = Decimal(terms.amount)
    if terms.unit is LimitUnit.USD:
        amount /= BILLION
    return KeyLimit(terms.unit, terms.window, amount, terms.models, terms.downgrades)
