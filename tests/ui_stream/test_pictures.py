"""Pictures in the prompts of the AI SDK's chats: shown to a model, kept with the prompt, erased with it."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.adapters.background.erasure import erase
from conversations.models import PromptAttachments
from routing.models import LLMModel
from routing.publishing.services import ruleset_publish
from tests.live_site import LiveSite
from tests.ui_stream.conftest import FrontEnd, Part, text_in

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def file(url: str = PIXEL) -> Part:
    return {"type": "file", "mediaType": "image/png", "filename": "a.png", "url": url}


def shown(front_end: FrontEnd, *parts: Part, **body: Any) -> list[Part]:
    """Send a prompt of these parts."""
    front_end.messages.append(
        {"id": f"u{len(front_end.messages)}", "role": "user", "parts": [*parts]}
    )
    return front_end.request(trigger="submit-message", **body)


def words(text: str) -> Part:
    return {"type": "text", "text": text}


def pictures_sent(site: LiveSite) -> int:
    """The pictures that the last model was shown."""
    chats = [each.body for each in site.simulator.requests if each.call == "chat"]
    content = [each["content"] for each in chats[-1]["messages"]]
    parts = [part for each in content if isinstance(each, list) for part in each]
    return sum(part["type"] in {"image_url", "image"} for part in parts)


@pytest.mark.parametrize("body", [{}, {"model": "gpt-mini"}, {"model": "claude-sonnet"}])
def test_a_picture_is_shown_and_kept_with_its_prompt(
    site: LiveSite, front_end: FrontEnd, body: Part
) -> None:
    parts = shown(front_end, words("What is in it?"), file(), **body)
    prompt = front_end.stored()[0]
    attached = PromptAttachments.objects.get(message=prompt["id"])

    assert text_in(parts)
    assert pictures_sent(site) == 1
    assert prompt["content"] == "What is in it?"
    assert attached.parts == [{"type": "image_url", "image_url": {"url": PIXEL}}]


def test_a_picture_alone_is_answered(site: LiveSite, front_end: FrontEnd) -> None:
    assert text_in(shown(front_end, file()))
    assert pictures_sent(site) == 1


def test_a_follow_up_and_a_second_answer_see_the_picture(
    site: LiveSite, front_end: FrontEnd
) -> None:
    first = shown(front_end, words("What is in it?"), file())
    front_end.regenerate()
    again = pictures_sent(site), len(front_end.stored())
    shown(front_end, words("And which colour has it?"))
    sent = site.simulator.requests[-1].body["messages"]

    assert first
    assert again == (1, 2)
    assert pictures_sent(site) == 1
    assert str(sent).index("What is in it?") < str(sent).index("which colour")
    assert (
        PromptAttachments.objects.filter(message__conversation__client_id=front_end.id).count() == 1
    )


def test_another_picture_takes_the_place_of_the_first(site: LiveSite, front_end: FrontEnd) -> None:
    shown(front_end, words("What is in it?"), file())
    front_end.messages[0]["parts"][1] = file("https://example.com/b.png")
    front_end.regenerate(front_end.messages[0]["id"])
    (kept,) = PromptAttachments.objects.filter(message__conversation__client_id=front_end.id)

    assert kept.parts[0]["image_url"]["url"] == "https://example.com/b.png"
    assert len(front_end.stored()) == 2


def test_a_drawn_picture_can_be_sent_back(site: LiveSite, front_end: FrontEnd) -> None:
    drawn = shown(front_end, words("Draw a lighthouse at dusk."))
    url = next(part["url"] for part in drawn if part["type"] == "file")
    other = FrontEnd(site.person())
    for one, address, status in (
        (front_end, url, 200),
        (front_end, url.partition("?")[0], 200),  # one's own
        (other, url, 200),  # a signed address opens for whoever has it
        (other, url.partition("?")[0], 400),
    ):
        message = {"role": "user", "parts": [words("Describe it."), file(address)]}
        assert one.post(message=message).status_code == status, address
    assert pictures_sent(site) == 1


def test_only_models_that_see_pictures_are_asked(site: LiveSite, front_end: FrontEnd) -> None:
    LLMModel.objects.create(
        name="blind", litellm_name="openai/gpt-3.5-turbo", provider="openai", abilities=[]
    )
    ruleset_publish(by=None)
    try:
        message = {"role": "user", "parts": [words("What is it?"), file()]}
        refused = front_end.post(message=message, model="blind")
        shown(front_end, words("What is it?"), file())
        shown(front_end, words("And now in words alone?"), model="blind")
    finally:
        site.publish_defaults()

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "message.parts[1].url"
    assert pictures_sent(site) == 0


def test_pictures_are_exported_and_erased(site: LiveSite, front_end: FrontEnd) -> None:
    shown(front_end, words("What is in it?"), file())
    lines = front_end.person.http.get("/api/v1/me/export/").text

    assert PIXEL in lines
    assert erase(front_end.person.user.pk, seconds=5)
    assert not PromptAttachments.objects.filter(
        message__conversation__owner=front_end.person.user.pk
    ).exists()
