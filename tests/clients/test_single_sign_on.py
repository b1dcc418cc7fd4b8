"""Single sign-on with a real identity provider (node-oidc-provider), in a real browser."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from playwright.async_api import BrowserContext, Page, async_playwright, expect
from pytest_django import DjangoDbBlocker

from benchmarks.stage.site import Site
from tests.browser.conftest import FLAGS, PATIENCE_MS, chromium
from tests.live_site import LiveSite
from tests.processes import site_process

__all__ = ["chromium"]
pytestmark = pytest.mark.timeout(300)  # the first one starts the server
HERE = Path(__file__).parent
SECRET = "a-secret-of-the-client-0123456789"


@dataclass(frozen=True)
class House:
    """The site and its identity provider; ``claims`` is the file that the provider reads."""

    site: Site
    issuer: str
    claims: Path

    def tell(self, subject: str, **claims: Any) -> None:
        """What the provider says of a person from now on."""
        known = json.loads(self.claims.read_text())
        self.claims.write_text(json.dumps({**known, subject: claims}))


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _await_provider(process: subprocess.Popen[bytes], issuer: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the identity provider ended at its start"
        try:
            if httpx.get(f"{issuer}/.well-known/openid-configuration").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the identity provider does not answer")


@pytest.fixture(scope="module")
def _house(
    _running_site: LiveSite,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("identity")
    port, claims = _free_port(), folder / "claims.json"
    issuer = f"http://127.0.0.1:{port}"
    claims.write_text("{}")
    with django_db_blocker.unblock():
        _running_site.publish_defaults()
    site = site_process(
        folder,
        OIDC_ISSUER=issuer,
        OIDC_CLIENT_ID="assistant",
        OIDC_CLIENT_SECRET=SECRET,
        OIDC_NAME="the house",
        OIDC_GROUPS="root=@administrator",
        PASSWORD_SIGN_IN="false",
        SIGN_IN_RATE="1000/minute",
    )
    home = Path(os.environ["CLIENTS_HOME"]).absolute() / "identity_provider"
    shutil.copy(HERE / "identity_provider" / "provider.mjs", home)
    environment = {
        "PORT": str(port),
        "REDIRECT_URI": f"{site.url}/oidc/callback/",
        "SIGNED_OUT_URI": f"{site.url}/oidc/signed-out/",
        "CLAIMS": str(claims),
        "CLIENT_SECRET": SECRET,
    }
    node = home / "node_modules" / "node" / "bin" / "node"
    with (folder / "provider.log").open("wb") as log:
        provider = subprocess.Popen(
            [str(node), "provider.mjs"], cwd=home, env=environment, stdout=log, stderr=log
        )
    try:
        _await_provider(provider, issuer)
        site.start()
        yield House(site, issuer, claims)
    finally:
        site.end()
        provider.terminate()
        provider.wait()


@pytest.fixture
def house(_house: House, site: LiveSite) -> House:
    """With clean providers of models behind the site."""
    return _house


@pytest.fixture
async def profile(chromium: str) -> AsyncIterator[BrowserContext]:
    """A browser that nobody has signed in with."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = await browser.new_context()
        context.set_default_timeout(PATIENCE_MS)
        yield context
        await browser.close()


async def _sign_in(page: Page, house: House, start: str, name: str) -> None:
    """Press the button, sign in at the provider and agree."""
    await page.goto(f"{house.site.url}{start}")
    await page.get_by_role("link", name="Sign in with the house").click()
    await page.wait_for_url(f"{house.issuer}/**")
    await page.fill("input[name=login]", name)
    await page.fill("input[name=password]", "any")
    await page.get_by_role("button", name="Sign-in").click()
    await page.get_by_role("button", name="Continue").click()
    await page.wait_for_url(f"{house.site.url}/**")


async def test_somebody_asks_in_the_playground(house: House, profile: BrowserContext) -> None:
    house.tell("ada", email="ada@example.org", email_verified=True)
    page, addresses = await profile.new_page(), list[str]()
    page.on("request", lambda request: addresses.append(request.url))
    await _sign_in(page, house, "/", "ada")

    await expect(page.locator("#who")).to_have_text("ada")
    await page.fill("#prompt", "Why is the sky blue?")
    await page.keyboard.press("Enter")
    await expect(page.locator("#thread .answer, #thread article").last).to_contain_text("sky")
    ours = [address for address in addresses if address.startswith(house.site.url)]
    assert all("#" not in address and "token" not in address for address in ours)
    await page.reload()
    await expect(page.locator("#who")).to_have_text("ada")
    await page.locator("#sign-out").click()
    await _sign_out_there(page, house)
    await expect(page.get_by_role("link", name="Sign in with the house")).to_be_visible()
    await expect(page).to_have_url(f"{house.site.url}/")
    await page.get_by_role("link", name="Sign in with the house").click()
    await expect(
        page.locator("input[name=login]")
    ).to_be_visible()  # the provider has forgotten ada
    person = await User.objects.aget(identities__subject="ada")
    assert person.email == "ada@example.org"
    assert not person.is_staff


async def test_an_administrator_enters_and_leaves_the_admin(
    house: House, profile: BrowserContext
) -> None:
    house.tell("root", groups=["root", "others"])
    page = await profile.new_page()
    await _sign_in(page, house, "/admin/", "root")
    await expect(page).to_have_url(f"{house.site.url}/admin/")
    await expect(page).to_have_title("Start | Assistant Core")

    # The provider remembers the browser: the next sign-in asks nothing, and the claims are read anew.
    house.tell("root", groups=[])
    await page.goto(f"{house.site.url}/oidc/begin/?next=/admin/")
    await expect(page.get_by_role("alert")).to_contain_text("may not enter the admin")
    person = await User.objects.aget(identities__subject="root")
    assert not person.is_staff


async def test_the_admin_signs_out_at_the_provider(house: House, profile: BrowserContext) -> None:
    house.tell("leaver", groups=["root"])
    page = await profile.new_page()
    await _sign_in(page, house, "/admin/", "leaver")
    await page.locator("#logout-form").first.evaluate("form => form.submit()")
    await _sign_out_there(page, house)
    await expect(page).to_have_url(f"{house.site.url}/admin/login/?next=/admin/")
    await page.get_by_role("link", name="Sign in with the house").click()
    await expect(page.locator("input[name=login]")).to_be_visible()


async def _sign_out_there(page: Page, house: House) -> None:
    """Agree at the provider, which is asked with the ID token."""
    await page.wait_for_url(f"{house.issuer}/session/end?**id_token_hint=**")
    await page.get_by_role("button", name="Yes, sign me out").click()
    await page.wait_for_url(f"{house.site.url}/**")


async def test_nobody_comes_in_without_having_begun(house: House, profile: BrowserContext) -> None:
    page = await profile.new_page()
    await page.goto(f"{house.site.url}/oidc/callback/?code=stolen&state=made-up")
    await expect(page).to_have_url(f"{house.site.url}/admin/login/")
    await expect(page.locator("body")).to_contain_text("Signing in by single sign-on did not work")
