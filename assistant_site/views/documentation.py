"""Documentation: the files of ``docs/`` as pages of the site, so that they fit the version that runs."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.token import Token

from assistant_site.env import BASE_DIR

FOLDER = BASE_DIR / "docs"
PICTURES = {".png": "image/png", ".svg": "image/svg+xml"}
_NOT_IN_ANCHORS = re.compile(r"[^\w\- ]")
_ELSEWHERE = re.compile(r"[a-z]+:|#|/")


@dataclass(frozen=True, slots=True)
class Page:
    """One file: its name below the folder, its first heading, its HTML."""

    name: str
    title: str
    html: SafeString


def documentation(request: HttpRequest, name: str) -> HttpResponseBase:
    """The page of the Markdown file ``name``, or a picture of the folder."""
    path = FOLDER / name
    # The pattern of the address has no dots but that of the ending: no path leads out of the folder.
    if not path.is_file():
        raise Http404
    if media_type := PICTURES.get(path.suffix):
        return HttpResponse(path.read_bytes(), content_type=media_type)
    return page_response(request, read_page(name))


def page_response(request: HttpRequest, page: Page) -> HttpResponse:
    """The page with the list of all pages beside it."""
    return render(request, "documentation.html", {"shown": page, "pages": all_pages()})


@cache
def read_page(name: str) -> Page:
    """The file as a page. Kept: the files do not change while the site runs."""
    renderer = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = renderer.parse((FOLDER / name).read_text(encoding="utf-8"))
    title = next((tokens[at + 1].content for at, one in enumerate(tokens) if one.tag == "h1"), name)
    _add_anchors(tokens)
    _adapt(tokens, posixpath.dirname(name))
    # The project's own files: their HTML may pass.
    html = SafeString(renderer.renderer.render(tokens, renderer.options, {}))
    return Page(name, title, html)


def all_pages() -> list[Page]:
    """The pages of the folder itself, by title."""
    pages = map(read_page, sorted(path.name for path in Path(FOLDER).glob("*.md")))
    return sorted(pages, key=lambda page: page.title.lower())


def anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it of its text."""
    return _NOT_IN_ANCHORS.sub("", heading.lower()).strip().replace(" ", "-")


def _add_anchors(tokens: Sequence[Token]) -> None:
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            words = (part.content for part in tokens[at + 1].children or ())
            token.attrSet("id", anchor("".join(words)))


def _adapt(tokens: Sequence[Token], folder: str) -> None:
    """Make text of links that leave the folder, and classes of inline styles: no policy allows those."""
    for token in tokens:
        if "style" in token.attrs:
            token.attrs = {"class": "is-number"}
        leaves = False
        for child in token.children or ():
            if child.type == "link_open":
                href = str(child.attrGet("href") or "")
                path = posixpath.normpath(posixpath.join(folder, href))
                leaves = not _ELSEWHERE.match(href) and path.startswith("..")
            if leaves and child.type in {"link_open", "link_close"}:
                child.tag, child.attrs = "span", {}
