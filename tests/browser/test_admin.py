"""An administrator changes a rule in the browser, and the very next decision follows it."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PHONE
from tests.live_site import PASSWORD, Person

CODE = "Write a Python function that merges two sorted lists"


async def sign_in(page: Page, username: str) -> None:
    await page.goto("/admin/")
    await page.get_by_label("Username").fill(username)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Log in").click()


async def test_a_changed_rule_changes_the_next_decision(
    page: Page, person: Person, administrator: str
) -> None:
    before = person.ask(f"{CODE}.")["decision"]
    assert (before["rule"], before["model"]) == ("code", "gpt")

    await sign_in(page, administrator)
    await page.get_by_role("link", name="Rules").first.click()
    await page.get_by_role("link", name="code", exact=True).click()
    await page.get_by_label("Model", exact=True).select_option(label="claude-sonnet")
    await page.get_by_label("Fallbacks").select_option(value="gpt")
    await page.get_by_role("button", name="Save and publish").click()
    await expect(page.get_by_text("Published as")).to_be_visible()

    after = person.ask(f"{CODE}, please.")["decision"]
    assert (after["rule"], after["model"]) == ("code", "claude-sonnet")
    assert after["ruleset"] == before["ruleset"] + 1


async def test_a_fault_is_told_beside_its_field(page: Page, administrator: str) -> None:
    await sign_in(page, administrator)
    await page.get_by_role("link", name="Rules").first.click()
    await page.get_by_role("link", name="code", exact=True).click()
    await page.get_by_label("Model", exact=True).select_option(label="Select value")
    await page.get_by_role("button", name="Save and publish").click()
    fault = page.get_by_text("Choose the chat model that does it.")
    # Its field has the focus, and no bar of the page covers it.
    await expect(page.get_by_label("Model", exact=True)).to_be_focused()
    await expect(fault).to_be_in_viewport(ratio=1)
    place = await fault.bounding_box()
    assert place
    on_top = "([x, y]) => document.elementFromPoint(x, y).closest('#content') !== null"
    assert await page.evaluate(on_top, [place["x"] + 5, place["y"] + 5])


async def test_the_form_of_a_rule_shows_what_its_action_has(page: Page, administrator: str) -> None:
    await sign_in(page, administrator)
    await page.goto("/admin/routing/rule/add/")
    model, reason = page.get_by_label("Model", exact=True), page.get_by_label("Reason", exact=True)
    again = page.get_by_label("May be used again for")
    await expect(reason).to_be_hidden()
    await expect(again).to_be_visible()
    offered = (
        "[...document.getElementById('id_model').options].filter(o => !o.hidden).map(o => o.text)"
    )
    assert {"gpt", "claude-sonnet"} <= set(await page.evaluate(offered))
    assert {"gpt-image", "claude-haiku"}.isdisjoint(await page.evaluate(offered))
    await model.select_option(label="gpt")

    await page.get_by_label("Action").select_option("image")
    assert await page.evaluate(offered) == ["Select value", "gpt-image"]
    await expect(model).to_have_value("")
    await expect(again).to_be_hidden()

    await page.get_by_label("Action").select_option("refuse")
    await expect(reason).to_be_visible()
    await expect(model).to_be_hidden()
    await expect(page.get_by_text("Using answers again")).to_be_hidden()


@pytest.mark.parametrize("size", [PHONE])
async def test_the_pages_fit_a_phone(page: Page, person: Person, administrator: str) -> None:
    answer = person.ask("What is the capital of France?")
    await sign_in(page, administrator)
    for path in (
        "",
        "routing/rule/",
        "routing/routingsettings/",
        "routing/rulesetversion/",
        "conversations/modelperformance/",
        "conversations/reuse/",
        "conversations/modelperformance/charts/",
        f"conversations/message/{answer['id']}/change/",
        f"conversations/conversation/{answer['conversation']}/change/",
    ):
        await page.goto(f"/admin/{path}")
        assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"], path
