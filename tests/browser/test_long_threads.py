"""A long conversation opens with its last page, earlier ones come by scrolling, and a reader is left where they read."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from playwright.async_api import Locator, Page, expect

from conversations.models import Message
from tests.browser.conftest import sign_in
from tests.browser.test_playground import STORY, ask, finished
from tests.live_site import LiveSite, Person

PAGE, MESSAGES = 50, 500
MOST_ELEMENTS_A_MESSAGE = 80
RICH = (
    "# Night trains\n\nThey *run* by night.\n\n- one\n- two\n\n| A | B |\n| --- | --- |\n| 1 | 2 |\n\n"
    "```python\nprint('on time')\n```\n\n$$x^2 + y^2$$\n\n"
) * 4


async def test_a_long_conversation_opens_with_its_last_page(page: Page, person: Person) -> None:
    thread = person.open_conversation("Long")
    await sync_to_async(_fill)(thread, turns=MESSAGES // 2)
    await sign_in(page, person.user.username)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.get_by_role("navigation").get_by_role("listitem").click()
    await expect(page.locator(".message")).to_have_count(PAGE)
    await expect(page.locator(".theirs").last).to_contain_text("Answer 249.")
    await expect(page.locator(".theirs").last).to_be_in_viewport()

    # One page is read and built, however long the conversation is.
    assert [url for url in asked if "/messages/" in url] == [
        url for url in asked if url.endswith(f"/{thread}/messages/?cursor=last")
    ]
    elements = await page.evaluate("document.querySelectorAll('#messages *').length")
    assert elements < PAGE * MOST_ELEMENTS_A_MESSAGE
    asked.clear()

    top = page.locator(".mine .bubble").filter(has_text="Question 225.")
    await _scroll_up_to(page, top)
    await expect(page.locator(".message")).to_have_count(2 * PAGE)
    # What was read stays under the reader's eyes, and nothing more is read unasked.
    await expect(top).to_be_in_viewport()
    assert len([url for url in asked if "/messages/" in url]) == 1


async def test_the_first_message_is_reached_by_scrolling(page: Page, person: Person) -> None:
    thread = person.open_conversation("Rather long")
    await sync_to_async(_fill)(thread, turns=60)
    await sign_in(page, person.user.username)
    await page.get_by_role("navigation").get_by_role("listitem").click()
    for first in (35, 10, 0):
        oldest = page.locator(".mine .bubble").first
        await expect(oldest).to_have_text(f"Question {first}.")
        await _scroll_up_to(page, oldest)
    await expect(page.locator(".message")).to_have_count(120)
    await expect(page.get_by_role("button", name="Show earlier messages")).to_be_hidden()


async def test_who_reads_above_is_left_there(page: Page, site: LiveSite, person: Person) -> None:
    thread = person.open_conversation("Long")
    await sync_to_async(_fill)(thread, turns=20)
    site.simulator.fault(match="night train", call="chat", text=RICH, token_delay_ms=5)
    await sign_in(page, person.user.username)
    await page.get_by_role("navigation").get_by_role("listitem").click()
    card = await ask(page, STORY)
    await expect(card.locator("h1, h2, h3").first).to_be_visible()
    read = page.locator(".mine .bubble").filter(has_text="Question 3.")
    await _scroll_up_to(page, read)
    before = await read.bounding_box()
    await finished(card)
    assert await read.bounding_box() == before


async def test_an_answer_whose_question_is_on_an_earlier_page_is_copied_as_curl(
    page: Page, person: Person
) -> None:
    thread = person.open_conversation("One more than a page")
    await sync_to_async(_fill)(thread, turns=PAGE // 2)
    unanswered = {"conversation_id": thread, "role": "user", "content": "Left alone."}
    await sync_to_async(Message.objects.create)(**unanswered)
    await sign_in(page, person.user.username)
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("navigation").get_by_role("listitem").click()
    first = page.locator(".message").first
    await expect(first).to_contain_text("Answer 0.")
    # Without scrolling there, which would load the question.
    await first.locator("[data-curl]").evaluate("button => button.click()")
    await expect(first.locator("[data-curl]")).to_have_text("Copied")
    assert '{"content":"Question 0."}' in await page.evaluate("navigator.clipboard.readText()")


async def _scroll_up_to(page: Page, element: Locator) -> None:
    await page.locator("#thread").hover()
    await element.evaluate("element => element.scrollIntoView({ block: 'start' })")


def _fill(thread: str, *, turns: int) -> None:
    for number in range(turns):
        said = {"conversation_id": thread, "status": "complete"}
        prompt = Message.objects.create(role="user", content=f"Question {number}.", **said)
        Message.objects.create(
            role="assistant", content=f"Answer {number}.", answers=prompt, **said
        )
