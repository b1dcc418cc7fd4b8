"""The page of API keys, by mouse and keyboard, in a real browser against the whole service."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PHONE, sign_in
from tests.live_site import LiveSite, Person


async def opened(page: Page, person: Person) -> None:
    """Come to the page as people do."""
    await sign_in(page, person.user.username)
    await page.get_by_role("link", name="Keys").click()
    await expect(page.get_by_role("heading", name="API keys")).to_be_visible()


async def make(page: Page, name: str) -> str:
    """Make a key by the keyboard; its secret."""
    await page.get_by_label("Name", exact=True).fill(name)
    await page.keyboard.press("Enter")
    await expect(page.locator("#secret")).to_be_focused()
    return await page.get_by_label("The key").input_value()


def stored(person: Person) -> list[dict[str, Any]]:
    """The person's keys, by the API."""
    keys: list[dict[str, Any]] = person.http.get("/api/v1/keys/").json()["results"]
    return keys


def models(site: LiveSite, key: str) -> httpx.Response:
    return site.client(Authorization=f"Bearer {key}").get("/v1/models")


async def test_a_key_is_made_shown_once_and_works(
    page: Page, site: LiveSite, person: Person
) -> None:
    await opened(page, person)
    await expect(page.get_by_text("You have no keys.")).to_be_visible()
    await page.get_by_label("Pictures").uncheck()
    await page.get_by_label("assistant", exact=True).check()
    day = (datetime.now(UTC) + timedelta(days=30)).date()
    await page.get_by_label(re.compile("Valid to the end of")).fill(day.isoformat())
    key = await make(page, "night batch")

    (shown,) = stored(person)
    assert key.startswith("sk-ac-")
    assert [model["id"] for model in models(site, key).json()["data"]] == ["assistant"]
    assert shown["scopes"] == ["chat", "embeddings"]
    assert shown["expires_at"]
    row = page.get_by_role("listitem").filter(has_text="night batch")
    await expect(row).to_contain_text(key[-4:])
    await expect(row).to_contain_text("assistant")

    await page.get_by_role("button", name="Done").click()
    await page.reload()
    await expect(row).to_be_visible()
    assert key not in await page.content()


async def test_the_key_is_copied(page: Page, person: Person) -> None:
    await opened(page, person)
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    key = await make(page, "to copy")
    await page.get_by_role("button", name="Copy", exact=True).click()

    await expect(page.get_by_text("Copied.")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == key


async def test_a_key_is_rotated_and_revoked(page: Page, site: LiveSite, person: Person) -> None:
    await opened(page, person)
    old = await make(page, "turning")
    await page.get_by_role("button", name="Done").click()
    await page.get_by_role("button", name="Rotate turning").click()
    await page.get_by_label("Hours").fill("0")
    await page.get_by_role("button", name="Rotate", exact=True).click()
    await expect(page.locator("#secret")).to_be_focused()
    new = await page.get_by_label("The key").input_value()

    assert old != new
    assert models(site, new).status_code == 200

    await page.get_by_role("button", name="Revoke turning").click()
    await page.get_by_role("button", name="Keep it").click()
    assert stored(person)[0]["revoked_at"] is None
    await page.get_by_role("button", name="Revoke turning").click()
    await page.get_by_role("button", name="Revoke", exact=True).click()
    row = page.get_by_role("listitem").filter(has_text="turning")
    await expect(row).to_contain_text("Revoked")
    await expect(row.get_by_role("button")).to_have_count(0)
    assert stored(person)[0]["revoked_at"]


async def test_faults_are_told(page: Page, person: Person) -> None:
    await opened(page, person)
    for box in ("Chats", "Pictures", "Embeddings"):
        await page.get_by_label(box).uncheck()
    await page.get_by_label("Name", exact=True).fill("for nothing")
    await page.get_by_role("button", name="Make the key").click()

    await expect(page.locator("#make [role=alert]")).to_be_visible()
    assert stored(person) == []


async def test_without_sign_in_it_leads_to_the_playground(page: Page) -> None:
    await page.goto("/keys/")
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("size", [PHONE])
async def test_it_fits_a_phone(page: Page, person: Person) -> None:
    await sign_in(page, person.user.username)
    await expect(page.locator("#desk")).to_be_visible()
    await page.goto("/keys/")
    await make(page, "a rather long name of a key that belongs to a program on a phone")
    width = await page.evaluate("document.documentElement.scrollWidth")

    assert width <= PHONE["width"]
