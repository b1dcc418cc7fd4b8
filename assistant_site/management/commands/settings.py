"""``manage.py settings``: docs/settings.md and ``.env.example``, made of the declared variables."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from assistant_site.env import BASE_DIR
from assistant_site.variables.documents import documents


class Command(BaseCommand):
    """Without ``--write`` it changes nothing, and exits with 1 where a document is out of date."""

    help = "Compare docs/settings.md and .env.example with the declared variables, or write them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="write what is out of date")

    def handle(self, *_: Any, write: bool, **__: Any) -> None:
        old = {
            path: text
            for path, text in documents().items()
            if (BASE_DIR / path).read_text() != text
        }
        for path, text in old.items():
            if write:
                (BASE_DIR / path).write_text(text)
            self.stdout.write(f"{path} {'is written' if write else 'is out of date'}")
        if old and not write:
            sys.exit(1)
