"""A turn in the playground: tried again, asked again, changed, stopped and recalled by keys."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import PHONE, sign_in
from tests.browser.test_playground import STORY, ask, finished
from tests.live_site import LiveSite, Person


async def test_a_failed_question_tells_why_and_is_tried_again(
    page: Page, site: LiveSite, person: Person
) -> None:
    site.simulator.fault(match="night train", call="chat", status=500)
    await sign_in(page, person.user.username)
    card = await finished(await ask(page, STORY))
    await expect(card.get_by_role("alert")).to_contain_text("No model could answer just now.")
    await expect(card.get_by_text("How it was answered")).to_be_visible()
    await page.reload()
    await expect(card.get_by_role("alert")).to_contain_text("No model could answer just now.")

    site.simulator.clear()
    await card.get_by_role("button", name="Try again").click()
    await expect(page.locator(".version")).to_have_text("2 of 2")
    await expect(page.locator(".theirs .bubble")).not_to_be_empty()
    await expect(page.locator(".theirs")).to_have_attribute("aria-busy", "false")
    await expect(page.locator(".theirs").get_by_role("alert")).to_be_hidden()


async def test_an_answer_is_made_again_and_both_are_kept(
    page: Page, site: LiveSite, person: Person
) -> None:
    for text in ("First telling.", "Second telling."):
        site.simulator.fault(match="night train", call="chat", text=text, times=1)
    await sign_in(page, person.user.username)
    card = await finished(await ask(page, STORY))
    await expect(card).to_contain_text("First telling.")
    await card.get_by_role("button", name="Ask again").click()
    await expect(card).to_contain_text("Second telling.")
    await expect(page.locator(".version")).to_have_text("2 of 2")

    await page.get_by_role("button", name="Earlier version").click()
    await expect(card).to_contain_text("First telling.")
    await expect(page.locator(".version")).to_have_text("1 of 2")
    await page.reload()
    await expect(card).to_contain_text("First telling.")
    await page.get_by_role("button", name="Later version").click()
    await expect(card).to_contain_text("Second telling.")


async def test_a_question_is_changed_on_a_branch(page: Page, person: Person) -> None:
    await sign_in(page, person.user.username)
    await finished(await ask(page, STORY))
    await finished(await ask(page, "And what became of it?"))
    first = page.locator(".mine").first
    await first.get_by_role("button", name="Edit").click()
    field = first.get_by_label("Your question, changed")
    await expect(field).to_have_value(STORY)
    await page.keyboard.press("Escape")
    await expect(field).to_be_hidden()

    await first.get_by_role("button", name="Edit").click()
    await field.fill("Write a poem about a ship.")
    await page.keyboard.press("Enter")
    await expect(page.locator(".mine")).to_have_count(1)
    await expect(page.locator(".mine .bubble")).to_have_text("Write a poem about a ship.")
    await finished(page.locator(".theirs").last)
    await page.get_by_role("button", name="Earlier version").click()
    await expect(page.locator(".mine .bubble")).to_have_text([STORY, "And what became of it?"])


async def test_a_change_that_is_refused_loses_nothing(page: Page, person: Person) -> None:
    async def too_fast(route: Route) -> None:
        problem = {"status": 429, "code": "rate_limited", "detail": "At most 60 requests."}
        await route.fulfill(status=429, content_type="application/problem+json", json=problem)

    await sign_in(page, person.user.username)
    await finished(await ask(page, STORY))
    await page.route("**/api/v1/conversations/*/messages/", too_fast)
    await page.get_by_role("button", name="Edit").click()
    field = page.get_by_label("Your question, changed")
    await field.fill("Something else.")
    await page.keyboard.press("Enter")
    await expect(page.locator("#ask .problem")).to_be_visible()
    await expect(field).to_have_value("Something else.")


async def test_the_keys_stop_recall_and_list(page: Page, site: LiveSite, person: Person) -> None:
    site.simulator.fault(match="night train", call="chat", token_delay_ms=200)
    await sign_in(page, person.user.username)
    card = await ask(page, STORY)
    await expect(card.locator(".waiting")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(await finished(card)).to_contain_text("Stopped.")

    field = page.get_by_label("Your message")
    await field.focus()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("ArrowUp")
    await expect(field).to_have_value(STORY)
    await page.keyboard.press("Alt+KeyN")
    await expect(page.locator("#title")).to_have_text("New conversation")


async def test_an_answer_is_copied_as_a_call(page: Page, person: Person) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await sign_in(page, person.user.username)
    card = await finished(await ask(page, "It's a story about a night train: tell it."))
    await card.get_by_text("How it was answered").click()
    await card.get_by_role("button", name="Copy as curl").click()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("curl -N http://127.0.0.1:")
    assert r"""-d '{"content":"It'\''s a story about a night train: tell it."}'""" in copied
    assert "$ASSISTANT_API_KEY" in copied


@pytest.mark.parametrize("size", [PHONE])
async def test_the_reason_comes_into_view_on_a_phone(page: Page, person: Person) -> None:
    await sign_in(page, person.user.username)
    card = await finished(await ask(page, STORY))
    await card.get_by_role("button", name="Bad").click()
    await expect(card.get_by_label("What was it?")).to_be_focused()
    await expect(card.get_by_role("button", name="Send feedback")).to_be_in_viewport()
    await expect(card.get_by_text("Your verdict is stored.")).to_be_visible()


async def test_the_admin_is_offered_to_staff_alone(
    page: Page, site: LiveSite, person: Person, administrator: str
) -> None:
    await sign_in(page, person.user.username)
    await expect(page.get_by_role("link", name="Keys")).to_be_visible()
    await expect(page.get_by_role("link", name="Admin")).to_be_hidden()
    await page.get_by_role("button", name="Sign out").click()
    await sign_in(page, administrator)
    await expect(page.get_by_role("link", name="Admin")).to_be_visible()
