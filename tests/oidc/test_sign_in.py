"""Single sign-on: who is let in as whom, and what keeps everybody else out."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth.models import Group, User

from conversations.models import AuditEntry, AuditPerson
from tests.live_site import PASSWORD, LiveSite
from tests.oidc.conftest import begin, come_back, sign_in
from tests.oidc.provider import ScriptedProvider

Browser = Callable[[], httpx.Client]
REFRESH = "/session/refresh/"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
pytestmark = pytest.mark.timeout(300)  # the first one starts the server


def known(subject: str) -> User | None:
    return User.objects.filter(identities__subject=subject).first()


def enters(client: httpx.Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_the_request_has_state_nonce_and_pkce(browser: Browser, provider: ScriptedProvider) -> None:
    client = browser()
    told = begin(client)
    assert (told["response_type"], told["scope"]) == ("code", "openid email profile")
    assert len({told["state"], told["nonce"], told["code_challenge"]}) == 3
    assert told["code_challenge_method"] == "S256"

    provider.nonce, provider.claims = told["nonce"], {"sub": "pkce"}
    come_back(client, told["state"])
    verifier = provider.requests[-1]["code_verifier"]
    digest = hashlib.sha256(verifier.encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == told["code_challenge"]


def test_an_editor_enters_the_admin(browser: Browser, provider: ScriptedProvider) -> None:
    client = browser()
    back = sign_in(client, provider, sub="editor", preferred_username="ada l.", groups=["ed"])

    assert back.headers["location"] == "/admin/"
    assert enters(client)
    person = known("editor")
    assert person
    assert person.username == "ada_l."
    assert not person.has_usable_password()
    assert (person.is_staff, person.is_superuser) == (True, False)
    assert [group.name for group in person.groups.all()] == ["Rule editors"]


@pytest.mark.parametrize("page", ["/admin/", "/", "/keys/"])
def test_a_sign_in_of_staff_is_in_the_audit_log(
    browser: Browser, provider: ScriptedProvider, page: str
) -> None:
    subject = f"audited at {page}"
    sign_in(browser(), provider, page=page, sub=subject, groups=["root"])
    person = known(subject)
    assert person
    noted = AuditEntry.objects.filter(
        action="sign_in.succeeded", person=AuditPerson.objects.get(user=person.pk).pk
    )

    assert noted.count() == 1


def test_groups_and_roles_follow_the_claims(browser: Browser, provider: ScriptedProvider) -> None:
    lawyers, _ = Group.objects.get_or_create(name="Lawyers")
    own, _ = Group.objects.get_or_create(name="Group of its own")
    sign_in(browser(), provider, sub="mover", groups=["cn=bar,ou=teams", "root", "else"])
    person = known("mover")
    assert person
    assert (person.is_staff, person.is_superuser) == (True, True)
    person.groups.add(own)
    assert lawyers in person.groups.all()

    sign_in(browser(), provider, sub="mover", groups="ed")
    person.refresh_from_db()
    assert (person.is_staff, person.is_superuser) == (True, False)
    assert {group.name for group in person.groups.all()} == {"Rule editors", own.name}
    client = browser()
    sign_in(client, provider, sub="mover")
    person.refresh_from_db()
    assert not person.is_staff
    assert [group.name for group in person.groups.all()] == [own.name]
    assert not enters(client)


WRONG: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "of another sign-in"},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "another client"},
    "an audience beside us": {"aud": ["assistant", "another client"]},
    "another party": {"azp": "another client"},
    "another issuer": {"iss": "https://elsewhere.example"},
    "too old": {"exp": 1},
    "no end": {"exp": None},
    "nobody": {"sub": None},
    "a long name": {"sub": "x" * 300},
    "half a character": {"sub": "half\ud800"},
    "a NUL": {"sub": "none\0"},
}  # fmt: skip


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_token_signs_nobody_in(
    browser: Browser, provider: ScriptedProvider, fault: str
) -> None:
    client, before = browser(), User.objects.count()
    back = sign_in(client, provider, **{"sub": "wrong", "groups": ["root"], **WRONG[fault]})

    assert back.headers["location"] == "/admin/login/"
    assert not enters(client)
    assert User.objects.count() == before


@pytest.mark.parametrize("fault", ["another key", "HS256", "none"])
def test_a_token_of_another_signature_signs_nobody_in(
    browser: Browser, provider: ScriptedProvider, fault: str
) -> None:
    if fault == "another key":
        provider.key = rsa.generate_private_key(65537, 2048)
    else:
        provider.algorithm = fault
    client = browser()
    back = sign_in(client, provider, sub="forged", groups=["root"])
    assert back.headers["location"] == "/admin/login/"
    assert not enters(client)
    assert known("forged") is None


def test_claims_of_another_person_sign_nobody_in(
    browser: Browser, provider: ScriptedProvider
) -> None:
    client = browser()
    told = begin(client)
    provider.nonce, provider.claims = told["nonce"], {"sub": "one", "groups": ["root"]}
    provider.userinfo = {"sub": "another"}
    assert come_back(client, told["state"]).headers["location"] == "/admin/login/"
    assert not enters(client)


def test_a_state_is_of_one_browser_and_worth_one_sign_in(
    browser: Browser, provider: ScriptedProvider
) -> None:
    client, other = browser(), browser()
    told = begin(client)
    provider.nonce, provider.claims = told["nonce"], {"sub": "stateful", "groups": ["root"]}
    asked = len(provider.requests)

    for stranger, state in ((other, told["state"]), (client, "made up"), (client, "")):
        assert come_back(stranger, state).headers["location"] == "/admin/login/"
        assert not enters(stranger)
    assert len(provider.requests) == asked
    assert come_back(client, told["state"]).headers["location"] == "/admin/"
    assert come_back(client, told["state"]).headers["location"] == "/admin/login/"
    assert len(provider.requests) == asked + 1


def test_a_deactivated_person_stays_out(browser: Browser, provider: ScriptedProvider) -> None:
    sign_in(browser(), provider, sub="leaver", groups=["root"])
    User.objects.filter(identities__subject="leaver").update(is_active=False)

    client = browser()
    assert (
        sign_in(client, provider, sub="leaver", groups=["root"]).headers["location"]
        == "/admin/login/"
    )
    assert not enters(client)
    playground = browser()
    back = sign_in(playground, provider, page="/", sub="leaver")
    assert back.headers["location"] == "/#sign-in-failed"
    assert playground.post(REFRESH, headers=OWN_PAGE).status_code == 204


def test_an_account_is_taken_over_by_a_verified_address_alone(
    browser: Browser, provider: ScriptedProvider, site: LiveSite
) -> None:
    old = site.user(email="Grace@example.org", is_superuser=True)
    for number, verified in enumerate((False, None, "true")):
        claims: dict[str, Any] = {"email": "grace@example.org", "email_verified": verified}
        sign_in(
            browser(), provider, sub=f"guest-{number}", preferred_username=old.username, **claims
        )
        guest = known(f"guest-{number}")
        assert guest
        assert guest != old
        assert guest.email == ""
        assert guest.username.startswith(f"{old.username}-")

    right: dict[str, Any] = {"email": "grace@example.org", "email_verified": True}
    sign_in(browser(), provider, sub="grace", **right)
    assert known("grace") == old
    sign_in(browser(), provider, sub="another-grace", **right)
    assert known("another-grace") != old


def test_the_playground_gets_its_tokens_by_a_cookie_of_its_own(
    browser: Browser, provider: ScriptedProvider
) -> None:
    client = browser()
    back = sign_in(
        client, provider, page="/", sub="playground-asker", preferred_username="playground-asker"
    )

    assert back.headers["location"] == "/"
    cookie = next(
        text for text in back.headers.get_list("set-cookie") if text.startswith("assistant_refresh")
    )
    assert {"HttpOnly", "SameSite=Strict", "Path=/session/"} <= set(cookie.split("; "))
    assert not enters(client), "the playground's sign-in opens no session of the admin"
    answer = client.post(REFRESH, headers=OWN_PAGE).json()
    assert (answer["username"], answer["has_password"]) == ("playground-asker", False)
    me = client.get("/api/v1/me/", headers={"Authorization": f"Bearer {answer['access']}"})
    assert me.json() == {"username": "playground-asker", "is_staff": False}


@pytest.mark.parametrize("page", ["https://evil.example/", "//evil.example/", "/nowhere/", ""])
def test_nobody_is_sent_elsewhere(browser: Browser, provider: ScriptedProvider, page: str) -> None:
    back = sign_in(browser(), provider, page=page, sub="sent", groups=["root"])
    assert back.headers["location"] == "/admin/"


def test_passwords_are_off_everywhere(browser: Browser, site: LiveSite) -> None:
    client, person = browser(), site.user(is_staff=True, is_superuser=True)
    given = {"username": person.username, "password": PASSWORD}

    assert client.post("/api/v1/auth/token/", json=given).status_code == 403
    assert client.post("/session/", json=given, headers=OWN_PAGE).status_code == 403
    page = client.get("/admin/login/")
    assert 'name="password"' not in page.text
    assert "Sign in with the house" in page.text
    assert 'name="password"' not in client.get("/").text
    token = client.cookies.get("csrftoken", "")
    client.post("/admin/login/", data={**given, "csrfmiddlewaretoken": token})
    assert not enters(client)


def test_without_an_issuer_nothing_of_it_is_imported(site: LiveSite) -> None:
    code = (
        "import django, sys; django.setup(); import assistant_site.urls;"
        "print([name for name in sys.modules if 'oidc' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"DJANGO_SETTINGS_MODULE": "assistant_site.settings", "PATH": ""},
    )
    assert done.stdout.strip() == "[]"
    assert site.client().get("/oidc/begin/").status_code == 404
