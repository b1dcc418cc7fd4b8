"""Pictures that come with a prompt: checked at the door, shown to a model, kept for their owner alone."""

from __future__ import annotations

import io
import json
from base64 import b64decode, b64encode
from typing import Any

import pytest
from PIL import Image

from conversations.adapters.background.erasure import erase
from conversations.models import PromptAttachments
from routing.models import LLMModel
from routing.publishing.services import ruleset_publish
from tests.live_site import LiveSite, Person


def picture(form: str = "PNG", size: tuple[int, int] = (3, 2)) -> str:
    """A picture as a data URL."""
    file = io.BytesIO()
    Image.new("RGB", size, "teal").save(file, form)
    return f"data:image/{form.lower()};base64,{b64encode(file.getvalue()).decode()}"


PNG = picture()
BLIND = {"litellm_name": "openai/gpt-3.5-turbo", "provider": "openai", "abilities": []}
"""Columns of a model that sees no pictures."""
QUESTION = "What is in it?"


def prompts(site: LiveSite, call: str = "chat") -> list[Any]:
    """The messages of the last call, as the model got them."""
    asked: list[Any] = [
        each.body["messages"] for each in site.simulator.requests if each.call == call
    ][-1]
    return asked


def shown(site: LiveSite) -> int:
    """The pictures that the last model was shown."""
    content = [each["content"] for each in prompts(site)]
    parts = [part for each in content if isinstance(each, list) for part in each]
    return sum(part["type"] in {"image_url", "image"} for part in parts)


def listed(person: Person, conversation: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = person.http.get(
        f"/api/v1/conversations/{conversation}/messages/"
    ).json()["results"]
    return messages


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
def test_a_picture_is_shown_kept_and_served_to_its_owner(site: LiveSite, form: str) -> None:
    person, url = site.person(), picture(form)
    answer = person.ask(QUESTION, attachments=[{"type": "image", "url": url}])
    assert shown(site) == 1
    (prompt, same) = listed(person, answer["conversation"])
    (attached,) = prompt["attachments"]

    kind = f"image/{form.lower()}"
    assert (attached["media_type"], attached["width"], attached["height"]) == (kind, 3, 2)
    assert (answer["attachments"], same["attachments"]) == ([], [])
    assert person.http.get(f"/api/v1/messages/{prompt['id']}/").json() == prompt
    served = person.http.get(attached["url"])
    assert served.content == b64decode(url.partition(",")[2])
    assert served.headers["content-type"] == kind
    assert served.headers["x-content-type-options"] == "nosniff"
    assert site.person().http.get(attached["url"]).status_code == 404
    assert site.client().get(attached["url"]).status_code == 401
    assert person.http.get(attached["url"].replace("/0/", "/1/")).status_code == 404


def test_a_picture_needs_no_words(site: LiveSite) -> None:
    answer = site.person().post_prompt("", attachments=[{"url": PNG}]).json()
    assert answer["status"] == "complete"
    assert answer["decision"]["source"] == "default"
    assert shown(site) == 1


def test_the_classifier_hears_of_pictures_and_sees_none(site: LiveSite) -> None:
    person = site.person()
    person.ask(QUESTION, attachments=[{"url": PNG}, {"url": PNG}])
    said = json.dumps(prompts(site, "classify"))
    assert '<attachments>\\n{\\"pictures\\": 2}\\n</attachments>' in said.replace("\\\\", "\\")
    assert "base64" not in said
    person.ask(QUESTION)
    assert "<attachments>\\n" not in json.dumps(prompts(site, "classify")[-1])


def test_what_was_said_before_and_earlier_pictures_are_seen(site: LiveSite) -> None:
    person = site.person()
    first = person.ask("I keep bees.")
    place = first["conversation"]
    person.ask(QUESTION, conversation=place, attachments=[{"url": PNG}])
    assert shown(site) == 1
    assert "I keep bees." in str(prompts(site))
    person.ask("And which colour has it?", conversation=place)
    assert shown(site) == 1
    assert str(prompts(site)).index(QUESTION) < str(prompts(site)).index("which colour")


def test_an_answer_is_made_again_with_the_picture(site: LiveSite) -> None:
    person = site.person()
    first = person.ask(QUESTION, attachments=[{"url": PNG}])
    later = person.ask("And which colour has it?", conversation=first["conversation"])
    again = person.http.post(
        f"/api/v1/messages/{first['id']}/regenerate/", headers={"Accept": "application/json"}
    ).json()
    assert again["status"] == "complete"
    assert shown(site) == 1
    assert "which colour" not in str(prompts(site))
    assert [len(each["attachments"]) for each in listed(person, first["conversation"])] == [1, 0]
    assert later["conversation"] == again["conversation"]


def test_a_changed_question_keeps_the_picture_by_its_address(site: LiveSite) -> None:
    person = site.person()
    first = person.ask(QUESTION, attachments=[{"url": PNG}])
    place = first["conversation"]
    (attached,) = listed(person, place)[0]["attachments"]
    person.ask(
        "Who is in it?", conversation=place, parent=None, attachments=[{"url": attached["url"]}]
    )
    prompt = listed(person, place)[0]
    assert prompt["content"] == "Who is in it?"
    assert len(prompt["versions"]) == 2
    served = person.http.get(prompt["attachments"][0]["url"])
    assert served.content == b64decode(PNG.partition(",")[2])
    refused = site.person().post_prompt(QUESTION, attachments=[{"url": attached["url"]}])
    assert refused.json()["errors"][0]["field"] == "attachments[0].url"


def test_a_drawn_picture_is_asked_about(site: LiveSite) -> None:
    person = site.person()
    drawn = person.ask("Draw a lighthouse at sunset in watercolour.")
    person.ask(QUESTION, attachments=[{"url": drawn["image"]["url"]}])
    assert shown(site) == 1


BOMB = (
    "data:image/png;base64,"
    + b64encode(
        b64decode(PNG.partition(",")[2]).replace(
            (3).to_bytes(4) + (2).to_bytes(4), (60_000).to_bytes(4) + (60_000).to_bytes(4)
        )
    ).decode()
)


@pytest.mark.parametrize(
    ("attachments", "field"),
    [
        ("text", "attachments"),
        ([PNG], "attachments[0]"),
        ([{"url": PNG}] * 21, "attachments"),
        ([{"url": PNG}, {"url": 5}], "attachments[1].url"),
        ([{"url": PNG, "type": "file"}], "attachments[0].type"),
        ([{"url": "https://elsewhere.example/a.png"}], "attachments[0].url"),
        ([{"url": "data:image/svg+xml;base64,PHN2Zz4="}], "attachments[0].url"),
        ([{"url": "data:image/png;base64,AAAA"}], "attachments[0].url"),
        ([{"url": "data:image/png;base64,%%%"}], "attachments[0].url"),
        ([{"url": BOMB}], "attachments[0].url"),
        ([{"url": "/api/v1/messages/" + "-" * 36 + "/attachments/0/"}], "attachments[0].url"),
    ],
)
def test_what_is_no_picture_is_told_by_its_place(
    site: LiveSite, attachments: Any, field: str
) -> None:
    response = site.person().post_prompt(QUESTION, attachments=attachments)
    assert response.status_code == 400, response.text
    assert [each["field"] for each in response.json()["errors"]] == [field]


def test_models_that_see_nothing_are_no_candidates(site: LiveSite) -> None:
    LLMModel.objects.filter(name="gpt-mini").update(**BLIND)
    ruleset_publish(by=None)
    person = site.person()
    decided = person.ask(QUESTION, attachments=[{"url": PNG}])["decision"]
    assert (decided["rule"], decided["model"]) == ("general", "claude-sonnet")
    named = person.post_prompt(QUESTION, attachments=[{"url": PNG}], model="gpt-mini")
    assert named.json()["errors"][0]["field"] == "attachments[0]"
    LLMModel.objects.filter(kind="chat").update(**BLIND)
    ruleset_publish(by=None)
    before = person.http.get("/api/v1/conversations/").json()["results"]
    refused = person.post_prompt(QUESTION, attachments=[{"url": PNG}])
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "attachments[0]"
    assert person.http.get("/api/v1/conversations/").json()["results"] == before


def test_the_same_pictures_under_one_key_are_asked_once(site: LiveSite) -> None:
    person = site.person()
    asked: dict[str, Any] = {"headers": {"Idempotency-Key": "one"}, "attachments": [{"url": PNG}]}
    first, again = (person.post_prompt(QUESTION, **asked) for _ in range(2))
    assert first.json()["id"] == again.json()["id"]
    asked["attachments"] = [{"url": picture("GIF")}]
    assert person.post_prompt(QUESTION, **asked).status_code == 422


def test_pictures_are_exported_and_erased_with_the_person(site: LiveSite) -> None:
    person = site.person()
    person.ask(QUESTION, attachments=[{"url": PNG}])
    lines = person.http.get("/api/v1/me/export/").text.splitlines()
    kept = [json.loads(line) for line in lines if "attachments of prompts" in line]
    assert kept[0]["data"]["parts"][0]["image_url"]["url"] == PNG
    erase(person.user.pk, seconds=10)
    owned = PromptAttachments.objects.filter(message__conversation__owner=person.user.pk)
    assert not owned.exists()


def test_earlier_pictures_are_left_out_for_a_model_that_sees_none(site: LiveSite) -> None:
    person = site.person()
    first = person.ask(QUESTION, attachments=[{"url": PNG}])
    LLMModel.objects.filter(kind="chat").update(**BLIND)
    ruleset_publish(by=None)
    later = person.ask("And which colour?", conversation=first["conversation"])
    assert later["status"] == "complete"
    assert shown(site) == 0
