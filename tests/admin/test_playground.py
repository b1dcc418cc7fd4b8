"""The playground's page: open to everybody, with nothing of anybody and nothing inline."""

from __future__ import annotations

import re

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

PAGES = pytest.mark.parametrize("path", ["/", "/keys/"])


@PAGES
def test_the_page_allows_no_inline_script(client: Client, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    policy = dict(
        part.strip().partition(" ")[::2]
        for part in page.headers["Content-Security-Policy"].split(";")
    )
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == "'none'"


@PAGES
def test_the_page_loads_its_own_files_only(client: Client, path: str) -> None:
    html = client.get(path).content.decode()
    loaded = re.findall(r'<(?:script|link|img)\b[^>]*?(?:src|href)="([^"]+)"', html)
    assert len(loaded) >= 4
    texts = [address for address in loaded if address.startswith("/catalog/en.")]
    assert len(texts) == 1
    for address in set(loaded) - set(texts):
        assert address.startswith("/static/playground/")
        assert finders.find(address.removeprefix("/static/"))
    assert not re.search(r"<script[^>]*>[^<]", html)
    assert not re.search(r"\s(on\w+|style)=", html)


def test_a_form_sent_without_its_script_gives_nothing_away(client: Client) -> None:
    assert '<form id="sign-in-form" class="card" method="post">' in client.get("/").content.decode()
    assert client.post("/", {"username": "demo", "password": "secret"}).status_code == 405
