"""The rules' desk in the browser: a prompt is tried, a golden case refuses, a replay is watched."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from playwright.async_api import Page, expect

from conversations.models import ReplayRun
from routing.models import GoldenCase, Rule
from routing.publishing.services import ruleset_publish
from tests.browser.conftest import PHONE
from tests.browser.test_admin import sign_in
from tests.live_site import Person

CODE = "Write a Python function that merges two sorted lists."


@pytest_asyncio.fixture(loop_scope="session")
async def _tidy() -> AsyncIterator[None]:
    """Leaves no case in the way of other tests, and the draft as it was."""
    yield

    def tidy() -> None:
        GoldenCase.objects.all().delete()
        ReplayRun.objects.all().delete()
        Rule.objects.filter(name="code").update(enabled=True)
        ruleset_publish()

    await sync_to_async(tidy)()


@pytest.mark.usefixtures("_tidy")
async def test_a_prompt_is_tried_and_kept_and_then_guards_the_rules(
    page: Page, administrator: str
) -> None:
    await sign_in(page, administrator)
    await page.get_by_role("link", name="Try a prompt").first.click()
    await page.get_by_label("Prompt", exact=True).fill(CODE)
    await page.get_by_role("button", name="Try it").click()
    await expect(page.get_by_text("Draft and live decide alike")).to_be_visible()
    live = page.get_by_role("region", name="Live")
    await expect(live.get_by_text("answer by gpt")).to_be_visible()

    await page.get_by_role("link", name="Keep as a golden case").click()
    await expect(page.get_by_label("Expected rule")).to_have_value("code")
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_text("was added successfully")).to_be_visible()

    await page.get_by_role("link", name="Rules").first.click()
    await page.get_by_role("link", name="code", exact=True).click()
    await page.get_by_label("Enabled").uncheck()
    await page.get_by_role("button", name="Save and publish").click()
    await expect(page.get_by_text("not published yet: Golden case")).to_be_visible()
    await page.get_by_label("Publish although checks fail, because").fill("The rule is retired.")
    await page.get_by_role("button", name="Publish", exact=True).click()
    await expect(page.get_by_text("Published as")).to_be_visible()


@pytest.mark.usefixtures("_tidy")
async def test_a_replay_is_watched_to_its_end(
    page: Page, person: Person, administrator: str
) -> None:
    await sync_to_async(person.ask)(CODE)
    await sync_to_async(Rule.objects.filter(name="code").update)(enabled=False)
    await sign_in(page, administrator)
    await page.get_by_role("link", name="Replays").first.click()
    await page.goto("/admin/conversations/replayrun/add/")
    await page.get_by_label("Out of the last … prompts").fill("1")
    await page.get_by_role("button", name="See what it costs").click()
    await expect(page.get_by_text("1 prompt, about $")).to_be_visible()
    await page.get_by_role("button", name="Start").click()
    await expect(page.get_by_text("1 of 1 decided, done")).to_be_visible()
    changes = page.locator("#changes")
    await expect(changes.get_by_text("code", exact=True)).to_be_visible()
    await changes.get_by_role("link", name=CODE[:40]).click()
    await expect(page.get_by_role("button", name="Keep as a golden case")).to_be_visible()


@pytest.mark.usefixtures("_tidy")
@pytest.mark.parametrize("size", [PHONE])
async def test_the_desk_fits_a_phone(page: Page, administrator: str) -> None:
    await sign_in(page, administrator)
    for path in ("routing/goldencase/", "routing/goldencase/add/", "conversations/replayrun/add/"):
        await page.goto(f"/admin/{path}")
        assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], path
    await page.goto("/admin/routing/goldencase/try/")
    await page.get_by_label("Prompt", exact=True).fill(CODE)
    await page.get_by_role("button", name="Try it").click()
    await expect(page.get_by_text("Draft and live decide alike")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
