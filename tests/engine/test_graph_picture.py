"""The picture in the documentation is the graph that runs."""

from __future__ import annotations

from pathlib import Path

from conversations.management.commands.draw_graph import mermaid, with_picture

DOCUMENT = Path(__file__).parents[2] / "docs" / "architecture.md"


def test_the_documented_picture_is_the_compiled_graph() -> None:
    text = DOCUMENT.read_text()

    assert with_picture(text) == text
    assert "lookup_answer -.-> replay" in mermaid()
