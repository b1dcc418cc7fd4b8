"""``manage.py judge FILE …``: every evaluation that the files allow, beside the last run kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table

from routing.common.files import TableFault, file_fault
from routing.common.statistics import Estimate
from routing.evaluation.regression import (
    Evaluation,
    Figure,
    evaluation_of,
    read_figures,
    restored,
    stored,
)
from routing.reuse.lab.dataset import provenance

LAST_RUN = Path(settings.BASE_DIR) / "benchmarks" / "judged.json"


class Command(BaseCommand):
    """Runs the ``evaluate_*`` commands, which print their tables, and fails where a figure fell."""

    help = (
        "Measure CSV files by the evaluation that their columns are for: pairs (text_a, text_b, label) and "
        "streams (text, intent) for reuse; text and label for the guard (injection, benign), for personal "
        "data (0, 1), else for routing. Compares with the last run that is kept, and ends with 1 where a "
        "figure fell beyond its 95 % interval."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
        parser.add_argument("--last", type=Path, default=LAST_RUN, help="the run to compare with")
        parser.add_argument("--keep", action="store_true", help="keep this run as the last one")

    def handle(self, *_: Any, files: Sequence[Path], last: Path, keep: bool, **__: Any) -> None:
        runs = _read_last(last)
        fallen: list[str] = []
        for file in files:
            evaluation, about = _about(file)
            figures = _measured(file, evaluation)
            before = runs.get(file.name, {})
            same = before.get("sha256") == about["sha256"]
            earlier = restored(before["figures"]) if same else {}
            Console().print(_table(file.name, figures, earlier))
            fallen += [f"{file.name}: {each.name}" for each in figures if _fell(each, earlier)]
            runs[file.name] = {**about, "figures": stored(figures)}
            if keep:  # after each, because the next may take minutes
                _write(last, runs)
        if fallen:
            raise CommandError("Fell beyond chance: " + "; ".join(fallen))


def _read_last(path: Path) -> dict[str, Any]:
    try:
        runs: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise CommandError(file_fault(path, exc)) from exc
    return runs


def _write(path: Path, runs: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(runs, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _about(file: Path) -> tuple[Evaluation, dict[str, Any]]:
    try:
        evaluation = evaluation_of(file)
        return evaluation, {"command": evaluation.value, "sha256": provenance(file)["sha256"]}
    except TableFault as exc:
        raise CommandError(str(exc)) from exc


def _measured(file: Path, evaluation: Evaluation) -> list[Figure]:
    with TemporaryDirectory() as folder:
        written = Path(folder) / "figures.json"
        call_command(evaluation.value, file, json=written)
        return read_figures(evaluation, json.loads(written.read_text(encoding="utf-8")))


def _fell(figure: Figure, earlier: Mapping[str, Estimate]) -> bool:
    return figure.name in earlier and figure.fell(earlier[figure.name])


def _table(name: str, figures: Sequence[Figure], earlier: Mapping[str, Estimate]) -> Table:
    table = Table(title=f"{name}, beside the last run")
    table.add_column("figure", overflow="fold")
    for heading in ("of", "now", "95 %", "last", ""):
        table.add_column(heading, justify="right")
    for figure in figures:
        now, last = figure.estimate, earlier.get(figure.name)
        table.add_row(
            figure.name,
            str(now.count),
            f"{now.value:.1%}",
            f"{now.low:.1%} to {now.high:.1%}",
            f"{last.value:.1%}" if last else "-",
            "fell" if _fell(figure, earlier) else "",
        )
    return table
