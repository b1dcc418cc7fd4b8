"""Money: the cost of a period, by purpose, rule, model and person, and advice where deciding is dear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Sum

from conversations.models import DailyCost, DailyOutcome, PersonCost
from conversations.stats.charts import PURPOSES, saved_by_day
from conversations.stats.daily import Bill
from conversations.stats.period import Period

MOST_PEOPLE = 50
WORTH_TELLING_USD = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Money:
    """Everything that a period cost. ``saved`` estimates the savings of stored answers; ``advice`` is for
    periods in which deciding costs more than answering."""

    purposes: Sequence[Bill]
    rules: Sequence[Bill]
    models: Sequence[Bill]
    people: Sequence[Bill]
    saved: float
    prompts: int
    advice: str

    @property
    def total(self) -> Decimal:
        """US dollars of all purposes."""
        return sum((bill.usd for bill in self.purposes), Decimal(0))


def money_of(period: Period) -> Money:
    """The bills of the period."""
    purposes = bills_of_purposes(period)
    prompts = DailyOutcome.objects.filter(period.within()).aggregate(n=Sum("count"))["n"] or 0
    return Money(
        purposes=purposes,
        rules=_bills(period, "rule"),
        models=_bills(period, "model"),
        people=_people(period),
        saved=sum(saved_by_day(period)),
        prompts=prompts,
        advice=advice(purposes),
    )


def bills_of_purposes(period: Period) -> list[Bill]:
    """The bills by purpose alone, under their names."""
    return [
        Bill(PURPOSES.get(bill.name, bill.name), bill.usd, bill.count, bill.unpriced)
        for bill in _bills(period, "purpose")
    ]


def advice(purposes: Sequence[Bill]) -> str:
    """Sentences with remedies where deciding costs more than answering; empty where it does not."""
    usd = {bill.name: bill.usd for bill in purposes}
    deciding, answering = usd.get("Deciding", Decimal(0)), usd.get("Answering", Decimal(0))
    if deciding <= answering or deciding < WORTH_TELLING_USD:
        return ""
    return (
        f"Deciding cost ${deciding:.2f}, more than answering (${answering:.2f}). Every prompt carries all "
        "rules: shorten instructions and examples, disable rules without traffic, choose a cheaper "
        "classifier in the routing settings, or let more answers be used again."
    )


def _bills(period: Period, name: str) -> list[Bill]:
    rows = (
        DailyCost.objects.filter(period.within())
        .values_list(name)
        .annotate(usd=Sum("cost_usd"), n=Sum("calls"), unknown=Sum("unpriced"))
        .order_by("-usd")
    )
    return [Bill(key or "(none)", usd, count, unknown) for key, usd, count, unknown in rows]


def _people(period: Period) -> list[Bill]:
    rows: list[Any] = list(
        PersonCost.objects.filter(period.within())
        .values_list("user")
        .annotate(usd=Sum("cost_usd"), n=Sum("prompts"), unknown=Sum("unpriced"))
        .order_by("-usd")[:MOST_PEOPLE]
    )
    names = dict(User.objects.filter(pk__in=[row[0] for row in rows]).values_list("pk", "username"))
    return [Bill(names.get(user, f"person {user}"), usd, n, min(u, n)) for user, usd, n, u in rows]
