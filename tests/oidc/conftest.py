"""A server process that knows the scripted provider, and browsers without pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pytest_django import DjangoDbBlocker

from benchmarks.stage.site import Site
from tests.live_site import LiveSite
from tests.oidc.provider import CLIENT, SECRET, ScriptedProvider
from tests.processes import site_process

GROUPS = r"law=Lawyers, cn=bar\,ou=teams=Lawyers, ed=Rule editors, ed=@staff, root=@administrator"


@pytest.fixture(scope="module")
def _provider() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as provider:
        yield provider


@pytest.fixture(scope="module")
def _served(
    _running_site: LiveSite,
    _provider: ScriptedProvider,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    with django_db_blocker.unblock():
        _running_site.publish_defaults()
    process = site_process(
        tmp_path_factory.mktemp("oidc"),
        OIDC_ISSUER=_provider.url,
        OIDC_CLIENT_ID=CLIENT,
        OIDC_CLIENT_SECRET=SECRET,
        OIDC_NAME="the house",
        OIDC_GROUPS=GROUPS,
        OIDC_LINK_VERIFIED_EMAIL="true",
        PASSWORD_SIGN_IN="false",
        SIGN_IN_RATE="100000/minute",
    )
    process.start()
    try:
        yield process
    finally:
        process.end()


@pytest.fixture
def provider(_provider: ScriptedProvider) -> ScriptedProvider:
    """As at its start."""
    _provider.begin()
    return _provider


@pytest.fixture
def browser(_served: Site, site: LiveSite) -> Iterator[Callable[[], httpx.Client]]:
    """Makes clients with cookies of their own."""
    made: list[httpx.Client] = []

    def make() -> httpx.Client:
        made.append(httpx.Client(base_url=_served.url, timeout=30))
        return made[-1]

    yield make
    for client in made:
        client.close()


def begin(client: httpx.Client, page: str = "/admin/") -> dict[str, str]:
    """Go to the provider; the parameters that it is told."""
    away = client.get("/oidc/begin/", params={"next": page})
    assert away.status_code == 302, away.text
    query = urlsplit(away.headers["location"]).query
    return {name: values[0] for name, values in parse_qs(query).items()}


def come_back(client: httpx.Client, state: str) -> httpx.Response:
    """Return from the provider with a code."""
    return client.get("/oidc/callback/", params={"code": "a-code", "state": state})


def sign_in(
    client: httpx.Client, provider: ScriptedProvider, page: str = "/admin/", **claims: Any
) -> httpx.Response:
    """All of it."""
    told = begin(client, page)
    provider.nonce, provider.claims = told["nonce"], claims
    provider.userinfo = {}
    return come_back(client, told["state"])
