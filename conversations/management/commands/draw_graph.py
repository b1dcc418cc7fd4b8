"""``manage.py draw_graph``: the engine's picture, from the compiled graph itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.engine.engine import build_graph

_MARKED = re.compile(r"(<!-- graph -->\n).*?(<!-- /graph -->)", re.DOTALL)


def mermaid() -> str:
    """The compiled graph as a Mermaid diagram, without its colours."""
    diagram = build_graph().get_graph().draw_mermaid(with_styles=False)
    return f"```mermaid\n{diagram.strip()}\n```\n"


def with_picture(text: str) -> str:
    """A Markdown text with the picture between its ``<!-- graph -->`` marks."""
    return _MARKED.sub(lambda marks: f"{marks[1]}{mermaid()}{marks[2]}", text)


class Command(BaseCommand):
    """Print the picture, or put it into a document."""

    help = "Draw the engine's graph as Mermaid."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--into", type=Path, help="a Markdown file with <!-- graph --> marks")

    def handle(self, *args: Any, **options: Any) -> None:
        target: Path | None = options["into"]
        if target is None:
            self.stdout.write(mermaid())
            return
        try:
            text = target.read_text()
        except OSError as exc:
            raise CommandError(f"{target} cannot be read: {exc}") from exc
        if not _MARKED.search(text):
            raise CommandError(f"{target} has no <!-- graph --> marks.")
        target.write_text(with_picture(text))
