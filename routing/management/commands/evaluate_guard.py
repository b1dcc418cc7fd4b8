"""``manage.py evaluate_guard FILE``: how often the prompt guard is right, on labelled prompts."""

from __future__ import annotations

import asyncio
import json
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from routing.common.files import PROMPT_COLUMNS, TableFault, read_table
from routing.domain.errors import EmbedderUnavailable
from routing.domain.guard import GuardReport
from routing.embeddings.choice import offline_embedder
from routing.guard.learned import FlagModel, LearnedFlag
from routing.guard.prompt_guard import PromptGuard

INJECTION = "injection"
BENIGN = "benign"


@dataclass(frozen=True, slots=True)
class Sample:
    """A prompt; ``label`` is ``injection`` or another word."""

    text: str
    label: str
    kind: str


@dataclass(slots=True)
class Tally:
    """Verdicts on the prompts of one label and kind."""

    label: str
    kind: str
    verdicts: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many prompts were seen."""
        return self.verdicts.total()

    def share(self, *verdicts: str) -> float:
        """The share of prompts with one of these verdicts, in [0, 1]."""
        return sum(self.verdicts[verdict] for verdict in verdicts) / self.total


@dataclass(frozen=True, slots=True)
class Result:
    """Figures of the guard. Precision and recall are ``None`` where they would divide by nothing;
    ``benign`` counts everything that is not an injection."""

    injections: int
    benign: int
    block_recall: float | None
    caught_recall: float | None
    block_precision: float | None
    caught_precision: float | None
    false_blocks: float | None
    false_flags: float | None
    milliseconds_per_prompt: float


class Command(BaseCommand):
    """Reads a CSV file and shows verdicts by label and kind, then precision and recall."""

    help = (
        "Measure the prompt guard on a CSV file with a column 'text' (or 'prompt') and, where there"
        " are injections, 'label' (injection, or anything else) and 'kind'."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures here")
        parser.add_argument(
            "--wrong", action="store_true", help="list missed injections and stopped benign prompts"
        )

        parser.add_argument("--rules-only", action="store_true", help="leave the learned flag out")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console()
        samples = _read(options["file"])
        started = perf_counter()
        reports = guard_reports(
            [sample.text for sample in samples], learned=not options["rules_only"]
        )
        tallies, wrong = _judge(samples, reports)
        seconds = perf_counter() - started
        result = _result(tallies, seconds)
        console.print(_table(options["file"].name, tallies))
        console.print(_summary(result))
        if options["wrong"]:
            for line in wrong:
                console.print(line, markup=False, highlight=False)
        if options["json"] is not None:
            options["json"].write_text(json.dumps(_as_json(tallies, result), indent=2) + "\n")


def _read(path: Path) -> list[Sample]:
    try:
        rows = read_table(path, "'text' or 'prompt'", PROMPT_COLUMNS)
    except TableFault as exc:
        raise CommandError(str(exc)) from exc
    column = next(name for name in PROMPT_COLUMNS if name in rows[0])
    return [
        Sample(row[column] or "", row.get("label") or BENIGN, row.get("kind") or "") for row in rows
    ]


def guard_reports(texts: Sequence[str], *, learned: bool) -> list[GuardReport]:
    """The guard's word on each text, with the learned flag where ``learned``, by the local embedder."""
    rules = [PromptGuard().report(text) for text in texts]
    if not learned:
        return rules
    embedder = offline_embedder(settings.EMBEDDING_MODEL, Path(settings.DATA_DIR))
    flag = LearnedFlag(FlagModel.load(embedder.name), embedder.embed)

    async def refined() -> list[GuardReport]:
        embedder.warm()
        return [await flag.refine(text, report) for text, report in zip(texts, rules, strict=True)]

    try:
        return asyncio.run(refined())
    except EmbedderUnavailable as exc:
        raise CommandError(f"{exc}; --rules-only measures without the embedder") from exc
    finally:
        embedder.close()


def _judge(
    samples: Sequence[Sample], reports: Sequence[GuardReport]
) -> tuple[list[Tally], list[str]]:
    tallies: dict[tuple[str, str], Tally] = {}
    wrong: list[str] = []
    for sample, report in zip(samples, reports, strict=True):
        key = (sample.label, sample.kind)
        tallies.setdefault(key, Tally(*key)).verdicts[report.verdict] += 1
        if (sample.label == INJECTION) == (report.verdict == "pass"):
            text = " ".join(sample.text.split())[:160]
            wrong.append(f"{sample.label} {report.verdict} {report.score} {report.signals} {text}")
    return sorted(tallies.values(), key=lambda t: (t.label, t.kind)), wrong


def _result(tallies: Iterable[Tally], seconds: float) -> Result:
    injections, benign = Tally(INJECTION, ""), Tally(BENIGN, "")
    for tally in tallies:
        (injections if tally.label == INJECTION else benign).verdicts.update(tally.verdicts)
    blocked = injections.verdicts["block"], benign.verdicts["block"]
    caught = blocked[0] + injections.verdicts["flag"], blocked[1] + benign.verdicts["flag"]
    return Result(
        injections=injections.total,
        benign=benign.total,
        block_recall=_ratio(blocked[0], injections.total),
        caught_recall=_ratio(caught[0], injections.total),
        block_precision=_ratio(blocked[0], sum(blocked)),
        caught_precision=_ratio(caught[0], sum(caught)),
        false_blocks=_ratio(blocked[1], benign.total),
        false_flags=_ratio(benign.verdicts["flag"], benign.total),
        milliseconds_per_prompt=round(seconds * 1000 / (injections.total + benign.total), 3),
    )


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _table(name: str, tallies: Iterable[Tally]) -> Table:
    table = Table(title=f"Prompt guard on {name}")
    for heading in ("label", "kind"):
        table.add_column(heading)
    for heading in ("prompts", "pass", "flag", "block", "stopped or marked"):
        table.add_column(heading, justify="right")
    for tally in tallies:
        counts = (str(tally.verdicts[verdict]) for verdict in ("pass", "flag", "block"))
        share = f"{tally.share('flag', 'block'):.1%}"
        table.add_row(tally.label, tally.kind, str(tally.total), *counts, share)
    return table


def _summary(result: Result) -> Table:
    table = Table(title="Precision and recall")
    table.add_column("")
    table.add_column("blocked", justify="right")
    table.add_column("blocked or flagged", justify="right")
    table.add_row("recall", _percent(result.block_recall), _percent(result.caught_recall))
    table.add_row("precision", _percent(result.block_precision), _percent(result.caught_precision))
    false_either = (
        None
        if result.false_blocks is None or result.false_flags is None
        else result.false_blocks + result.false_flags
    )
    table.add_row("of the benign", _percent(result.false_blocks), _percent(false_either))
    table.caption = f"{result.milliseconds_per_prompt} ms a prompt"
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _as_json(tallies: Iterable[Tally], result: Result) -> dict[str, Any]:
    kinds = [
        {"label": tally.label, "kind": tally.kind, "verdicts": dict(tally.verdicts)}
        for tally in tallies
    ]
    return {"result": asdict(result), "kinds": kinds}
