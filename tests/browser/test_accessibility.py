"""axe-core finds nothing on the pages of the playground, light and dark, wide and narrow."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PHONE, sign_in
from tests.browser.test_playground import FORBIDDEN, PICTURE, STORY, ask, finished
from tests.live_site import LiveSite, Person

AXE = (Path(__file__).parent / "vendor" / "axe" / "axe.min.js").read_text(encoding="utf-8")
WIDE = {"width": 1440, "height": 900}
# The frame of a diagram has no rights, so nothing can look into it.
RUN = """async () => {
  const { violations } = await axe.run(document, { iframes: false });
  return violations.map(({ id, nodes }) =>
    `${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
}"""
ANSWER = (
    "# One\n\n### Three\n\n| A | B |\n| --- | --- |\n| 1 | 2 |\n\n```python\nprint(1)  # a comment\n```\n\n"
    "- [x] done\n\n$x^2$\n\n[a link](https://example.org/) and `code`"
)


async def faults(page: Page, name: str) -> list[str]:
    """What axe finds on the page as it is, in both themes."""
    found = []
    for theme in ("light", "dark"):
        await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
        await page.evaluate(AXE)
        told: list[str] = await page.evaluate(RUN)
        found += [f"{name}, {theme}: {each}" for each in told]
    return found


async def dialog_faults(page: Page, name: str) -> list[str]:
    """Those of an open dialog, which is closed afterwards."""
    await expect(page.get_by_role("dialog")).to_be_visible()
    found = await faults(page, name)
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    return found


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
async def test_nothing_is_found_on_the_playground(
    page: Page, site: LiveSite, person: Person, size: dict[str, int]
) -> None:
    site.simulator.fault(match="night train", call="chat", text=ANSWER)
    site.simulator.fault(match="broken", call="chat", status=500)
    await page.goto("/")
    await expect(page.get_by_label("User name")).to_be_visible()
    found = await faults(page, "sign-in")
    await sign_in(page, person.user.username)
    await expect(page.locator("#desk")).to_be_visible()
    found += await faults(page, "welcome")

    for prompt in (STORY, FORBIDDEN, PICTURE, "Is it broken?"):
        await finished(await ask(page, prompt))
    await page.get_by_text("How it was answered").first.click()
    await page.locator(".theirs").first.get_by_role("button", name="Bad").click()
    await expect(page.locator(".opinion").first).to_be_visible()
    await page.locator(".mine").first.get_by_role("button", name="Edit").click()
    found += await faults(page, "conversation")

    for name in ("Rename", "Share", "Delete"):
        await page.locator("#more").evaluate("menu => { menu.open = true; }")
        await page.locator("#more").get_by_role("button", name=name).click()
        found += await dialog_faults(page, name)
    if size is PHONE:
        await page.get_by_role("button", name="Show the conversations").click()
        found += await faults(page, "drawer")
    await page.get_by_role("button", name="Password").click()
    found += await dialog_faults(page, "password")
    assert found == []


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
async def test_nothing_is_found_on_keys_and_shared_pages(
    page: Page, site: LiveSite, person: Person
) -> None:
    site.simulator.fault(match="night train", call="chat", text=ANSWER)
    answer = person.ask(STORY)
    person.http.post("/api/v1/keys/", json={"name": "night batch"})
    shared = person.http.post(f"/api/v1/conversations/{answer['conversation']}/share/").json()
    await page.goto(shared["url"])
    await expect(page.locator(".message")).to_have_count(2)
    found = await faults(page, "shared")
    await page.goto("/shared/#nothing")
    await expect(page.get_by_role("alert")).to_be_visible()
    found += await faults(page, "revoked")
    await sign_in(page, person.user.username)
    await expect(page.locator("#desk")).to_be_visible()
    await page.goto("/keys/")
    await expect(page.get_by_role("listitem").filter(has_text="night batch")).to_be_visible()
    found += await faults(page, "keys")
    await page.get_by_role("button", name="Rotate night batch").click()
    found += await dialog_faults(page, "rotate")
    assert found == []
