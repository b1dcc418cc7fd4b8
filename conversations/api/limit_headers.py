"""Headers of limits: the rest of each, by OpenAI's names and by those of the IETF's draft."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponseBase

from conversations.bootstrap import Container
from conversations.domain.booking import Account
from conversations.domain.limit_fields import rest_fields
from conversations.usage.reservation import Reservation


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
    fields = rest_fields(list(zip(reservation.left, terms, strict=False)))
    if reservation.degraded:
        fields["X-Assistant-Degraded"] = "limits"
    return fields
