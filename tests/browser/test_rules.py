"""Drafts, publishing, rolling back and two administrators at once, in the browser."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from routing.models import Rule
from tests.browser.conftest import PHONE
from tests.browser.test_admin import CODE, sign_in
from tests.live_site import LiveSite, Person


async def open_rule(page: Page) -> None:
    await page.goto("/admin/routing/rule/")
    await page.get_by_role("link", name="code", exact=True).click()


async def test_a_draft_is_told_published_and_rolled_back(
    page: Page, person: Person, administrator: str
) -> None:
    before = person.ask(f"{CODE} once.")["decision"]
    await sign_in(page, administrator)
    await open_rule(page)
    await page.get_by_label("Model", exact=True).select_option(label="claude-sonnet")
    await page.get_by_label("Fallbacks").select_option(value="gpt")
    await page.get_by_role("button", name="Save draft").click()
    await expect(page.get_by_text("The draft holds 1 unpublished change")).to_be_visible()
    assert person.ask(f"{CODE} twice.")["decision"]["model"] == before["model"]

    await page.get_by_role("link", name="Publish…").click()
    await page.get_by_label("Why").fill("Sonnet codes well.")
    await page.get_by_role("button", name="Publish", exact=True).click()
    await expect(page.get_by_text("Published as")).to_be_visible()
    assert person.ask(f"{CODE} thrice.")["decision"]["model"] == "claude-sonnet"

    await page.goto(f"/admin/routing/rulesetversion/{before['ruleset']}/change/")
    await page.get_by_role("link", name="Roll back to this version").click()
    await page.get_by_role("button", name="Roll back to version").click()
    await expect(page.get_by_text("is live again, as version")).to_be_visible()
    after = person.ask(f"{CODE} four times.")["decision"]
    assert (after["model"], after["ruleset"]) == (before["model"], before["ruleset"] + 2)


@pytest_asyncio.fixture(loop_scope="session")
async def _draft(site: LiveSite) -> AsyncIterator[None]:
    """Something unpublished, gone at the end."""
    priorities = Rule.objects.filter(name="code")
    before = (await priorities.aget()).priority
    await priorities.aupdate(priority=before + 1)
    yield
    await priorities.aupdate(priority=before)


@pytest.mark.usefixtures("_draft")
@pytest.mark.parametrize("size", [PHONE])
async def test_what_is_asked_before_publishing_fits_a_phone(page: Page, administrator: str) -> None:
    await sign_in(page, administrator)
    await page.goto("/admin/routing/rulesetversion/publish/")
    await expect(page.get_by_text("In shadow: it decides beside")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


async def test_the_second_of_two_is_told_and_keeps_the_input(
    page: Page, site: LiveSite, administrator: str
) -> None:
    await sign_in(page, administrator)
    await open_rule(page)
    other = await page.context.new_page()
    await open_rule(other)
    await other.get_by_label("Instruction").fill("Only Python.")
    await other.get_by_role("button", name="Save and publish").click()
    await expect(other.get_by_text("Published as")).to_be_visible()

    await page.get_by_label("Instruction").fill("Only Rust.")
    await page.get_by_role("button", name="Save and publish").click()
    await expect(page.get_by_text("“Instruction” says now: Only Python.")).to_be_visible()
    await expect(page.get_by_label("Instruction")).to_have_value("Only Rust.")
    await page.get_by_role("button", name="Save and publish").click()
    await expect(page.get_by_text("Published as")).to_be_visible()


async def test_rules_are_ordered_by_keyboard_and_by_dragging(
    page: Page, site: LiveSite, administrator: str
) -> None:
    async def order() -> list[str]:
        return await page.locator("#result_list th.field-name a").all_inner_texts()

    await sign_in(page, administrator)
    await page.goto("/admin/routing/rule/")
    before = await order()
    await page.get_by_role("button", name=f"Move {before[1]} up").press("Enter")
    await expect(page.get_by_text("moved in the draft")).to_be_visible()
    assert await order() == [before[1], before[0], *before[2:]]

    grips = page.locator(".assistant-grip")
    await grips.nth(0).drag_to(grips.nth(1))
    await expect(page.get_by_text(f"“{before[1]}” moved in the draft")).to_be_visible()
    await expect(page.locator("#result_list th.field-name a").first).to_have_text(before[0])
    assert await order() == before
