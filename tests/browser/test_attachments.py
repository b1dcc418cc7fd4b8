"""Pictures attached to a prompt: chosen, pasted and dropped, shown in the thread, kept with a changed question."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import sign_in
from tests.browser.test_playground import finished
from tests.live_site import LiveSite, Person


def picture(width: int = 30, height: int = 20) -> bytes:
    file = io.BytesIO()
    # Noise does not shrink: a file of megabytes.
    Image.effect_noise((width, height), 90).save(file, "PNG")
    return file.getvalue()


def file(name: str = "a.png", data: bytes | None = None) -> Any:
    return {"name": name, "mimeType": "image/png", "buffer": data or picture()}


GIVE = """async ([place, kind, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], "a.png", {type: "image/png"}));
  const told = kind === "paste"
    ? new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true})
    : new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true});
  document.querySelector(place).dispatchEvent(told);
}"""


async def give(page: Page, place: str, kind: str) -> None:
    await page.evaluate(GIVE, [place, kind, list(picture())])


def shown(site: LiveSite) -> int:
    """The pictures that the last model was shown."""
    chats = [each.body["messages"] for each in site.simulator.requests if each.call == "chat"]
    content = [each["content"] for each in chats[-1]]
    parts = [part for each in content if isinstance(each, list) for part in each]
    return sum(part["type"] in {"image_url", "image"} for part in parts)


async def loaded(page: Page, count: int) -> None:
    images = page.locator(".attached img")
    await expect(images).to_have_count(count)
    for each in await images.all():
        await expect(each).to_have_js_property("naturalWidth", 30)


async def test_pictures_are_chosen_pasted_dropped_and_asked_about(
    page: Page, site: LiveSite, person: Person
) -> None:
    await sign_in(page, person.user.username)
    await expect(page.locator("#desk")).to_be_visible()
    await page.get_by_label("Pictures", exact=True).set_input_files([file(), file("b.png")])
    tray = page.get_by_label("Attached pictures")
    await expect(tray.get_by_role("listitem")).to_have_count(2)
    await give(page, "#prompt", "paste")
    await give(page, ".talk", "drop")
    await expect(tray.get_by_role("listitem")).to_have_count(4)
    await page.get_by_role("button", name="Remove picture 4").click()
    await expect(tray.get_by_role("listitem")).to_have_count(3)

    await page.get_by_label("Your message").fill("What is in them?")
    await page.keyboard.press("Enter")
    await expect(tray).to_be_hidden()
    card = page.locator(".theirs").last
    await finished(card)
    assert shown(site) == 3
    await loaded(page, 3)
    await page.reload()
    await loaded(page, 3)

    await page.locator(".mine").get_by_role("button", name="Edit").click()
    await page.get_by_label("Your question, changed").fill("Who is in them?")
    await page.keyboard.press("Enter")
    await expect(page.locator(".version")).to_have_text("2 of 2")
    await finished(page.locator(".theirs").last)
    assert shown(site) == 3
    await loaded(page, 3)


async def test_a_large_picture_is_made_small_and_needs_no_words(
    page: Page, site: LiveSite, person: Person
) -> None:
    await sign_in(page, person.user.username)
    await expect(page.locator("#desk")).to_be_visible()
    large = file(data=picture(3000, 1500))
    assert len(large["buffer"]) > 3_000_000
    await page.get_by_label("Pictures", exact=True).set_input_files(large)
    await expect(page.get_by_label("Attached pictures").get_by_role("listitem")).to_have_count(1)
    await page.get_by_role("button", name="Send", exact=True).click()
    await finished(page.locator(".theirs").last)
    assert shown(site) == 1


async def test_what_is_no_picture_is_told(page: Page, person: Person) -> None:
    await sign_in(page, person.user.username)
    await expect(page.locator("#desk")).to_be_visible()
    text: Any = {"name": "a.txt", "mimeType": "text/plain", "buffer": b"text"}
    broken = file(data=b"no picture")
    await page.get_by_label("Pictures", exact=True).set_input_files(text)
    await expect(page.locator("#ask .problem")).to_contain_text("Only PNG")
    await page.get_by_label("Pictures", exact=True).set_input_files(broken)
    await expect(page.locator("#ask .problem")).to_contain_text("can not be read")
    await page.get_by_label("Pictures", exact=True).set_input_files([file() for _ in range(5)])
    await expect(page.locator("#ask .problem")).to_contain_text("At most 4")


async def test_pictures_come_back_with_a_question_that_was_not_taken(
    page: Page, person: Person
) -> None:
    async def refused(route: Route) -> None:
        await route.fulfill(status=429, json={"status": 429, "code": "rate_limited"})

    await sign_in(page, person.user.username)
    await expect(page.locator("#desk")).to_be_visible()
    await page.route("**/api/v1/messages/", refused)
    await page.get_by_label("Pictures", exact=True).set_input_files(file())
    await page.get_by_label("Your message").fill("What is in it?")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(page.locator("#ask .problem")).to_contain_text("a little fast")
    await expect(page.get_by_label("Attached pictures").get_by_role("listitem")).to_have_count(1)
