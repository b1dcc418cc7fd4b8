"""A run on the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod, RenderableType
from rich.table import Table

from benchmarks.throughput import figures
from benchmarks.throughput.figures import Spread, percentile
from benchmarks.throughput.paced import added_first_p99
from benchmarks.throughput.parties import DIRECT, EARLIER, OURS, PROXY, RELAY
from benchmarks.throughput.sheet import Cell, Sheet
from benchmarks.throughput.slices import Slice
from benchmarks.throughput.starts import Start
from benchmarks.throughput.verdicts import memory, verdicts

_WIDTH = 190
_NONE = "-"


def print_run(sheet: Sheet) -> None:
    """All tables, the verdicts last."""
    console = Console(width=max(_WIDTH, Console().width), highlight=False)
    for part in _parts(sheet):
        if not isinstance(part, Table) or part.row_count:
            console.print(part)


def _parts(sheet: Sheet) -> list[RenderableType]:
    parts: list[RenderableType] = [_bursts(cell, by_party) for cell, by_party in sheet.of("burst")]
    parts += [_hits(sheet), _realistic(sheet), _paced(sheet), _memory(sheet), _starts(sheet.starts)]
    parts += [f"Note: {note}" for note in sheet.notes]
    return [*parts, _verdicts(sheet)]


def _bursts(cell: Cell, by_party: Mapping[str, list[Slice]]) -> Table:
    rounds = max(len(slices) for slices in by_party.values())
    table = _table(
        f"{cell.title}: medians of {rounds} rounds (lowest-highest), times in ms", "party", "answers", "CPU µs",
        "x bare relay", "x LiteLLM Proxy", "x before", "first p50", "p95", "p99", "added", "whole p50", "p95", "p99", "a second",
    )  # fmt: skip
    for name, slices in by_party.items():
        table.add_row(
            name,
            *_answers_and_cpu(slices),
            _ratio(slices, by_party.get(RELAY)),
            _ratio(slices, by_party.get(PROXY)),
            _ratio(slices, by_party.get(EARLIER.get(name, ""))),
            *_times(figures.pooled(slices, "first")),
            _added(slices, by_party.get(DIRECT)),
            *_times(figures.pooled(slices, "total")),
            _rate(slices),
        )
        for part in slices[0].cpu if len(slices[0].cpu) > 1 else ():
            table.add_row(f"  {part}", "", _part_cpu(slices, part))
    return table


def _hits(sheet: Sheet) -> Table:
    """Everything in one table: nobody else has a cache."""
    table = _table(
        "Cache hits, times in ms", "hit", "at once", "answers", "CPU µs", "first p50", "p95", "p99",
        "whole p50", "p95", "p99", "a second",
    )  # fmt: skip
    for measure in ("exact hit", "semantic hit"):
        for cell, by_party in sheet.of(measure):
            slices = by_party[OURS]
            table.add_row(
                measure,
                str(cell.concurrency),
                *_answers_and_cpu(slices),
                *_times(figures.pooled(slices, "first")),
                *_times(figures.pooled(slices, "total")),
                _rate(slices),
            )
    return table


def _realistic(sheet: Sheet) -> Table:
    table = _table(
        "A classifier that takes 600 ms, a model that takes 500 ms to its first token; times in ms",
        "party", "answers", "first p50", "p95", "p99",
    )  # fmt: skip
    for _, by_party in sheet.of("realistic"):
        for name, slices in by_party.items():
            answers = str(sum(one.answered for one in slices))
            table.add_row(name, answers, *_times(figures.pooled(slices, "first")))
    return table


def _answers_and_cpu(slices: Sequence[Slice]) -> tuple[str, str]:
    answers = sum(one.answered for one in slices)
    return str(answers), f"{figures.spread(slices, figures.cpu_us).median:,.0f}"


def _part_cpu(slices: Sequence[Slice], part: str) -> str:
    return f"{median(one.cpu_us(part) for one in slices):,.0f}"


def _rate(slices: Sequence[Slice]) -> str:
    return f"{median(one.rate for one in slices):,.0f}"


def _ratio(slices: Sequence[Slice], to: Sequence[Slice] | None) -> str:
    return _spread(figures.ratio(slices, to, figures.cpu_us)) if to else _NONE


def _added(slices: Sequence[Slice], direct: Sequence[Slice] | None) -> str:
    if not direct:
        return _NONE
    return _ms(figures.added(slices, direct, figures.first_p50).median)


def _spread(found: Spread) -> str:
    """The median, and the rounds' lowest and highest."""
    if math.isnan(found.median):
        return _NONE
    low, middle, high = (f"{value:.3g}" for value in (found.low, found.median, found.high))
    return middle if low == high else f"{middle} ({low}-{high})"


def _times(values: Sequence[float]) -> list[str]:
    return [_ms(percentile(values, share)) for share in (50, 95, 99)]


def _ms(value: float) -> str:
    return _NONE if math.isnan(value) else f"{value:,.{0 if value >= 1000 else 1}f}"


def _paced(sheet: Sheet) -> Table:
    table = _table(
        "Paced streams, times in ms", "streams", "party", "whole", "unfinished", "wrong", "CPU µs a stream",
        "token late p50", "p99", "first p50", "p99", "added p99",
    )  # fmt: skip
    for cell, by_party in sheet.of("paced"):
        for name, slices in by_party.items():
            over = added_first_p99(sheet, name, cell.concurrency)
            table.add_row(str(cell.concurrency), name, *_paced_row(slices), _added_p99(over))
        table.add_section()
    return table


def _paced_row(slices: Sequence[Slice]) -> list[str]:
    results = [one.result for one in slices]
    first = figures.pooled(slices, "first")
    late = [[result.late.get(share, math.nan) for result in results] for share in ("p50", "p99")]
    return [
        str(sum(one.answered for one in slices)),
        str(sum(result.cut for result in results)),
        str(sum(result.wrong for result in results)),
        f"{figures.spread(slices, figures.cpu_us).median:,.0f}",
        *(_ms(median(some)) for some in late),
        *(_ms(percentile(first, share)) for share in (50, 99)),
    ]


def _added_p99(over: Spread | None) -> str:
    if over is None:
        return _NONE
    low, middle, high = (_ms(value) for value in (over.low, over.median, over.high))
    return middle if low == high else f"{middle} ({low} to {high})"


def _memory(sheet: Sheet) -> Table:
    table = _table("Memory of an open stream, kB", "party", "part", "kB")
    for name, parts in memory(sheet).items():
        for part, found in parts.items():
            table.add_row(name, part, _NONE if found is None else f"{found:,.0f}")
    return table


def _starts(starts: Mapping[str, Sequence[Start]]) -> Table:
    table = _table("Cold start, seconds", "party", "alive", "ready", "first answer")
    for name, some in starts.items():
        means = (
            median(one.alive for one in some),
            median(one.ready for one in some),
            median(one.answered for one in some),
        )
        table.add_row(name, *(f"{value:.2f}" for value in means))
    return table


def _verdicts(sheet: Sheet) -> Table:
    table = Table("target", "measured", "", title="Targets", title_justify="left", box=SIMPLE_HEAD)
    words = {True: "[green]met", False: "[red]missed", None: "[yellow]not measured"}
    for verdict in verdicts(sheet):
        table.add_row(verdict.target, verdict.measured, words[verdict.met])
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    texts = {"party", "hit", "part"}
    for column in columns:
        justify: JustifyMethod = "left" if column in texts else "right"
        table.add_column(column, justify=justify, no_wrap=True)
    return table
