"""Headers of limits: the rest of each, by OpenAI's names and by those of the IETF's draft."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

from django.http import HttpResponseBase

from conversations.bootstrap import Container
from conversations.domain.booking import Account
from conversations.domain.limit_fields import policy_fields
from conversations.usage.ledger import BILLION
from conversations.usage.reservation import Reservation
from routing.domain.limits import SLIDING, LimitTerms, LimitUnit

Left = tuple[int, LimitTerms]


async def add_limit_headers(
    response: HttpResponseBase, parts: Container, account: Account, run: UUID
) -> None:
    """Tell a limited caller the rest. A run that another worker admitted is told of as it is now."""
    shown = parts.reservations.of(run) or await parts.reservations.peek(account)
    if shown:
        for name, value in limit_fields(shown).items():
            response[name] = value
        if shown.cheaper and "X-Assistant-Decision" in response:
            response["X-Assistant-Decision"] = f"{response['X-Assistant-Decision']};limited=1"


def limit_fields(reservation: Reservation) -> dict[str, str]:
    """The fields of the rest."""
    terms = [charge.limit.terms for charge in reservation.charges]
    left: list[Left] = list(zip(reservation.left, terms, strict=False))
    fields = _openai_fields(left)
    policies = [policy_fields(each, free, _seconds(each)) for free, each in left]
    for name in ("RateLimit-Policy", "RateLimit"):
        if values := [policy[name] for policy in policies if policy]:
            fields[name] = ", ".join(values)
    if dollars := [free for free, each in left if each.unit is LimitUnit.USD]:
        fields["X-Assistant-Budget-Remaining"] = f"{Decimal(max(0, min(dollars))) / BILLION:.6f}"
    if reservation.degraded:
        fields["X-Assistant-Degraded"] = "limits"
    return fields


def _openai_fields(left: Iterable[Left]) -> dict[str, str]:
    fields: dict[str, str] = {}
    sliding = [(free, terms) for free, terms in left if terms.slides]
    for unit in (LimitUnit.REQUESTS, LimitUnit.TOKENS):
        own = [each for each in sliding if each[1].unit is unit]
        if own:
            free, terms = min(own, key=lambda each: each[0])
            fields[f"x-ratelimit-limit-{unit}"] = str(terms.amount)
            fields[f"x-ratelimit-remaining-{unit}"] = str(max(0, free))
            fields[f"x-ratelimit-reset-{unit}"] = duration(SLIDING[terms.window])
    return fields


def _seconds(terms: LimitTerms) -> int:
    return SLIDING[terms.window] if terms.slides else 1


def duration(seconds: int) -> str:
    """As OpenAI writes it: ``1s``, ``6m0s``, ``1h0m0s``."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
