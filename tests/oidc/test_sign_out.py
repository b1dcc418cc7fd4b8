"""Signing out goes on at the identity provider, and comes back to a page of ours."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from assistant_site.oidc import sign_out as oidc_sign_out
from assistant_site.oidc.discovery import ProviderFault
from assistant_site.oidc.sign_out import COOKIE
from tests.oidc.conftest import sign_in
from tests.oidc.provider import ScriptedProvider
from tests.oidc.test_sign_in import OWN_PAGE, REFRESH, Browser, enters

pytestmark = pytest.mark.timeout(300)  # the first one starts the server


def told(address: str, provider: ScriptedProvider) -> dict[str, str]:
    """What the address of a sign-out tells the provider."""
    assert address.startswith(f"{provider.url}/end?")
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def log_out(client: httpx.Client) -> httpx.Response:
    """Press *Log out* in the admin."""
    token = client.cookies.get("csrftoken", "")
    return client.post("/admin/logout/", data={"csrfmiddlewaretoken": token})


def sign_out(client: httpx.Client) -> httpx.Response:
    """Press *Sign out* in the playground."""
    return client.delete("/session/", headers=OWN_PAGE)


def test_the_admin_signs_out_at_the_provider(browser: Browser, provider: ScriptedProvider) -> None:
    client = browser()
    sign_in(client, provider, sub="leaving", groups=["root"])
    assert enters(client)
    page = log_out(client)

    assert page.status_code == 200
    away = page.headers["refresh"].removeprefix("0; url=")
    assert away in [unescape(found) for found in re.findall(r'href="([^"]+)"', page.text)]
    given = told(away, provider)
    assert given.pop("post_logout_redirect_uri") == f"{client.base_url}/oidc/signed-out/"
    hint = jwt.decode(given.pop("id_token_hint"), options={"verify_signature": False})
    assert hint["sub"] == "leaving"
    assert given == {"client_id": "assistant", "state": "admin"}
    assert not enters(client)
    assert client.get("/oidc/signed-out/?state=admin").headers["location"] == "/admin/"


def test_the_playground_signs_out_at_the_provider(
    browser: Browser, provider: ScriptedProvider
) -> None:
    client = browser()
    back = sign_in(client, provider, page="/", sub="asker")
    kept = next(
        each for each in back.headers.get_list("set-cookie") if each.startswith("assistant_id_")
    )
    assert {"HttpOnly", "SameSite=Strict", "Path=/session/"} <= set(kept.split("; "))
    answer = sign_out(client)

    given = told(answer.json()["end_session"], provider)
    assert given["state"] == "playground"
    hint = jwt.decode(given["id_token_hint"], options={"verify_signature": False})
    assert hint["sub"] == "asker"
    assert client.post(REFRESH, headers=OWN_PAGE).status_code == 204
    assert not [name for name in client.cookies if name.startswith("assistant")]
    assert sign_out(client).status_code == 204, "once"
    assert client.get("/oidc/signed-out/?state=playground").headers["location"] == "/"


def test_a_long_id_token_is_no_hint(browser: Browser, provider: ScriptedProvider) -> None:
    client = browser()
    sign_in(client, provider, page="/", sub="of-many-groups", groups=["a group"] * 1_000)
    given = told(sign_out(client).json()["end_session"], provider)
    assert "id_token_hint" not in given
    assert given["client_id"] == "assistant"


@pytest.mark.parametrize("end", [{}, {"end_session_endpoint": "javascript:alert(1)"}, {"end_session_endpoint": 7}, None])  # fmt: skip
def test_a_provider_without_sign_out_leaves_it_at_ours(
    monkeypatch: pytest.MonkeyPatch, end: dict[str, Any] | None
) -> None:
    def document() -> dict[str, Any]:
        if end is None:
            raise ProviderFault("away")
        return end

    monkeypatch.setattr(oidc_sign_out, "document", document)
    request = RequestFactory().delete("/session/")
    request.COOKIES[COOKIE] = "a-hint"
    answer = oidc_sign_out.of_the_playground(lambda _: HttpResponse(status=204))(request)
    assert json.loads(answer.content) == {"end_session": ""}  # type: ignore[attr-defined]


@pytest.mark.parametrize("state", ["", "https://evil.example/", "admin:index"])
def test_an_unknown_state_leads_to_the_playground(browser: Browser, state: str) -> None:
    back = browser().get("/oidc/signed-out/", params={"state": state})
    assert back.headers["location"] == "/"
