"""``manage.py evaluate_personal_data FILE``: how often personal data is told right."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from routing.common.files import TableFault, file_fault
from routing.common.statistics import wilson
from routing.evaluation.personal_data import (
    Counts,
    Judged,
    Sentence,
    counts,
    judge,
    read_sentences,
)


class Command(BaseCommand):
    """Reads a CSV file and shows recall and precision by kind and by language."""

    help = (
        "Measure the detection of personal data on a CSV file with the columns 'text' and 'label'"
        " (1: personal), and 'kind' and 'language' where there are some."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures here")
        parser.add_argument("--wrong", action="store_true", help="list what was told wrong")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            judged = judge(read_sentences(path))
        except TableFault as exc:
            raise CommandError(file_fault(path, exc)) from exc
        groups = {
            "all": counts(judged),
            **_by(judged, lambda sentence: sentence.kind),
            **_by(judged, lambda sentence: sentence.language),
        }
        console = Console()
        console.print(_table(path.name, groups))
        for each in judged if options["wrong"] else ():
            if not each.right:
                found = ", ".join(sorted(each.found)) or "nothing"
                console.print(f"{found}: {each.sentence.text}", markup=False, highlight=False)
        if options["json"] is not None:
            figures = {name: asdict(group) for name, group in groups.items()}
            options["json"].write_text(json.dumps(figures, indent=2) + "\n")


def _by(judged: Sequence[Judged], key: Callable[[Sentence], str]) -> dict[str, Counts]:
    names = sorted({key(each.sentence) for each in judged} - {""})
    return {name: counts([each for each in judged if key(each.sentence) == name]) for name in names}


def _table(name: str, groups: dict[str, Counts]) -> Table:
    table = Table(title=f"Personal data in {name}")
    table.add_column("")
    for heading in ("personal", "recall", "95 %", "precision", "others", "mistaken"):
        table.add_column(heading, justify="right")
    for group, sums in groups.items():
        low, high = wilson(sums.found, sums.personal) if sums.personal else (0.0, 0.0)
        table.add_row(
            group,
            str(sums.personal),
            _percent(sums.found / sums.personal if sums.personal else None),
            f"{low:.0%} to {high:.0%}" if sums.personal else "-",
            _percent(sums.precision),
            str(sums.others),
            str(sums.mistaken),
        )
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
