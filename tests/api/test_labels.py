"""Titles and reasons without control, escape or direction override characters; names in any Unicode form."""

from __future__ import annotations

import logging
import unicodedata

import httpx
import pytest
from django.contrib.auth.models import User

from assistant_site.logging import without_traceback
from conversations.storage.turns import _title_of
from tests.live_site import PASSWORD, LiveSite

ODD = [
    "a\x1b[31mb",
    "a\x07b",
    "a\x00b",
    "a\u202eb",
    "a\u202db",
    "a\u2066b",
    "a\nb",
    "a\x85b",
    "a\U000e0041b",
]
ODD_IDS = [ascii(text) for text in ODD]


@pytest.mark.parametrize("text", ODD, ids=ODD_IDS)
def test_a_label_takes_no_hidden_character(site: LiveSite, text: str) -> None:
    person = site.person()
    mine = person.open_conversation("Mine")
    message = person.ask("Hello")["id"]
    path = "/api/v1/conversations/"
    answers = [
        person.http.post(path, json={"title": text}),
        person.http.patch(f"{path}{mine}/", json={"title": text}),
        person.http.put(
            f"/api/v1/messages/{message}/feedback/", json={"verdict": "good", "reason": text}
        ),
    ]

    assert [answer.status_code for answer in answers] == [400] * 3
    assert person.http.get(f"{path}{mine}/").json()["title"] == "Mine"


@pytest.mark.parametrize(
    "text",
    ["A title\n", "\n", "\x1c", "\x1f A title", "x" + " " * 200, " " * 201],
    ids=["line end", "only a line end", "blank control", "control", "padded", "only spaces"],
)
def test_a_label_is_judged_as_it_was_sent_not_as_it_is_stored(site: LiveSite, text: str) -> None:
    person = site.person()
    message = person.ask("Hello")["id"]
    verdict = {"verdict": "good", "comment": text.replace("\n", "\x1d") + " " * 3_800}

    opened = person.http.post("/api/v1/conversations/", json={"title": text})
    rated = person.http.put(f"/api/v1/messages/{message}/feedback/", json=verdict)

    assert opened.status_code == 400
    assert rated.status_code == 400


@pytest.mark.parametrize(
    "text", ["Ärger über \u06a9\u062a\u0627\u0628\u200c\u0647\u0627", "👩\u200d🚀 go", "", "a b"]
)
def test_a_label_takes_the_writing_of_every_script(site: LiveSite, text: str) -> None:
    answer = site.person().http.post("/api/v1/conversations/", json={"title": text})

    assert (answer.status_code, answer.json()["title"]) == (201, text)


def test_a_title_of_a_prompt_leaves_no_mark_of_direction_open() -> None:
    title = _title_of("Call \u2066" + "0" * 100 + "\u2069 now\nplease")

    assert title == "Call " + "0" * 75


@pytest.mark.usefixtures("no_old_guesses")
@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_a_name_signs_in_in_any_form(site: LiveSite, form: str) -> None:
    user = site.user()
    name = unicodedata.normalize("NFKC", f"Ünï{user.pk}")
    User.objects.filter(pk=user.pk).update(username=name)
    body = {"username": unicodedata.normalize(form, name), "password": PASSWORD}  # type: ignore[arg-type]

    assert site.client().post("/api/v1/auth/token/", json=body).status_code == 200


@pytest.mark.usefixtures("no_old_guesses")
@pytest.mark.parametrize("after", ["", "https://elsewhere.example/", "//elsewhere.example"])
def test_signing_in_ends_on_a_page(site: LiveSite, after: str) -> None:
    user = site.user()
    User.objects.filter(pk=user.pk).update(is_staff=True)
    with httpx.Client(base_url=site.url, follow_redirects=True) as http:
        http.get("/admin/login/")
        form = {"username": user.username, "password": PASSWORD, "next": after}
        form["csrfmiddlewaretoken"] = http.cookies["csrftoken"]
        page = http.post("/admin/login/", params={"next": after}, data=form)

    assert (page.status_code, page.url.path) == (200, "/admin/")


def test_a_refused_request_is_one_line() -> None:
    record = logging.LogRecord("django.security", logging.ERROR, "", 0, "Bad\nHost", None, None)
    record.exc_info = (ValueError, ValueError("x"), None)

    assert without_traceback(record)
    seen: object = record.exc_info
    assert seen is None
    assert record.getMessage() == "Bad"
