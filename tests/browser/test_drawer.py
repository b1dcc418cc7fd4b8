"""Drafts, the list of conversations, the choice of a model and of colours, and files of a conversation."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.async_api import Page, expect

from tests.browser.conftest import sign_in
from tests.browser.test_playground import STORY, ask, finished, stored
from tests.live_site import LiveSite, Person


async def test_drafts_stay_with_their_conversation(page: Page, person: Person) -> None:
    await sign_in(page, person.user.username)
    await finished(await ask(page, STORY))
    field = page.get_by_label("Your message")
    await field.fill("For the first one.")
    await page.get_by_role("button", name="New conversation").click()
    await expect(field).to_have_value("")
    await field.fill("For a new one.")
    await page.get_by_role("navigation").get_by_role("button", name=STORY).click()
    await expect(field).to_have_value("For the first one.")
    await page.reload()
    await expect(field).to_have_value("For the first one.")
    await page.get_by_role("button", name="New conversation").click()
    await expect(field).to_have_value("For a new one.")

    await page.get_by_role("button", name="Sign out").click()
    await expect(page.get_by_label("User name")).to_be_focused()
    assert await page.evaluate("Object.keys(localStorage).filter(k => k.includes('draft'))") == []


async def test_the_list_has_days_and_is_searched(page: Page, person: Person) -> None:
    person.ask("Tell me of lighthouses.")
    person.ask("Tell me of trains.")
    await sign_in(page, person.user.username)
    drawer = page.get_by_role("navigation")
    await expect(drawer.get_by_role("heading", name="Today")).to_be_visible()
    await expect(drawer.get_by_role("listitem")).to_have_count(2)
    search = page.get_by_label("Search the conversations")
    await search.fill("LIGHTHOUSES")
    await expect(drawer.get_by_role("listitem")).to_have_text(["Tell me of lighthouses."])
    await search.fill("zeppelins")
    await expect(page.get_by_text("No conversation has these words.")).to_be_visible()
    await search.fill("")
    await expect(drawer.get_by_role("listitem")).to_have_count(2)


async def test_an_answer_being_written_is_marked(
    page: Page, site: LiveSite, person: Person
) -> None:
    site.simulator.fault(match="night train", call="chat", token_delay_ms=150)
    await sign_in(page, person.user.username)
    card = await ask(page, STORY)
    mark = page.get_by_role("img", name="Answer being written")
    await expect(mark).to_be_visible()
    await page.get_by_role("button", name="New conversation").click()
    await expect(card).to_have_count(0)
    await expect(mark).to_be_visible()
    await expect(mark).to_have_count(0)


async def test_a_model_is_chosen(page: Page, person: Person) -> None:
    await sign_in(page, person.user.username)
    picker = page.get_by_label("Who answers")
    await expect(picker).to_have_value("")
    await picker.select_option(label="claude-sonnet")
    card = await finished(await ask(page, STORY))
    message = stored(person, await card.get_attribute("data-message-id"))
    assert message["decision"]["source"] == "requested"
    await expect(card.locator(".route")).to_contain_text("model of your choice")


async def test_a_conversation_is_exported(page: Page, person: Person, tmp_path: Path) -> None:
    await sign_in(page, person.user.username)
    card = await finished(await ask(page, STORY))
    message = stored(person, await card.get_attribute("data-message-id"))
    for kind in ("Markdown", "JSON"):
        await page.get_by_label("More about this conversation").click()
        async with page.expect_download() as download:
            await page.get_by_role("button", name=f"Export as {kind}").click()
        await (await download.value).save_as(tmp_path / kind)
    written = (tmp_path / "Markdown").read_text()
    assert written.startswith(f"# {STORY}\n\n## You\n\n{STORY}\n\n## Assistant (")
    assert message["content"] in written
    exported = json.loads((tmp_path / "JSON").read_text())
    assert [each["content"] for each in exported["messages"]] == [STORY, message["content"]]


async def test_colours_are_chosen_and_kept(page: Page, person: Person) -> None:
    await sign_in(page, person.user.username)
    body = page.locator("body")
    light = await body.evaluate("body => getComputedStyle(body).backgroundColor")
    button = page.get_by_role("button", name="Colours")
    await button.click()
    await button.click()
    await expect(button).to_have_attribute("aria-label", "Colours: dark")
    await page.reload()
    await expect(page.locator("#desk")).to_be_visible()
    dark = await body.evaluate("body => getComputedStyle(body).backgroundColor")
    assert dark != light


async def test_a_strange_title_is_a_good_file_name(page: Page, person: Person) -> None:
    thread = person.ask(STORY)["conversation"]
    person.http.patch(f"/api/v1/conversations/{thread}/", json={"title": '../a "b"/ü:?'})
    await sign_in(page, person.user.username)
    await page.get_by_role("navigation").get_by_role("listitem").click()
    await page.get_by_label("More about this conversation").click()
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Export as JSON").click()
    assert (await download.value).suggested_filename == "a-b-ü.json"
