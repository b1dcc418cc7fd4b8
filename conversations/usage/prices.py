"""Prices and limits of money: while one of these is set, every released model has a known price."""

from __future__ import annotations

from collections.abc import Iterable

from conversations.models import Limit
from routing.common.translatable import Translatable
from routing.domain.limits import LimitUnit
from routing.domain.rules import RuleSet
from routing.publishing.draft import without_price
from routing.publishing.selectors import release_latest
from routing.publishing.services import publishing_locked


def money_is_limited() -> bool:
    """Whether a limit of US dollars holds for anybody."""
    return Limit.objects.filter(unit=LimitUnit.USD, enabled=True).exists()


def prices_required(candidate: RuleSet) -> Iterable[str]:
    """Requirement of publishing: a sentence for each model without a price, while money is limited."""
    if not money_is_limited():
        return []
    return [
        f"No price is known of the model “{name}”, and there are limits of US dollars: enter both of its "
        "prices, or disable these limits."
        for name in without_price(candidate.models)
    ]


def unpriced_models() -> list[str]:
    """The released models without a price, those of a trial too. Called in the transaction that stores
    a limit of money: nothing is published until it ends."""
    publishing_locked()
    release = release_latest()
    if release is None:
        return []
    trial = release.trial.models if release.trial else ()
    return sorted(set(without_price([*release.live.models, *trial])))


def unpriced_words() -> str:
    """Why a limit of money cannot be set now, in words; empty where it can."""
    names = ", ".join(unpriced_models())
    if not names:
        return ""
    return Translatable(
        "No price is known of {names}: enter both prices and publish first.", names=names
    )
