"""Serve the stand-in providers until interrupted."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from assistant_site.simulator.__main__ import add_arguments, run


class Command(BaseCommand):
    """Stand-in OpenAI and Anthropic servers, each on its own port. Needs no database."""

    help = (
        "Serve stand-in OpenAI and Anthropic APIs; no real model is asked. See docs/simulator.md."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """The same as ``python -m assistant_site.simulator`` takes."""
        add_arguments(parser)

    def handle(self, **options: Any) -> None:
        """Serve. Raises ``CommandError`` when a port is taken."""
        try:
            run(argparse.Namespace(**options), self._say)
        except OSError as exc:
            raise CommandError(f"The simulator cannot listen: {exc.strerror or exc}") from exc

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
