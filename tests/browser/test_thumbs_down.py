"""A thumb is turned down in the playground, and the review desk decides: in a real browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest_asyncio
from asgiref.sync import sync_to_async
from playwright.async_api import Page, expect

from routing.domain.rules import CachePolicy
from routing.models import Rule
from routing.publishing.services import ruleset_publish
from tests.browser.conftest import LAPTOP, PHONE, sign_in
from tests.browser.test_admin import sign_in as sign_in_to_admin
from tests.browser.test_playground import ask, finished
from tests.live_site import LiveSite, Person


@pytest_asyncio.fixture(loop_scope="session")
async def story(site: LiveSite) -> AsyncIterator[str]:
    """A prompt nobody asked before, on a site whose everyday answers everybody is given."""

    def share() -> None:
        Rule.objects.exclude(action="refuse").update(cache=CachePolicy.SHARED)
        ruleset_publish(by=None)

    await sync_to_async(share)()
    yield f"Write a story about the night train to Zibble{uuid4().hex[:8]}."
    await sync_to_async(site.publish_defaults)()


def ask_api(site: LiveSite, content: str) -> dict[str, Any]:
    """Somebody new asks."""
    return site.person().ask(content)


async def ask_anew(page: Page, content: str) -> str:
    """Ask in a new conversation; where the answer came from, as its card tells."""
    await page.get_by_role("button", name="New conversation").click()
    await expect(page.locator(".theirs")).to_have_count(0)
    card = await finished(await ask(page, content))
    return await card.locator(".route").inner_text()


async def decide(page: Page, story: str, button: str, told: str) -> None:
    """Open the story's review from the desk and press a button."""
    await page.goto("/admin/conversations/answerreview/")
    await page.get_by_role("link", name=story).first.click()
    await page.get_by_role("button", name=button, exact=True).click()
    await expect(page.get_by_text(told).first).to_be_visible()


async def fate(page: Page, story: str) -> str:
    """What the desk's search says of the reviewed answer."""
    await page.goto("/admin/conversations/answerreview/")
    await page.get_by_role("link", name="Search by similarity").click()
    await page.get_by_label("Prompt").fill(story)
    await page.get_by_role("button", name="Search", exact=True).click()
    # Other reviews may lie nearby; this one is of the very question.
    mine = page.get_by_role("region").filter(has_text=story)
    reviewed = mine.filter(has=page.get_by_role("link", name="its review"))
    return await reviewed.get_by_role("strong").first.inner_text()


async def fits(page: Page) -> None:
    """Nothing is wider than a phone's or a laptop's window."""
    for size in (PHONE, LAPTOP):
        await page.set_viewport_size({"width": size["width"], "height": size["height"]})
        assert await page.evaluate("document.documentElement.scrollWidth") == size["width"]


async def test_a_thumb_turned_down_is_reviewed_and_decided(
    page: Page, site: LiveSite, story: str, person: Person, administrator: str
) -> None:
    first = await sync_to_async(ask_api)(site, story)
    await sign_in(page, person.user.username)
    card = await finished(await ask(page, story))
    await expect(card.locator(".route")).to_contain_text("same question")
    await card.get_by_role("button", name="Bad").click()
    await card.get_by_label("A better answer").fill("A story with a train.")
    await card.get_by_role("button", name="Send feedback").click()
    await expect(card.get_by_label("A better answer")).to_be_hidden()

    # Others are still served it; who called it bad is not.
    other = await sync_to_async(ask_api)(site, story)
    assert other["content"] == first["content"]
    assert other["cache"]["outcome"] == "exact"
    assert "same question" not in await ask_anew(page, story)

    await sign_in_to_admin(page, administrator)
    await decide(page, story, "Quarantine", "Quarantined.")
    assert "quarantined" in await fate(page, story)
    await fits(page)
    after = await sync_to_async(ask_api)(site, story)
    assert after["cache"]["entry"] not in {None, other["cache"]["entry"]}

    await decide(page, story, "Approve", "Approved.")
    assert "served" in await fate(page, story)
    await page.goto("/admin/conversations/answerreview/")
    await fits(page)
