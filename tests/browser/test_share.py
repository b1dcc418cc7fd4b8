"""A conversation shared by its link: made, read by a stranger, listed and revoked."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.conftest import sign_in
from tests.browser.test_playground import STORY, ask, finished
from tests.live_site import LiveSite, Person


async def test_a_conversation_is_shared_read_and_revoked(
    page: Page, site: LiveSite, person: Person
) -> None:
    table = "| Train | Night |\n| --- | --- |\n| Nightjet | yes |\n\n```python\nprint(1)\n```"
    site.simulator.fault(match="night train", call="chat", text=table)
    await sign_in(page, person.user.username)
    await finished(await ask(page, STORY))
    await page.get_by_label("More about this conversation").click()
    await page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Make a link").click()
    link = dialog.get_by_label("The link", exact=True)
    await expect(link).not_to_have_value("")
    url = await link.input_value()

    asked: list[str] = []
    reader = await page.context.new_page()
    reader.on("request", lambda request: asked.append(request.url))
    await reader.goto(url)
    await expect(reader.get_by_role("heading", name=STORY)).to_be_visible()
    await expect(reader.get_by_role("cell", name="Nightjet")).to_be_visible()
    await expect(reader.locator("code .hljs-built_in")).to_have_text("print")
    await expect(reader.locator("body")).not_to_contain_text(person.user.username)
    token = url.partition("#")[2]
    # What stands behind # is sent to no server.
    assert asked
    assert all(token not in each.partition("#")[0] for each in asked)

    await dialog.get_by_role("button", name="Revoke the link").click()
    await expect(dialog.get_by_role("heading", name="Your links")).to_be_hidden()
    await reader.reload()
    await expect(reader.get_by_role("alert")).to_contain_text("This link shows nothing")
    await expect(reader.locator(".message")).to_have_count(0)
