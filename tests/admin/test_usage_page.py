"""The page of usage: its sums are those of the ledger to the last digit, on the page and in the file."""

from __future__ import annotations

import csv
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models import Sum
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from conversations.models import LedgerEntry
from conversations.usage.days import day_of
from conversations.usage.report import GROUPS, dollars
from conversations.usage.roll_up import roll_up

pytestmark = pytest.mark.usefixtures("published")
PAGE, FILE = "admin:conversations_usage", "admin:conversations_usage_csv"
KEY = UUID(int=9)
PURPOSES = ("chat", "classify", "judge", "image", "embedding")


@pytest.fixture
def anna(db: None) -> User:
    return User.objects.create_user("anna")


@pytest.fixture(autouse=True)
def _ledger(anna: User) -> None:
    """Three days, of which two are summed up."""
    LedgerEntry.objects.all().delete()
    for ago in range(3):
        at = timezone.now() - timedelta(days=ago)
        for number, purpose in enumerate(PURPOSES):
            LedgerEntry.objects.create(
                run=uuid4(), place=0, at=at, day=day_of(at), user=anna.pk if number % 2 else None,
                key=KEY if number % 2 else None, requests=1, purpose=purpose, model=f"model-{number}",
                rule="code", input_tokens=100, output_tokens=50, cost=7_000_001 * (number + 1) + ago,
            )  # fmt: skip
    while roll_up():
        pass


def total(**only: Any) -> str:
    return dollars(LedgerEntry.objects.filter(**only).aggregate(n=Sum("cost"))["n"])


def rows(client: Client, **query: Any) -> list[dict[str, str]]:
    file = client.get(reverse(FILE), query)
    assert file.headers["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(StringIO(file.content.decode())))


@pytest.mark.parametrize("by", GROUPS)
def test_the_sums_equal_the_ledger(admin_client: Client, by: str) -> None:
    found = rows(admin_client, by=by)
    assert sum(Decimal(row["cost_usd"]) for row in found) == Decimal(total())
    assert len(found) == len(set(LedgerEntry.objects.values_list(by, flat=True)))
    page = admin_client.get(reverse(PAGE), {"by": by}).content.decode()
    assert f"<b>${total()}</b>" in page
    for row in found:
        assert f"${row['cost_usd']}</td>" in page


@pytest.mark.parametrize(("by", "reads"), [((), 2), (("model",), 2), (("purpose",), 1)])
def test_each_purpose_is_told(admin_client: Client, by: tuple[str, ...], reads: int) -> None:
    with CaptureQueriesContext(connection) as asked:
        page = admin_client.get(reverse(PAGE), {"by": by}).content.decode()
    summed = [one["sql"] for one in asked if 'FROM "conversations_ledgerentry"' in one["sql"]]
    assert len(summed) == reads
    for purpose, name in zip(PURPOSES, ("Answering", "Deciding", "Judging", "Drawing", "Embedding"), strict=True):  # fmt: skip
        assert f"{name}</span><b>${total(purpose=purpose)}</b>" in page
    assert "Saved by reuse" in page


def test_a_value_leads_to_its_part(admin_client: Client, anna: User) -> None:
    whole = admin_client.get(reverse(PAGE), {"by": ("user", "key")}).content.decode()
    assert f"user={anna.pk}" in whole
    assert f"key={KEY}" in whole

    part = admin_client.get(reverse(PAGE), {"by": "model", "user": str(anna.pk)}).content.decode()
    assert f"<b>${total(user=anna.pk)}</b>" in part
    assert "model-0" not in part
    nobody = rows(admin_client, by="model", user="", purpose="chat")
    assert [row["cost_usd"] for row in nobody] == [total(user=None, purpose="chat")]
    today = rows(admin_client, by="day", days="1", key=KEY)
    assert [row["cost_usd"] for row in today] == [total(day=day_of(timezone.now()), key=KEY)]


@pytest.mark.parametrize(
    "query", [{"by": "no"}, {"user": "x"}, {"user": "9" * 30}, {"key": "x"}, {"from": "x", "to": "1"}]
)  # fmt: skip
def test_malformed_parts_of_the_address_are_ignored(
    admin_client: Client, query: dict[str, str]
) -> None:
    page = admin_client.get(reverse(PAGE), query)
    assert f"<b>${total()}</b>" in page.content.decode()


def test_it_is_for_those_who_may_see_the_ledger_and_names_people_to_some(client: Client) -> None:
    staff = User.objects.create_user("staff", is_staff=True)
    client.force_login(staff)
    assert client.get(reverse(PAGE)).status_code == client.get(reverse(FILE)).status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="view_ledgerentry"))
    assert "anna" not in client.get(reverse(PAGE)).content.decode()
    assert all(not row["user_name"] for row in rows(client, by="user"))
    staff.user_permissions.add(Permission.objects.get(codename="view_user"))
    assert "anna" in client.get(reverse(PAGE)).content.decode()
