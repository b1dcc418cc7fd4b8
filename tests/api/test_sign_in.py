"""Sign-in: tokens rotate, spent ones are refused, guessing is slowed, strangers are told so."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from limits import parse

from conversations.api.requests import bearer_token, bearer_user
from conversations.bootstrap import container
from tests.live_site import PASSWORD, LiveSite

TOKEN = "/api/v1/auth/token/"

pytestmark = pytest.mark.usefixtures("no_old_guesses")


def test_tokens_rotate_and_a_spent_one_is_refused(site: LiveSite) -> None:
    user, http = site.user(), site.client()
    pair = http.post(TOKEN, json={"username": user.username, "password": PASSWORD}).json()
    rotated = http.post(f"{TOKEN}refresh/", json={"refresh": pair["refresh"]})
    spent = http.post(f"{TOKEN}refresh/", json={"refresh": pair["refresh"]})

    assert set(pair) == set(rotated.json()) == {"access", "refresh"}
    assert spent.status_code == 401
    assert spent.json()["code"] == "token_not_valid"
    signed_in = {"Authorization": f"Bearer {rotated.json()['access']}"}
    assert http.get("/api/v1/conversations/", headers=signed_in).status_code == 200


def test_signing_out_ends_the_refresh_token(site: LiveSite) -> None:
    user, http = site.user(), site.client()
    pair = http.post(TOKEN, json={"username": user.username, "password": PASSWORD}).json()

    assert http.post(f"{TOKEN}blacklist/", json={"refresh": pair["refresh"]}).status_code == 200
    again = http.post(f"{TOKEN}refresh/", json={"refresh": pair["refresh"]})
    assert again.status_code == 401


@pytest.mark.parametrize("change", ["deactivated", "deleted", "another password"])
def test_a_refresh_ends_with_the_account(site: LiveSite, change: str) -> None:
    user, http = site.user(), site.client()
    pair = http.post(TOKEN, json={"username": user.username, "password": PASSWORD}).json()
    if change == "deactivated":
        User.objects.filter(pk=user.pk).update(is_active=False)
    elif change == "deleted":
        user.delete()
    else:
        user.set_password("a new one")
        user.save()
    refused = http.post(f"{TOKEN}refresh/", json={"refresh": pair["refresh"]})

    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"


def test_a_deleted_person_with_a_living_token_can_store_nothing(site: LiveSite) -> None:
    person = site.person()
    person.user.delete()
    response = person.post_prompt("Hello")

    assert response.status_code == 401
    assert response.json()["code"] == "token_not_valid"


def test_guessing_passwords_is_locked(site: LiveSite) -> None:
    user, http = site.user(), site.client()
    guesses = [
        http.post(TOKEN, json={"username": user.username, "password": f"guess {number}"})
        for number in range(12)
    ]
    right = http.post(TOKEN, json={"username": user.username, "password": PASSWORD})

    assert guesses[0].status_code == 401
    assert guesses[-1].status_code == 429
    assert right.status_code == 429
    assert right.json()["code"] == "rate_limited"
    assert int(right.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "not_authenticated"),
        ("Basic dXNlcjpwdw==", "not_authenticated"),
        ("Bearer not.a.token", "token_not_valid"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/conversations/"),
        ("POST", "/api/v1/messages/"),
        ("GET", "/api/v1/messages/0198a000-0000-7000-8000-000000000000/stream/"),
    ],
)
def test_strangers_are_told_how_to_sign_in(
    site: LiveSite, header: str | None, code: str, method: str, path: str
) -> None:
    headers = {"Authorization": header} if header else {}
    response = site.client().request(method, path, headers=headers)

    assert response.status_code == 401
    assert response.json()["code"] == code
    assert response.headers["www-authenticate"] == "Bearer"


def test_a_token_is_checked_without_the_database(site: LiveSite) -> None:
    person = site.person()
    with CaptureQueriesContext(connection) as queries:
        assert bearer_user(bearer_token(person.http.headers["Authorization"])) == person.user.pk
    assert queries.captured_queries == []


def test_asking_is_limited_per_person(site: LiveSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(container().rate_limits.rates, "ask", parse("2/minute"))
    person = site.person()
    answers = [person.post_prompt("Hello", model="nobody") for _ in range(3)]
    refused = answers[-1]

    assert [answer.status_code for answer in answers] == [400, 400, 429]
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.headers["ratelimit-policy"] == '"default";q=2;w=60'
    assert refused.headers["ratelimit"].startswith('"default";r=0;t=')
    assert site.person().post_prompt("Hello", model="nobody").status_code == 400
