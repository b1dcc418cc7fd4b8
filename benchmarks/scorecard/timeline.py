"""The kills in the order they happened, and how long the answers under way took to end honestly."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.scorecard.audit import INTERRUPTED, code_of
from benchmarks.scorecard.books import Books
from benchmarks.scorecard.kills import Kill, Stage
from benchmarks.scorecard.ledger import Asked, Ledger

HONEST_SECONDS = 15.0
"""After the death of its worker an answer must have ended by then."""


@dataclass(frozen=True, slots=True)
class Struck:
    """One kill that happened. Times are ``time.time()``; ``open`` are the answers under way."""

    kill: Kill
    at: float
    back: float
    open: tuple[Asked, ...]


def strike(kill: Kill, stage: Stage, ledger: Ledger) -> Struck:
    """Do it, and return when the part is back."""
    at, under_way = time.time(), tuple(ledger.open)
    kill.strike(stage)
    return Struck(kill, at, time.time(), under_way)


@dataclass(frozen=True, slots=True)
class Line:
    """What one kill did to the answers that were under way. Seconds; ``None`` where there was none."""

    name: str
    away: float
    open: int
    cut: int
    interrupted: int
    slowest_end: float | None
    """From the kill to the stored end of an interrupted answer."""
    longest_silence: float | None
    """From a broken connection to the next event that its person heard."""


def lines(struck: Sequence[Struck], books: Books) -> Iterator[Line]:
    """One line a kill."""
    ends = [each.at for each in struck[1:]] + [time.time()]
    for each, until in zip(struck, ends, strict=True):
        cut = [asked for asked in books.asked if _was_cut(asked, each.at, until)]
        honest = list(_interrupted(each, until, books))
        yield Line(
            name=each.kill.name,
            away=each.back - each.at,
            open=len(each.open),
            cut=len(cut),
            interrupted=len(honest),
            slowest_end=max(honest, default=None),
            longest_silence=max(
                (gap for asked in cut for gap in _silences(asked, each.at, until)), default=None
            ),
        )


def too_late(table: Sequence[Line]) -> list[str]:
    """The kills after which an answer took too long to end."""
    return [
        f"{line.name}: {line.slowest_end:.1f} s"
        for line in table
        if line.slowest_end is not None and line.slowest_end > HONEST_SECONDS
    ]


def _was_cut(asked: Asked, at: float, until: float) -> bool:
    return any(at <= cut < until for cut in asked.cuts)


def _silences(asked: Asked, at: float, until: float) -> Iterator[float]:
    return (heard - cut for cut, heard in asked.gaps if at <= cut < until)


def _interrupted(each: Struck, until: float, books: Books) -> Iterator[float]:
    for answer in books.stored.values():
        if code_of(answer) == INTERRUPTED and answer.finished_at:
            ended = answer.finished_at.timestamp()
            if each.at <= ended < until:
                yield ended - max(each.at, answer.created_at.timestamp())
