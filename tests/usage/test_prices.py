"""Prices: what cached input and reasoning cost, and that money is not limited where a price is unknown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from conversations.admin.usage import LimitForm
from conversations.domain.booking import Account, Booking
from conversations.domain.errors import BadRequest
from conversations.models import LedgerEntry, Limit
from conversations.storage.api_keys import key_create
from conversations.storage.key_limits import KeyLimit
from conversations.usage.ledger import book
from routing.domain.actions import ModelKind
from routing.domain.errors import RuleSetInvalid
from routing.domain.limits import LimitUnit, LimitWindow
from routing.domain.llm import Attempt, Usage, cost
from routing.domain.rules import ModelRef
from routing.llm.providers import price_list
from routing.models import LLMModel
from routing.publishing.default_rules import seed_defaults
from routing.publishing.selectors import release_row
from routing.publishing.services import TO_ALL, ruleset_publish, ruleset_roll_back, version_release
from tests.storage.conftest import ended, person  # noqa: F401 - fixtures

MODEL = ModelRef("m", "openai/m", "openai", ModelKind.CHAT)
USAGE = Usage(1000, 400, cached_tokens=600, reasoning_tokens=300)
UNKNOWN = "openai/no-such-model-9"


@pytest.mark.parametrize(
    ("prices", "listed", "dollars"),
    [
        ({"input_price": 2, "output_price": 10}, None, "0.006"),
        ({"input_price": 2, "cached_price": "0.2", "output_price": 10}, None, "0.00492"),
        ({"input_price": 2, "output_price": 10, "reasoning_price": 20}, None, "0.009"),
        ({"input_price": 2, "cached_price": 0, "output_price": 0, "reasoning_price": 0}, ("9", "9"), "0.0008"),
        ({"output_price": 0}, ("0.001", "9"), "0.001"),
        ({"cached_price": 5, "reasoning_price": 5}, ("0.001", "0.002"), "0.003"),
        ({"cached_price": 5, "reasoning_price": 5}, None, None),
    ],
)  # fmt: skip
def test_cached_input_and_reasoning_are_priced_apart(
    prices: dict[str, Any], listed: tuple[str, str] | None, dollars: str | None
) -> None:
    own: dict[str, Any] = {name: Decimal(price) for name, price in prices.items()}
    model = replace(MODEL, **own)
    told = listed and (Decimal(listed[0]), Decimal(listed[1]))

    assert cost(model, USAGE, told) == (None if dollars is None else Decimal(dollars))


def test_a_single_cached_token_has_a_cost() -> None:
    model = replace(MODEL, input_price=Decimal("0.1"), cached_price=Decimal("0.01"), output_price=Decimal(0))  # fmt: skip
    assert cost(model, Usage(1, 1, cached_tokens=1), None) == Decimal("0.00000001")


def test_the_ledger_has_them_in_columns_of_their_own(person: User) -> None:  # noqa: F811
    call = Attempt(
        "chat", "m", "openai", 0, 1, "ok", replace(USAGE, cost_usd=Decimal("0.00492001"))
    )
    run, booking = uuid4(), Booking(Account(person.pk), datetime.now(UTC))
    book(run, ended(call, booking=booking))
    row = LedgerEntry.objects.get(run=run)

    assert (row.cached_tokens, row.reasoning_tokens, row.cost) == (600, 300, 4_920_010)


def test_the_date_is_that_of_the_installed_list() -> None:
    assert version("litellm") == price_list.PRICE_LIST_VERSION, "enter the day of this release, too"
    document = (Path(__file__).parents[2] / "docs" / "limits.md").read_text()
    assert f"{price_list.PRICE_LIST_VERSION}, of {price_list.PRICE_LIST_DATE}" in document


@pytest.fixture
def money(db: None) -> Limit:
    """A limit of money that holds."""
    seed_defaults()
    ruleset_publish()
    return Limit.objects.create(scope="user", unit="usd", window="month", amount=5)


def unpriced() -> None:
    """The draft's model gets a name without a price."""
    LLMModel.objects.filter(name="gpt").update(
        litellm_name=UNKNOWN, input_price=None, output_price=None
    )


def test_a_model_without_a_price_is_not_published_beside_a_limit_of_money(money: Limit) -> None:
    unpriced()
    with pytest.raises(RuleSetInvalid, match="“gpt”"):
        ruleset_publish(override="I want to")
    money.enabled = False
    money.save()
    assert ruleset_publish().number == 2


def test_nor_is_it_put_on_trial_or_rolled_back_to(money: Limit) -> None:
    money.delete()
    unpriced()
    dear = ruleset_publish()
    LLMModel.objects.filter(name="gpt").update(input_price=1, output_price=1)
    ruleset_publish()
    Limit.objects.create(scope="user", unit="usd", window="month", amount=5)
    with pytest.raises(RuleSetInvalid, match="gpt"):
        ruleset_roll_back(dear)
    with pytest.raises(RuleSetInvalid, match="gpt"):
        version_release(dear, target=TO_ALL)


def test_a_limit_of_money_is_not_set_while_one_is_live(money: Limit, person: User) -> None:  # noqa: F811
    money.delete()
    unpriced()
    ruleset_publish()
    fields = {"scope": "user", "unit": "usd", "window": "day", "amount": "5", "at_limit": "reject"}
    form, idle = LimitForm({**fields, "enabled": "on"}), LimitForm(fields)

    assert not form.is_valid()
    assert "No price is known of gpt" in str(form.errors)
    assert idle.is_valid(), idle.errors
    limit = KeyLimit(LimitUnit.USD, LimitWindow.DAY, Decimal(5))
    with pytest.raises(BadRequest, match="gpt"):
        key_create(owner=person.pk, by=person.pk, name="a", scopes=["chat"], limits=[limit])


def test_a_change_of_price_rewrites_nothing(person: User, money: Limit) -> None:  # noqa: F811
    call = Attempt("chat", "gpt", "openai", 0, 1, "ok", Usage(1000, 400, Decimal("0.5")))
    run, booking = uuid4(), Booking(Account(person.pk), datetime.now(UTC))
    book(run, ended(call, booking=booking))
    before = LedgerEntry.objects.filter(run=run).values().get()
    LLMModel.objects.filter(name="gpt").update(input_price=900, output_price=900)
    ruleset_publish()

    live = release_row()
    assert live
    assert LedgerEntry.objects.filter(run=run).values().get() == before
