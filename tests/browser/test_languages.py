"""The playground in other languages: chosen, kept, and of a width that phones have."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.live_site import PASSWORD, Person

SMALL_PHONE = {"width": 375, "height": 667}


async def width(page: Page) -> int:
    found: int = await page.evaluate("document.documentElement.scrollWidth")
    return found


@pytest.mark.parametrize("size", [SMALL_PHONE])
async def test_a_language_is_chosen_kept_and_fits_a_phone(page: Page, person: Person) -> None:
    await page.goto("/")
    await page.locator("#sign-in").get_by_label("Language").select_option("de")
    await page.get_by_label("Benutzername").fill(person.user.username)
    await page.get_by_label("Passwort", exact=True).fill("wrong")
    assert await width(page) <= SMALL_PHONE["width"]
    await page.get_by_role("button", name="Anmelden").click()
    await expect(page.get_by_role("alert")).to_have_text(
        "Benutzername und Passwort passen nicht zusammen."
    )
    await page.get_by_label("Passwort", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Anmelden").click()

    await expect(page.get_by_role("heading", name="Was möchten Sie wissen?")).to_be_visible()
    assert await page.locator("html").get_attribute("lang") == "de"
    await page.get_by_role("button", name="Beweise").click()
    await page.get_by_role("button", name="Senden").click()
    await page.get_by_text("Wie die Antwort entstand").click()
    await expect(page.locator(".facts")).to_contain_text("Gewählt durch")
    assert await width(page) <= SMALL_PHONE["width"]
    await page.get_by_role("button", name="Unterhaltungen anzeigen").click()
    await expect(page.get_by_role("heading", name="Heute")).to_be_visible()
    assert await width(page) <= SMALL_PHONE["width"]

    await page.goto("/keys/")
    await expect(page.get_by_role("heading", name="Ihre Schlüssel")).to_be_visible()
    assert await width(page) <= SMALL_PHONE["width"]
    await page.get_by_label("Sprache").select_option("en")
    await expect(page.get_by_role("heading", name="Your keys")).to_be_visible()
