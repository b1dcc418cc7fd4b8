"""``manage.py doctor``: looks at all that an installation needs, and advises."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from rich.console import Console
from rich.table import Table

from assistant_site.doctor import Finding, as_object, examine

_MARKS = {"ok": "[green]ok[/]", "doubt": "[yellow]doubt[/]", "fault": "[red]fault[/]"}


class Command(BaseCommand):
    """Changes nothing. Exits with 1 where something does not work."""

    help = (
        "Look at settings, database, migrations, Redis and its search, rules, models, providers' keys, clocks, "
        "folders and the port, and say what to do. Exits with 1 if something does not work."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_: Any, **options: Any) -> None:
        findings = list(examine())
        if options["json"]:
            told = {"ok": not _faults(findings), "findings": list(map(as_object, findings))}
            self.stdout.write(json.dumps(told, indent=2, ensure_ascii=False))
        else:
            _print(findings)
        if _faults(findings):
            sys.exit(1)


def _faults(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.state == "fault"]


def _print(findings: list[Finding]) -> None:
    table = Table(show_header=False, box=None)
    for finding in findings:
        table.add_row(finding.subject, _MARKS[finding.state], finding.detail, style=None)
        if finding.advice and finding.state != "ok":
            table.add_row("", "", f"→ {finding.advice}")
    console = Console()
    console.print(table, markup=True, highlight=False)
    count = len(_faults(findings))
    console.print(
        "All is well." if not count else f"{count} {'fault' if count == 1 else 'faults'}."
    )
