"""A whole visit, as one story: from a chip to a shared link, without a jump of the page while answers are written."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.conftest import PHONE, sign_in
from tests.browser.test_playground import finished, stored
from tests.live_site import LiveSite, Person

CHIP = "Write a Python function that merges two sorted lists."
ANSWER = (
    "Both ways are linear:\n\n| Way | Steps |\n| --- | --- |\n| by hand | n |\n| heapq | n log 2 |\n\n"
    "```python\ndef merge(first, second):\n    return sorted(first + second)  # Timsort\n```\n\n"
) + "And that is all there is to say of it. " * 30
WATCH = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const each of list.getEntries()) if (!each.hadRecentInput) window.shifts.push(each.value);
  }).observe({ type: "layout-shift", buffered: true });
}"""
MOST_SHIFT = 0.1
"""Cumulative layout shift up to which Web Vitals call a page good."""


async def test_from_a_chip_to_a_shared_link(page: Page, site: LiveSite, person: Person) -> None:
    site.simulator.fault(match="merges two", call="chat", text=ANSWER, token_delay_ms=4)
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await sign_in(page, person.user.username)
    await page.get_by_role("button", name=CHIP).click()
    await page.evaluate(WATCH)
    await page.keyboard.press("Enter")
    card = page.locator(".theirs").last
    await finished(card)
    await expect(card.get_by_role("cell", name="heapq")).to_be_visible()
    await expect(card.locator("code .hljs-comment")).to_have_text("# Timsort")
    assert await page.evaluate("shifts.reduce((sum, each) => sum + each, 0)") < MOST_SHIFT

    await card.get_by_role("button", name="Copy", exact=True).last.click()
    await expect(card.get_by_role("button", name="Copied")).to_be_visible()
    assert (await page.evaluate("navigator.clipboard.readText()")).strip() == ANSWER.strip()

    await card.get_by_role("button", name="Ask again").click()
    await expect(page.locator(".version")).to_have_text("2 of 2")
    await finished(page.locator(".theirs").last)
    await page.locator(".mine").get_by_role("button", name="Edit").click()
    await page.get_by_label("Your question, changed").fill(f"{CHIP} Name it quokka.")
    await page.keyboard.press("Enter")
    await expect(page.locator(".version")).to_have_text("3 of 3")
    card = await finished(page.locator(".theirs").last)

    await page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    await card.get_by_role("button", name="Bad").click()
    reason = card.get_by_label("What was it?")
    await expect(reason).to_be_focused()
    await reason.select_option("wrong")
    send = card.get_by_role("button", name="Send feedback")
    await expect(send).to_be_in_viewport()
    await send.click()
    await expect(card.get_by_role("status")).to_have_text("Thank you, noted.")
    kept = stored(person, await card.get_attribute("data-message-id"))["feedback"]
    assert (kept["verdict"], kept["reason"]) == ("bad", "wrong")

    await page.reload()
    await expect(page.locator(".version")).to_have_text("3 of 3")
    await expect(page.get_by_role("button", name="Bad")).to_have_attribute("aria-pressed", "true")
    await page.get_by_role("button", name="Show the conversations").click()
    search = page.get_by_label("Search the conversations")
    await search.fill("platypus")
    await expect(page.get_by_text("No conversation has these words.")).to_be_visible()
    await search.fill("quokka")
    await page.get_by_role("navigation").get_by_role("button", name=CHIP).click()

    await page.get_by_label("More about this conversation").click()
    await page.get_by_role("button", name="Share").click()
    await page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("The link", exact=True)
    await expect(link).not_to_have_value("")
    reader = await page.context.new_page()
    await reader.goto(await link.input_value())
    await expect(reader.locator(".mine")).to_contain_text("Name it quokka.")
    await expect(reader.get_by_role("cell", name="heapq")).to_be_visible()
    await expect(reader.locator("code .hljs-comment")).to_have_text("# Timsort")
