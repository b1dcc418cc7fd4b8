"""The documentation that the site serves: its files as pages, without a way out of their folder."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from assistant_site.views.documentation import FOLDER, anchor, read_page

NAMES = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.md"))
LINK = re.compile(r'href="([^"]+)"')


@pytest.mark.pure
@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_a_file_and_a_heading(name: str) -> None:
    page = read_page(name)
    assert page.title
    assert "style=" not in page.html  # the policy refuses inline styles
    for link in LINK.findall(page.html):
        if re.match(r"[a-z]+:", link) or link.startswith("/"):
            continue
        file, _, part = link.partition("#")
        target = (FOLDER / name).parent / file if file else FOLDER / name
        assert target.is_file(), link
        if part and target.suffix == ".md":
            shown = read_page(str(target.resolve().relative_to(FOLDER))).html
            assert f'id="{part}"' in shown, (name, link)


@pytest.mark.pure
def test_an_anchor_is_as_on_github() -> None:
    assert anchor("The text of a *refusal* (a tool)") == "the-text-of-a-refusal-a-tool"


def test_a_page_is_served_with_the_list_of_all(client: Client) -> None:
    page = client.get("/docs/rules.md")
    text = page.content.decode()
    assert page.status_code == 200
    assert '<h2 id="golden-cases">Golden cases</h2>' in text
    assert '<a href="/docs/answer-cache.md">' in text
    assert "'unsafe-inline'" not in page.headers["Content-Security-Policy"]
    assert client.get("/docs/").headers["Location"] == "/docs/admin.md"
    assert client.get("/docs/decisions/README.md").status_code == 200


def test_pictures_are_served(client: Client) -> None:
    assert client.get("/docs/images/admin.png").headers["Content-Type"] == "image/png"


@pytest.mark.parametrize(
    "path", ["nothing.md", "../README.md", "%2e%2e/README.md", "..%2fREADME.md", "images/x.png"]
)
def test_nothing_else_is(client: Client, path: str) -> None:
    assert client.get(f"/docs/{path}").status_code == 404
