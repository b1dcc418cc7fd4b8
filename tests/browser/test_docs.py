"""Swagger UI works under a policy without inline scripts."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.live_site import LiveSite


async def test_the_docs_show_every_path(page: Page, site: LiveSite) -> None:
    await page.goto(f"{site.url}/api/docs/")

    await expect(page.get_by_text("/api/v1/conversations/{conversation}/messages/")).to_have_count(
        2
    )
    await expect(page.locator(".errors-wrapper")).to_have_count(0)
