"""``manage.py draw_graph``: the engine's picture, from the compiled graph itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.engine.engine import build_graph

_BEGIN, _END = "<!-- graph -->\n", "<!-- /graph -->"


def mermaid() -> str:
    """The compiled graph as a Mermaid diagram, without its colours."""
    diagram = build_graph().get_graph().draw_mermaid(with_styles=False)
    return f"```mermaid\n{diagram.strip()}\n```\n"


def with_picture(text: str) -> str:
    """A Markdown text with the picture between its ``<!-- graph -->`` marks."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    return f"{before}{begin}{mermaid()}{end}{after}"


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
        if _END not in text.partition(_BEGIN)[2]:
            raise CommandError(f"{target} has no <!-- graph --> marks.")
        target.write_text(with_picture(text))
