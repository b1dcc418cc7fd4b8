"""``manage.py audit_log``: the audit log as JSON lines, and the end of its oldest part."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date

from conversations.models import AuditEntry
from conversations.storage.audit import audit, audit_objects, audit_purge


class Command(BaseCommand):
    """Writes entries to the standard output, the oldest first."""

    help = "Export the audit log as JSON lines; --purge deletes what is older than a day."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="first", metavar="DAY", help="from this day on (UTC)")
        parser.add_argument("--to", dest="last", metavar="DAY", help="before this day")
        parser.add_argument("--action", help="only this action, such as key.created")
        parser.add_argument(
            "--purge",
            metavar="DAY",
            help="delete the entries of before this day; export them first",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if options["purge"]:
            self.stdout.write(f"{audit_purge(_day(options['purge']))} entries deleted")
            return
        rows = AuditEntry.objects.all()
        if options["first"]:
            rows = rows.filter(at__gte=_day(options["first"]))
        if options["last"]:
            rows = rows.filter(at__lt=_day(options["last"]))
        if options["action"]:
            rows = rows.filter(action=options["action"])
        for row in audit_objects(rows):
            self.stdout.write(orjson.dumps(row).decode())
        audit("audit_log.exported")


def _day(text: str) -> datetime:
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        raise CommandError(f"{text} is no day such as 2026-11-29.")
    return datetime.combine(day, time.min, UTC)
