"""``manage.py reconcile_usage``: compare the counters of budgets with the ledger, and mend them."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from conversations.usage.days import limit_zone
from conversations.usage.states import drifts, mend


class Command(BaseCommand):
    """The ledger is right: a counter that differs is counted anew at its next use."""

    help = "Compare the counters of limits in Redis with the ledger, and mend those that differ."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="change nothing; exit with 1 where one differs"
        )

    def handle(self, *_: Any, check: bool, **__: Any) -> None:
        now, zone = timezone.now(), limit_zone()
        found = list(drifts(now, zone))
        for drift in found:
            terms = drift.limit.terms
            self.stdout.write(
                f"limit {terms.id} ({terms.name}, {terms.unit}) of {drift.limit.subject or 'all'}: "
                f"counter {drift.counter}, ledger {drift.ledger}"
            )
            if not check:
                mend(drift, now, zone)
        total = sum(abs(drift.counter - drift.ledger) for drift in found)
        self.stdout.write(f"drift {total} in {len(found)} counters")
        if check and found:
            sys.exit(1)
