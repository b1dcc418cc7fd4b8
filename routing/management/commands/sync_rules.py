"""``manage.py sync_rules``: publish the tables where they changed, and bring Redis up to date."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from routing.errors import PublishRefused, RuleSetInvalid, RulesUnavailable
from routing.services import rules_sync, ruleset_publish


class Command(BaseCommand):
    """Safe to run at any time and any number of times."""

    help = "Publish the rules as the tables say, where they changed, and write them to Redis."

    def handle(self, *_: Any, **__: Any) -> None:
        faults = self._publish()
        try:
            version = rules_sync()
        except RulesUnavailable as exc:
            raise CommandError(f"Redis has no rules: {exc}") from exc
        self.stdout.write(f"Redis has version {version}.")
        if faults:
            raise CommandError(
                "The tables are not published, the last good version stays: " + " ".join(faults)
            )

    def _publish(self) -> tuple[str, ...]:
        try:
            ruleset_publish()
        except RuleSetInvalid as exc:
            return exc.faults
        except PublishRefused as exc:
            return exc.failures
        return ()
