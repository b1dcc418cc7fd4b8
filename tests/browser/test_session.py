"""Staying signed in: over reloads and tabs, with one session for all tabs of the browser."""

from __future__ import annotations

from typing import cast

import pytest
from django.contrib.auth.models import User
from playwright._impl._api_structures import SetCookieParam
from playwright.async_api import BrowserContext, Page, Route, expect
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from assistant_site.http.refresh_cookie import COOKIE
from tests.browser.conftest import sign_in
from tests.browser.test_playground import STORY, ask, finished, stored
from tests.live_site import LiveSite, Person

FRESH = "another horse battery staple"


@pytest.fixture
def second(site: LiveSite) -> Person:
    """Somebody else at the same browser."""
    return site.person()


async def opened(context: BrowserContext, path: str = "/") -> Page:
    tab = await context.new_page()
    await tab.goto(path)
    return tab


async def signed_in(page: Page, person: Person) -> None:
    await sign_in(page, person.user.username)
    await expect(page.locator("#who")).to_have_text(person.user.username)


async def test_a_reload_and_another_tab_stay_signed_in(page: Page, person: Person) -> None:
    await signed_in(page, person)
    await page.reload()
    await expect(page.locator("#who")).to_have_text(person.user.username)
    other = await opened(page.context)
    await expect(other.locator("#who")).to_have_text(person.user.username)
    keys = await opened(page.context, "/keys/")
    await expect(keys.get_by_role("heading", name="API keys")).to_be_visible()
    # No script of the page could take a token away.
    kept = (
        "document.cookie + JSON.stringify({...localStorage}) + JSON.stringify({...sessionStorage})"
    )
    assert "eyJ" not in await page.evaluate(kept)


async def test_many_tabs_that_renew_at_once_stay_signed_in(page: Page, person: Person) -> None:
    await signed_in(page, person)
    tabs = [page, *[await opened(page.context) for _ in range(4)]]
    for tab in tabs:
        await expect(tab.locator("#who")).to_have_text(person.user.username)
    renew = """async () => {
      const { Session } = await import("/static/playground/session.js");
      const session = new Session();
      await session.restore();
      return session.username;
    }"""
    running = [tab.evaluate(renew) for tab in tabs]
    assert [await one for one in running] == [person.user.username] * len(tabs)
    for tab in tabs:
        await tab.reload()
        await expect(tab.locator("#who")).to_have_text(person.user.username)


async def test_tabs_without_locks_wait_for_each_other_all_the_same(
    page: Page, site: LiveSite, person: Person
) -> None:
    """On plain HTTP there are no Web Locks: the second of two tabs sends a cookie that is spent."""
    await page.context.add_init_script("delete Navigator.prototype.locks")
    await signed_in(page, person)
    path = f"{site.url}/session/"
    spent = await page.context.cookies(path)
    assert [cookie["name"] for cookie in spent] == [COOKIE]
    await page.reload()
    await expect(page.locator("#desk")).to_be_visible()
    fresh = await page.context.cookies(path)
    await page.context.add_cookies(cast("list[SetCookieParam]", spent))
    sent = 0

    async def late(route: Route) -> None:
        nonlocal sent
        sent += 1
        # Now the other tab's answer has come.
        if sent == 2:
            await page.context.add_cookies(cast("list[SetCookieParam]", fresh))
        await route.continue_()

    await page.route("**/session/refresh/", late)
    await page.reload()
    await expect(page.locator("#who")).to_have_text(person.user.username)
    assert sent == 2


async def test_a_spent_access_token_is_renewed_unseen(page: Page, person: Person) -> None:
    await signed_in(page, person)
    refused = 0

    async def spent(route: Route) -> None:
        nonlocal refused
        refused += 1
        if refused == 1:
            await route.fulfill(status=401, json={"code": "token_not_valid", "status": 401})
        else:
            await route.continue_()

    await page.route("**/api/v1/messages/", spent)
    card = await finished(await ask(page, STORY))
    assert stored(person, await card.get_attribute("data-message-id"))["status"] == "complete"
    assert refused == 2


async def test_signing_out_ends_all_tabs(page: Page, person: Person) -> None:
    await signed_in(page, person)
    other, keys = await opened(page.context), await opened(page.context, "/keys/")
    await expect(other.locator("#who")).to_have_text(person.user.username)
    await expect(keys.get_by_role("heading", name="API keys")).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("User name")).to_be_visible()
    await expect(other.locator("#sign-in")).to_contain_text("You were signed out.")
    await expect(keys.get_by_label("User name")).to_be_visible()
    await other.reload()
    await expect(other.get_by_label("User name")).to_be_visible()
    living = OutstandingToken.objects.filter(user=person.user, blacklistedtoken=None)
    # The person's own client, which signed in beside the browser, is left alone.
    assert await living.acount() == 1


async def test_another_person_who_signs_in_is_shown_in_all_tabs(
    page: Page, person: Person, second: Person
) -> None:
    other = await opened(page.context)
    await expect(other.get_by_label("User name")).to_be_visible()
    await signed_in(page, person)
    await expect(other.locator("#who")).to_have_text(person.user.username)
    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("User name")).to_be_visible()
    await signed_in(page, second)
    await expect(other.locator("#who")).to_have_text(second.user.username)


async def test_a_session_that_was_ended_elsewhere_asks_again(page: Page, person: Person) -> None:
    await signed_in(page, person)
    tokens = OutstandingToken.objects.filter(user=person.user)
    async for token in tokens:
        await BlacklistedToken.objects.aget_or_create(token=token)
    await page.reload()
    await expect(page.get_by_label("User name")).to_be_visible()
    await signed_in(page, person)

    async def refused(route: Route) -> None:
        await route.fulfill(status=401, json={"code": "token_not_valid", "status": 401})

    async for token in tokens.all():
        await BlacklistedToken.objects.aget_or_create(token=token)
    await page.route("**/api/v1/messages/", refused)
    await page.get_by_label("Your message").fill(STORY)
    await page.keyboard.press("Enter")  # its card is gone again before anybody could look
    await expect(page.locator("#sign-in")).to_contain_text("You were signed out.")


async def test_a_password_is_changed(page: Page, person: Person) -> None:
    await signed_in(page, person)
    await page.get_by_role("button", name="Password").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Current password").fill("a wrong one")
    await dialog.get_by_label("New password").fill("short1")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_contain_text("not the account's password")
    await dialog.get_by_label("Current password").fill("correct horse battery staple")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_contain_text("too short")
    await dialog.get_by_label("New password").fill(FRESH)
    await page.keyboard.press("Enter")
    await expect(dialog).to_be_hidden()
    user = await User.objects.aget(pk=person.user.pk)
    assert await user.acheck_password(FRESH)
    await page.reload()
    await expect(page.locator("#who")).to_have_text(person.user.username)
