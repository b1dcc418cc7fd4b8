"""Relative links of the documents lead to files, and their anchors to headings, that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"!?\[[^\]\n]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^#{1,6} (.+?)\s*$", re.MULTILINE)


def prose(document: Path) -> str:
    """A document without its code blocks."""
    return FENCED.sub("", document.read_text())


def anchors(document: Path) -> set[str]:
    """The headings as GitHub turns them into anchors."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(prose(document))
    }


def links(document: Path) -> list[str]:
    return [link for link in LINK.findall(prose(document)) if not re.match(r"[a-z]+:", link)]


def fault(document: Path, link: str) -> str:
    path, _, anchor = link.partition("#")
    target = (document.parent / path).resolve() if path else document
    if not target.exists():
        return f"{link}: no such file"
    if anchor and target.suffix == ".md" and anchor not in anchors(target):
        return f"{link}: no such heading"
    return ""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    assert [told for link in links(document) if (told := fault(document, link))] == []


def test_a_dead_link_is_found() -> None:
    readme = ROOT / "README.md"
    assert fault(readme, "docs/nothing.md") == "docs/nothing.md: no such file"
    assert fault(readme, "docs/settings.md#nothing") == "docs/settings.md#nothing: no such heading"
    assert fault(readme, "docs/settings.md#data") == ""


def test_links_are_found_at_all() -> None:
    assert "docs/settings.md" in links(ROOT / "README.md")
