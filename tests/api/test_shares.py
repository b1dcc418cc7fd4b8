"""Sharing by a read-only link: as of sharing, without anything of the owner, until it is revoked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from limits import parse

from conversations.adapters.background.erasure import erase
from conversations.api.shares import TOKEN_HEADER
from conversations.bootstrap import container
from conversations.models import SharedConversation
from tests.api.test_attachments import PNG, QUESTION
from tests.live_site import LiveSite, Person

PICTURE = "Draw a lighthouse at sunset in watercolour."


def share(person: Person, conversation: str) -> str:
    """Share a conversation; the token of the link."""
    response = person.http.post(f"/api/v1/conversations/{conversation}/share/")
    assert response.status_code == 201, response.text
    address, _, token = response.json()["url"].partition("/shared/#")
    assert address == str(person.http.base_url).rstrip("/")
    return str(token)


def opened(site: LiveSite, token: str, path: str = "/api/v1/shared/") -> httpx.Response:
    return site.client().get(path, headers={TOKEN_HEADER: token})


def said(response: httpx.Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [each["content"] for each in response.json()["messages"]]


def test_a_link_shows_what_was_said_and_nothing_of_its_owner(site: LiveSite) -> None:
    person = site.person()
    first = person.ask("Tell me about rivers.")
    person.http.put(f"/api/v1/messages/{first['id']}/feedback/", json={"verdict": "good"})
    token = share(person, first["conversation"])
    answer = opened(site, token)

    body: dict[str, Any] = answer.json()
    assert [each["role"] for each in body["messages"]] == ["user", "assistant"]
    assert said(answer) == ["Tell me about rivers.", first["content"]]
    assert body["title"] == "Tell me about rivers."
    keys = {"id", "role", "content", "created_at", "image", "attachments"}
    assert {name for each in body["messages"] for name in each} == keys
    assert person.user.username not in answer.text
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in answer.headers["x-robots-tag"]
    assert answer.headers["cache-control"] == "no-store"


def test_only_a_digest_of_the_token_is_kept(site: LiveSite) -> None:
    person = site.person()
    place = person.ask("Tell me about rivers.")["conversation"]
    token = share(person, place)
    assert len(token) == 43
    (kept,) = SharedConversation.objects.filter(conversation=place).values()
    assert token not in str(kept)
    again = person.http.get(f"/api/v1/conversations/{place}/share/").json()
    assert again == {**again, "messages": 2, "conversation": place}
    assert "url" not in again
    assert [
        each["conversation"] for each in person.http.get("/api/v1/shares/").json()["results"]
    ] == [place]


def test_a_link_stays_as_of_sharing(site: LiveSite) -> None:
    person = site.person()
    first = person.ask("Tell me about rivers.")
    token = share(person, first["conversation"])
    before = said(opened(site, token))
    person.ask("And lakes?", conversation=first["conversation"])
    person.http.post(
        f"/api/v1/messages/{first['id']}/regenerate/", headers={"Accept": "application/json"}
    )
    person.http.patch(f"/api/v1/conversations/{first['conversation']}/", json={"title": "Mine"})
    assert said(opened(site, token)) == before
    assert opened(site, token).json()["title"] == "Tell me about rivers."
    fresh = share(person, first["conversation"])
    assert opened(site, fresh).json()["title"] == "Mine"
    assert opened(site, token).status_code == 404


@pytest.mark.parametrize("end", ["revoked", "deleted", "erased", "deactivated"])
def test_a_link_ends(site: LiveSite, end: str) -> None:
    person = site.person()
    place = person.ask(QUESTION, attachments=[{"url": PNG}])["conversation"]
    token = share(person, place)
    (prompt, _) = opened(site, token).json()["messages"]
    picture = prompt["attachments"][0]["url"]
    assert opened(site, token, picture).headers["content-type"] == "image/png"
    if end == "revoked":
        path = f"/api/v1/conversations/{place}/share/"
        assert person.http.delete(path).status_code == 204
        assert person.http.delete(path).status_code == person.http.get(path).status_code == 404
    elif end == "deleted":
        person.http.delete(f"/api/v1/conversations/{place}/")
    elif end == "erased":
        erase(person.user.pk, seconds=10)
    else:
        User.objects.filter(pk=person.user.pk).update(is_active=False)
    assert opened(site, token).status_code == 404
    assert opened(site, token, picture).status_code == 404


def test_pictures_are_served_through_their_own_link_alone(site: LiveSite) -> None:
    person = site.person()
    drawn = person.ask(PICTURE)
    other = person.ask(PICTURE)
    token, strange = (share(person, each["conversation"]) for each in (drawn, other))
    image = opened(site, token).json()["messages"][1]["image"]
    assert image["url"] == f"/api/v1/shared/{drawn['id']}/image/"
    assert (
        opened(site, token, image["url"]).content == person.http.get(drawn["image"]["url"]).content
    )
    assert opened(site, strange, image["url"]).status_code == 404
    assert site.client().get(image["url"]).status_code == 404
    assert site.client().get(drawn["image"]["url"]).status_code == 401


@pytest.mark.parametrize("token", ["", "guessed", "x" * 43, "x" * 5000])
def test_other_tokens_open_nothing(site: LiveSite, token: str) -> None:
    assert opened(site, token).status_code == 404


def test_nobody_shares_what_is_another_persons(site: LiveSite) -> None:
    person, other = site.person(), site.person()
    place = person.ask("Tell me about rivers.")["conversation"]
    share(person, place)
    path = f"/api/v1/conversations/{place}/share/"
    answers = [other.http.request(method, path) for method in ("POST", "GET", "DELETE")]
    assert [each.status_code for each in answers] == [404] * 3
    assert other.http.get("/api/v1/shares/").json() == {"results": []}
    assert site.client().post(path).status_code == 401


def test_reading_is_limited_per_address(site: LiveSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(container().rate_limits.rates, "shared", parse("2/minute"))
    answers = [opened(site, "guessed") for _ in range(3)]
    assert [each.status_code for each in answers] == [404, 404, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


def test_a_failed_answer_is_not_shared(site: LiveSite) -> None:
    person = site.person()
    place = person.ask("Tell me about rivers.")["conversation"]
    site.simulator.fault(match="lakes", call="chat", status=500)
    person.post_prompt("And lakes?", conversation=place)
    token = share(person, place)
    assert [each["role"] for each in opened(site, token).json()["messages"]] == [
        "user",
        "assistant",
        "user",
    ]


def test_the_page_is_listed_nowhere(site: LiveSite) -> None:
    page = site.client().get("/shared/")
    assert page.status_code == 200
    assert "noindex" in page.headers["x-robots-tag"]
    assert page.headers["referrer-policy"] == "no-referrer"
