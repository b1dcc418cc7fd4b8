"""The session of a browser: the cookie rotates, opens nothing else, and other origins get nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from axes.utils import reset
from django.conf import settings
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from assistant_site.http.refresh_cookie import COOKIE
from tests.live_site import PASSWORD, LiveSite

OURS = {"Sec-Fetch-Site": "same-origin"}
FRESH = "another horse battery staple"


@pytest.fixture(autouse=True)
def _no_old_guesses(site: LiveSite) -> Iterator[None]:
    """Nobody is locked out for wrong passwords of another test."""
    reset()
    yield
    reset()


def sign_in(site: LiveSite, http: httpx.Client, **fields: Any) -> dict[str, Any]:
    """Sign a new person in; the body of the answer."""
    user = site.user(**fields)
    response = post(http, "/session/", username=user.username, password=PASSWORD)
    assert response.status_code == 200, response.text
    return {**response.json(), "cookie": response.headers["set-cookie"]}


def post(http: httpx.Client, path: str, **body: Any) -> httpx.Response:
    return http.post(path, json=body, headers=OURS)


def bearer(access: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access}"}


def change(http: httpx.Client, access: str, current: str, fresh: str) -> httpx.Response:
    body = {"current_password": current, "new_password": fresh}
    return http.post("/session/password/", json=body, headers=OURS | bearer(access))


def test_the_cookie_is_out_of_reach_of_scripts_and_other_paths(site: LiveSite) -> None:
    http = site.client()
    signed_in = sign_in(site, http)
    parts = {part.strip().lower() for part in signed_in["cookie"].split(";")[1:]}

    assert {"httponly", "samesite=strict", "path=/session/"} <= parts
    assert f"max-age={api_settings.REFRESH_TOKEN_LIFETIME.total_seconds():.0f}" in parts
    assert "refresh" not in signed_in
    assert signed_in["has_password"] is True
    me = http.get("/api/v1/me/", headers=bearer(signed_in["access"]))
    assert me.json()["username"] == signed_in["username"]


def test_the_cookie_is_secure_behind_tls(site: LiveSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "HTTPS", True)
    assert "; Secure" in sign_in(site, site.client())["cookie"]


def test_the_cookie_rotates_and_a_spent_one_is_refused(site: LiveSite) -> None:
    http = site.client()
    signed_in = sign_in(site, http)
    first = http.cookies[COOKIE]
    renewed = post(http, "/session/refresh/")

    assert renewed.json()["username"] == signed_in["username"]
    assert http.cookies[COOKIE] != first
    stale = site.client(**OURS, Cookie=f"{COOKIE}={first}").post("/session/refresh/", json={})
    assert (stale.status_code, stale.json()["code"]) == (401, "token_not_valid")
    # It may come from a tab that was late: the successor that another tab has set must stay.
    assert "set-cookie" not in stale.headers
    assert post(http, "/session/refresh/").status_code == 200


def test_without_a_cookie_nobody_is_signed_in(site: LiveSite) -> None:
    assert post(site.client(), "/session/refresh/").status_code == 204
    assert post(site.client(), "/session/refresh/", refresh="anything").status_code == 204


def test_signing_out_ends_the_cookie_and_every_copy_of_it(site: LiveSite) -> None:
    http = site.client()
    sign_in(site, http)
    kept = http.cookies[COOKIE]
    assert http.delete("/session/", headers=OURS).status_code == 204
    assert COOKIE not in http.cookies
    copy = site.client(**OURS, Cookie=f"{COOKIE}={kept}").post("/session/refresh/", json={})
    assert copy.status_code == 401
    assert http.delete("/session/", headers=OURS).status_code == 204


def test_another_sign_in_ends_the_one_before(site: LiveSite) -> None:
    http = site.client()
    sign_in(site, http)
    kept = http.cookies[COOKIE]
    sign_in(site, http)
    copy = site.client(**OURS, Cookie=f"{COOKIE}={kept}").post("/session/refresh/", json={})
    assert copy.status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "{site}"}, 403),
        ({"Origin": "{site}"}, 200),
        ({"Origin": "http://elsewhere.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
        ({}, 403),
    ],
)
def test_other_origins_get_nothing(site: LiveSite, headers: dict[str, str], status: int) -> None:
    http = site.client()
    signed_in = sign_in(site, http)
    sent = {name: value.format(site=site.url) for name, value in headers.items()}
    credentials = {"username": signed_in["username"], "password": PASSWORD}
    answers = [
        http.post("/session/refresh/", json={}, headers=sent),
        http.post("/session/", json=credentials, headers=sent),
        change_as(http, signed_in["access"], sent),
        http.delete("/session/", headers=sent),
    ]
    assert [answer.status_code for answer in answers] == [
        *[status] * 3,
        status + 4 * (status == 200),
    ]
    assert (COOKIE in http.cookies) is (status == 403)


def change_as(http: httpx.Client, access: str, headers: dict[str, str]) -> httpx.Response:
    body = {"current_password": PASSWORD, "new_password": FRESH}
    return http.post("/session/password/", json=body, headers=headers | bearer(access))


def test_the_cookie_opens_no_call_of_the_api(site: LiveSite) -> None:
    http = site.client()
    sign_in(site, http)
    sent = {**OURS, "Cookie": f"{COOKIE}={http.cookies[COOKIE]}"}
    for path in ("/api/v1/me/", "/api/v1/conversations/", "/v1/models"):
        assert site.client().get(path, headers=sent).status_code == 401
    refresh = site.client().post("/api/v1/auth/token/refresh/", json={}, headers=sent)
    assert refresh.status_code == 400


def test_expired_tokens_do_not_pile_up(site: LiveSite) -> None:
    http = site.client()
    signed_in = sign_in(site, http)
    mine = OutstandingToken.objects.filter(user__username=signed_in["username"])
    mine.update(expires_at="2020-01-01T00:00:00Z")
    assert post(http, "/session/refresh/").status_code == 200
    assert mine.count() == 1


def test_a_new_password_ends_other_sessions_and_keeps_this_one(site: LiveSite) -> None:
    here, there = site.client(), site.client()
    signed_in = sign_in(site, here)
    name = signed_in["username"]
    assert post(there, "/session/", username=name, password=PASSWORD).status_code == 200

    changed = change(here, signed_in["access"], PASSWORD, FRESH)
    assert changed.status_code == 200
    assert changed.json()["username"] == name
    assert post(here, "/session/refresh/").status_code == 200
    assert post(there, "/session/refresh/").status_code == 401
    assert post(there, "/session/", username=name, password=PASSWORD).status_code == 401
    assert post(there, "/session/", username=name, password=FRESH).status_code == 200


@pytest.mark.parametrize(
    ("current", "fresh", "status", "words"),
    [
        ("a wrong one", FRESH, 403, "not the account's password"),
        (PASSWORD, "short1", 400, "too short"),
        (PASSWORD, "73958270194", 400, "entirely numeric"),
        (PASSWORD, "password1", 400, "too common"),
        (PASSWORD, "{username}x1", 400, "too similar"),
        (PASSWORD, "", 400, "blank"),
    ],
)
def test_a_password_that_will_not_do_is_refused(
    site: LiveSite, current: str, fresh: str, status: int, words: str
) -> None:
    http = site.client()
    signed_in = sign_in(site, http)
    refused = change(http, signed_in["access"], current, fresh.format(**signed_in))
    assert refused.status_code == status
    assert words in refused.text
    assert post(http, "/session/refresh/").status_code == 200


def test_guesses_at_the_current_password_are_locked(site: LiveSite) -> None:
    http = site.client()
    access = sign_in(site, http)["access"]
    guesses = [change(http, access, f"guess {number}", FRESH).status_code for number in range(12)]
    assert guesses[0] == 403
    assert guesses[-1] == 429


def test_an_account_without_a_password_has_none_to_change(site: LiveSite) -> None:
    http = site.client()
    person = site.person()
    person.user.set_unusable_password()
    person.user.save()
    refused = change(http, person.http.headers["Authorization"].split()[1], PASSWORD, FRESH)
    assert (refused.status_code, refused.json()["code"]) == (403, "permission_denied")
