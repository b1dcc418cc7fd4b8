"""``manage.py sync_rules``: bring Redis up to date with the published rules."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from routing.domain.errors import RulesUnavailable
from routing.publishing.services import rules_sync


class Command(BaseCommand):
    """Safe to run at any time and any number of times. ``manage.py rules publish`` publishes."""

    help = "Write the published rules to Redis. The draft in the tables is left alone."

    def handle(self, *_: Any, **__: Any) -> None:
        try:
            version = rules_sync()
        except RulesUnavailable as exc:
            raise CommandError(f"Redis has no rules: {exc}") from exc
        self.stdout.write(f"Redis has version {version}.")
