"""A real headless Chromium with a fresh profile, and people who can sign in."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import ConsoleMessage, Page, async_playwright, expect

from tests.live_site import PASSWORD, LiveSite, Person

LAPTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 20_000

expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this room drives a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            # A browser and the whole site start within the first test's time.
            item.add_marker(pytest.mark.timeout(180))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path. Without one the test is skipped, or fails where REQUIRE_BROWSER=1."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    told = "NO BROWSER: what people see is not tested. Install Debian's chromium (apt-get install chromium)."
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(told)
    pytest.skip(told)


@pytest.fixture
def size() -> dict[str, int]:
    """The window, in CSS pixels."""
    return LAPTOP


@pytest.fixture
async def page(
    chromium: str, site: LiveSite, size: dict[str, int], tmp_path: Path
) -> AsyncIterator[Page]:
    """An empty tab. At its end no script may have failed and no policy been broken."""
    faults: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # Statuses of 4xx are told as errors too; those are the tests' own doing. Since Chromium 156 so is the
        # handler in a hostile label, which Mermaid parses, in its frame without rights, before it cleans it.
        script = str(message.location.get("url"))
        blocked = "inline event handler" in message.text and script.endswith("/mermaid.js")
        if (
            message.type == "error"
            and not blocked
            and "Failed to load resource" not in message.text
        ):
            faults.append(f"{script}: {message.text}")

    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=chromium,
            args=FLAGS,
            viewport={"width": size["width"], "height": size["height"]},
            base_url=site.url,
        )
        context.set_default_timeout(PATIENCE_MS)
        tab = await context.new_page()
        tab.on("console", listen)
        tab.on("pageerror", lambda error: faults.append(str(error)))
        yield tab
        await context.close()
    assert not faults


@pytest.fixture
def person(site: LiveSite) -> Person:
    """Somebody who uses the playground, and the same person as a client of the API."""
    return site.person()


@pytest.fixture
def administrator(site: LiveSite) -> str:
    """The user name of somebody who may do everything."""
    return site.user(is_staff=True, is_superuser=True).get_username()


async def sign_in(page: Page, username: str, password: str = PASSWORD) -> None:
    """Fill the playground's form and send it."""
    await page.goto("/")
    await page.get_by_label("User name").fill(username)
    await page.get_by_label("Password", exact=True).fill(password)
    await page.get_by_role("button", name="Sign in").click()
