"""Signed tokens with odd claims, and tokens of people that are gone: 401 on every route."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from rest_framework_simplejwt.tokens import RefreshToken

from tests.live_site import LiveSite

TOKEN = "/api/v1/auth/token/"
NOTHING = uuid.UUID(int=0)
TEXT, HUGE = "soon", 1e308
ODD_TIMES: list[Any] = [TEXT, "9999999999", None, [], {}, True, HUGE, -HUGE, 10**30, float("nan")]

ROUTES = [
    ("GET", "/api/v1/conversations/"),
    ("POST", "/api/v1/conversations/"),
    ("GET", "/api/v1/conversations/{conversation}/"),
    ("PATCH", "/api/v1/conversations/{conversation}/"),
    ("DELETE", "/api/v1/conversations/{conversation}/"),
    ("GET", "/api/v1/conversations/{conversation}/messages/"),
    ("POST", "/api/v1/conversations/{conversation}/messages/"),
    ("POST", "/api/v1/messages/"),
    ("GET", "/api/v1/messages/{message}/"),
    ("GET", "/api/v1/messages/{message}/stream/"),
    ("POST", "/api/v1/messages/{message}/stop/"),
    ("PUT", "/api/v1/messages/{message}/feedback/"),
    ("DELETE", "/api/v1/messages/{message}/feedback/"),
    ("POST", "/api/v1/decisions/"),
    ("GET", f"/api/v1/images/{NOTHING}/"),
]


def claims(kind: str, user: object, **odd: Any) -> dict[str, Any]:
    now = int(time.time())
    sound = {"token_type": kind, "user_id": str(user), "jti": uuid.uuid4().hex}
    return {**sound, "iat": now, "exp": now + 600, **odd}


def signed(payload: dict[str, Any], *left_out: str) -> str:
    kept = {name: value for name, value in payload.items() if name not in left_out}
    # Not jwt.encode: it refuses some of what a signer in another language writes.
    body = json.dumps(kept).encode()
    return jwt.PyJWS().encode(body, str(settings.SIMPLE_JWT["SIGNING_KEY"]), "HS256")


def each(claim: str, *values: Any) -> list[dict[str, Any]]:
    return [{claim: value} for value in values]


ODD = [
    *each("exp", *ODD_TIMES),
    *each("iat", *ODD_TIMES),
    *each("nbf", *ODD_TIMES),
    *each("user_id", None, [], [1], {}, True, 1.0, 1e308, "", "x", "-1", -1, 0),
    *each("user_id", "9" * 30, 10**30, " 1", "1_0", "\u0661", "1\0", 2**63),
    *each("jti", None, [], {}, 5, True, "", "a\0b", "\ud800", "j" * 300),
    *each("token_type", None, [], {}, True, "", "other"),
    *each("sub", 5, []),
]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_an_odd_claim_is_no_valid_token(site: LiveSite, odd: dict[str, Any]) -> None:
    user, http = site.user(), site.client()
    access = {"Authorization": f"Bearer {signed(claims('access', user.pk, **odd))}"}
    refresh = {"refresh": signed(claims("refresh", user.pk, **odd))}
    answers = [
        http.get("/api/v1/conversations/", headers=access),
        http.post("/api/v1/messages/", json={"content": "Hello"}, headers=access),
        http.post(f"{TOKEN}refresh/", json=refresh),
        http.post(f"{TOKEN}blacklist/", json=refresh),
    ]

    assert [answer.status_code for answer in answers] == [401] * 4
    assert {answer.json()["code"] for answer in answers} == {"token_not_valid"}
    assert {answer.headers["www-authenticate"] for answer in answers} == {"Bearer"}


@pytest.mark.parametrize("missing", ["exp", "user_id", "jti", "token_type"])
def test_a_missing_claim_is_no_valid_token(site: LiveSite, missing: str) -> None:
    user, http = site.user(), site.client()
    access = {"Authorization": f"Bearer {signed(claims('access', user.pk), missing)}"}
    refresh = {"refresh": signed(claims("refresh", user.pk), missing)}
    answers = [
        http.get("/api/v1/conversations/", headers=access),
        http.post("/api/v1/messages/", json={"content": "Hello"}, headers=access),
        http.post(f"{TOKEN}refresh/", json=refresh),
        http.post(f"{TOKEN}blacklist/", json=refresh),
    ]

    assert [answer.status_code for answer in answers] == [401] * 4


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("change", ["deactivated", "deleted"])
def test_the_token_of_a_person_that_is_gone_opens_nothing(
    site: LiveSite, change: str, method: str, path: str
) -> None:
    person = site.person()
    message = person.ask("Hello")
    ids = {"message": message["id"], "conversation": message["conversation"]}
    if change == "deleted":
        person.user.delete()
    else:
        User.objects.filter(pk=person.user.pk).update(is_active=False)
    body = {"content": "Hello", "title": "Hello", "verdict": "good"}
    answer = person.http.request(method, path.format(**ids), json=body)

    assert answer.status_code == 401
    assert answer.json()["code"] == "token_not_valid"


@pytest.mark.parametrize("change", ["deactivated", "deleted"])
@pytest.mark.parametrize("path", ["refresh/", "blacklist/"])
def test_the_refresh_token_of_a_person_that_is_gone_is_worth_nothing(
    site: LiveSite, change: str, path: str
) -> None:
    user, http = site.user(), site.client()
    refresh = str(RefreshToken.for_user(user))
    if change == "deleted":
        user.delete()
    else:
        User.objects.filter(pk=user.pk).update(is_active=False)
    answer = http.post(f"{TOKEN}{path}", json={"refresh": refresh})

    assert answer.status_code == 401
    assert answer.json()["code"] == "token_not_valid"


def test_a_refresh_token_may_hold_any_json(site: LiveSite) -> None:
    http = site.client()
    for odd in ("\ud800.e30.AAAA", "é.é.é", "x" * 8_192):
        body = json.dumps({"refresh": odd})
        answer = http.post(
            f"{TOKEN}refresh/", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in {400, 401}


def test_a_long_access_token_is_not_looked_at(site: LiveSite) -> None:
    user = site.user()
    long = signed(claims("access", user.pk, more="m" * 8_192))
    answer = site.client().get(
        "/api/v1/conversations/", headers={"Authorization": f"Bearer {long}"}
    )

    assert answer.status_code == 401
