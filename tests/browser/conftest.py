"""A real headless Chromium with an empty context for each test, and people who can sign in."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

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
            # The browser, which they share, is asked in the loop that it was started in.
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _browser(chromium: str) -> AsyncIterator[Browser]:
    """One for all tests of the process: its start costs more than a test does."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
def size() -> dict[str, int]:
    """The window, in CSS pixels."""
    return LAPTOP


@pytest_asyncio.fixture(loop_scope="session")
async def page(_browser: Browser, site: LiveSite, size: dict[str, int]) -> AsyncIterator[Page]:
    """An empty tab, in a context that shares neither cookies nor storage nor cache with another test's.
    At its end no script may have failed and no policy been broken."""
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

    context = await _browser.new_context(
        viewport={"width": size["width"], "height": size["height"]}, base_url=site.url
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
