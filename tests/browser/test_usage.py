"""A person sees their own usage and what is left of their limits, by keyboard and without a fault of axe."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from asgiref.sync import sync_to_async
from playwright.async_api import Page, expect

from conversations.models import Limit
from tests.browser.conftest import PHONE, sign_in
from tests.browser.test_accessibility import WIDE, faults
from tests.live_site import LiveSite, Person
from tests.usage.conftest import read_limits_anew, settled_state


@pytest.fixture
def budget(person: Person) -> Iterator[Limit]:
    common = {"scope": "user", "user": person.user, "window": "month"}
    made = Limit.objects.create(**common, unit="requests", amount=10)
    Limit.objects.create(**common, unit="usd", amount=5)
    read_limits_anew()
    yield made
    Limit.objects.all().delete()
    read_limits_anew()


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
async def test_a_person_sees_what_they_have_used(
    page: Page, site: LiveSite, person: Person, budget: Limit
) -> None:
    stranger = await sync_to_async(site.person)()
    for asking in (person, person, stranger):
        await sync_to_async(asking.ask)("Why is the sky blue?", model="gpt-mini")
    await sync_to_async(settled_state)(budget, person.user.pk)
    await sign_in(page, person.user.username)
    await expect(page.locator("#desk")).to_be_visible()
    await page.goto("/usage/")

    report = person.http.get("/api/v1/usage/?user=me&group_by=model").json()
    assert report["total"]["requests"] == 2
    await expect(page.locator("#total")).to_contain_text("2 requests")
    models = page.get_by_role("table", name="By model")
    await expect(models.get_by_role("row")).to_have_count(len(report["rows"]) + 1)
    await expect(models).to_contain_text("$0.0")
    await expect(page.get_by_role("table", name="By day").get_by_role("row")).to_have_count(2)
    await expect(page.get_by_role("meter", name="8 of 10 requests a month left")).to_be_visible()
    await expect(page.get_by_text("of $5.00 a month left")).to_be_visible()
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not await page.evaluate(wide)
    assert await faults(page, "usage") == []

    await page.get_by_label("Period").focus()
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_label("Period")).to_have_value("7")
    await expect(page.locator("#announcer")).to_contain_text("2 requests")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("region", name="Usage by model")).to_be_focused()


async def test_strangers_are_sent_to_the_sign_in(page: Page) -> None:
    await page.goto("/usage/")
    await expect(page.get_by_label("User name")).to_be_visible()
