"""Limits: who may spend how much of what, in which time. Pure: windows, subjects, and measures of usage."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from zoneinfo import ZoneInfo

from routing.domain.rules import plain_name


class LimitScope(StrEnum):
    """Who shares a limit."""

    INSTALLATION = "installation"
    GROUP = "group"
    USER = "user"
    KEY = "key"
    END_USER = "end_user"


class LimitUnit(StrEnum):
    """What is limited. US dollars are counted in billionths."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    USD = "usd"
    CONCURRENT = "concurrent"


class LimitWindow(StrEnum):
    """The time in which it is spent: minute and hour slide, day and month are of the calendar."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


SLIDING = {LimitWindow.MINUTE: 60, LimitWindow.HOUR: 3600}
"""Seconds of the windows that slide."""
BILLION = 10**9
"""US dollars are counted in billionths."""
BUCKETS = 60
"""Equal parts of a sliding window: usage leaves it part by part."""
WARNING_LEVELS = (80, 100)
"""Percent of a limit at which operators are warned."""


@dataclass(frozen=True, slots=True)
class PaidCall:
    """One call to a model, as limits measure it. ``cost`` is in billionths of a US dollar."""

    model: str
    tokens: int
    cost: int


_tokens: Callable[[PaidCall], int] = attrgetter("tokens")
_cost: Callable[[PaidCall], int] = attrgetter("cost")


@dataclass(frozen=True, slots=True)
class LimitTerms:
    """The terms of one limit. ``amount`` is in whole units, US dollars in billionths. ``models``: only calls
    of these count; ``None``: all. ``downgrades``: at the limit a cheaper model answers."""

    id: int
    scope: LimitScope
    unit: LimitUnit
    window: LimitWindow
    amount: int
    models: frozenset[str] | None = None
    downgrades: bool = False
    name: str = field(init=False, compare=False, repr=False)
    """Its name in headers and messages: ``key-minute``. This and ``slides`` are asked for several times a request."""
    slides: bool = field(init=False, compare=False, repr=False)
    """Whether its window moves with the time."""

    def __post_init__(self) -> None:
        concurrent = self.unit is LimitUnit.CONCURRENT
        window = "concurrent" if concurrent else self.window
        object.__setattr__(self, "name", f"{self.scope.replace('_', '-')}-{window}")
        object.__setattr__(self, "slides", not concurrent and self.window in SLIDING)

    @property
    def is_budget(self) -> bool:
        """Whether to wait for it is of no use: a day, a month, a total."""
        return self.unit is not LimitUnit.CONCURRENT and not self.slides

    @property
    def of_requests(self) -> bool:
        """Whether it counts requests, whatever they cost."""
        each = self.unit is LimitUnit.REQUESTS and self.models is None
        return each or self.unit is LimitUnit.CONCURRENT

    def counts(self, model: str) -> bool:
        """Whether calls of a model count."""
        return self.models is None or plain_name(model) in self.models

    def levels(self, used: int) -> tuple[int, ...]:
        """The levels of warnings that a used amount has reached."""
        if self.unit is LimitUnit.CONCURRENT or used * 100 < WARNING_LEVELS[0] * self.amount:
            return ()
        return tuple(level for level in WARNING_LEVELS if used * 100 >= level * self.amount)

    def measure(self, calls: Sequence[PaidCall], *, options: Sequence[PaidCall] = ()) -> int:
        """The usage of one run, by its calls; at most, where one of the ``options`` comes on top."""
        if self.models is not None:
            calls = [call for call in calls if self.counts(call.model)]
            options = [call for call in options if self.counts(call.model)]
        match self.unit:
            case LimitUnit.REQUESTS:
                return int(self.models is None or bool(calls or options))
            case LimitUnit.TOKENS:
                return sum(map(_tokens, calls)) + max(map(_tokens, options), default=0)
            case LimitUnit.USD:
                return sum(map(_cost, calls)) + max(map(_cost, options), default=0)
            case LimitUnit.CONCURRENT:
                return 0


def measures(
    terms: Iterable[LimitTerms], calls: Sequence[PaidCall], *, options: Sequence[PaidCall] = ()
) -> Iterator[int]:
    """``LimitTerms.measure`` of several limits. Limits of one unit on the same models have one measure, taken once."""
    known: dict[tuple[LimitUnit, frozenset[str] | None], int] = {}
    for each in terms:
        if (key := (each.unit, each.models)) not in known:
            known[key] = each.measure(calls, options=options)
        yield known[key]


@dataclass(frozen=True, slots=True)
class AppliedLimit:
    """A limit for one subject: the person, group, key or end user that it holds for; empty for all together."""

    terms: LimitTerms
    subject: str
    name: str = field(init=False, compare=False, repr=False)
    """The part of its counter's name that no time changes."""
    timing: str = field(init=False, compare=False, repr=False)
    """Unit and window: limits that share them share windows and buckets."""

    def __post_init__(self) -> None:
        terms = self.terms
        models = ",".join(sorted(terms.models)) if terms.models is not None else "*"
        kind = zlib.crc32(f"{terms.unit} {terms.window} {models}".encode())
        # Names of end users hold anything; Redis and its scripts see none of it.
        who = hashlib.blake2b(self.subject.encode(), digest_size=8).hexdigest()
        object.__setattr__(self, "name", f"{terms.id}:{kind:08x}:{who}")
        object.__setattr__(self, "timing", f"{terms.unit} {terms.window}")

    def bucket(self, at: datetime) -> int:
        """The part of a sliding window; 0 in others."""
        if not self.terms.slides:
            return 0
        return int(at.timestamp() * BUCKETS // SLIDING[self.terms.window])


def window_name(terms: LimitTerms, at: datetime, zone: ZoneInfo) -> str:
    """The calendar window of a moment: ``20261129``, ``202611``, or the window's own name."""
    if terms.unit is LimitUnit.CONCURRENT:
        return "now"
    match terms.window:
        case LimitWindow.DAY:
            return f"{at.astimezone(zone):%Y%m%d}"
        case LimitWindow.MONTH:
            return f"{at.astimezone(zone):%Y%m}"
        case LimitWindow.MINUTE | LimitWindow.HOUR | LimitWindow.TOTAL:
            return terms.window.value


def warning_window(terms: LimitTerms, at: datetime, zone: ZoneInfo) -> tuple[str, datetime | None]:
    """The name and the end of the window in which a level is warned of once. A sliding window stands for
    the minute or hour of the clock."""
    if not terms.slides:
        return window_name(terms, at, zone), window_end(terms, at, zone)
    seconds = SLIDING[terms.window]
    number = int(at.timestamp()) // seconds
    return f"{terms.window}-{number}", datetime.fromtimestamp((number + 1) * seconds, at.tzinfo)


def window_start(terms: LimitTerms, at: datetime, zone: ZoneInfo) -> datetime | None:
    """The begin of the window of a moment; ``None`` for all time."""
    # The first midnight, where the clock is put back over it.
    local = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    match terms.window:
        case LimitWindow.MINUTE | LimitWindow.HOUR:
            return at - timedelta(seconds=SLIDING[terms.window])
        case LimitWindow.DAY:
            return local
        case LimitWindow.MONTH:
            return local.replace(day=1)
        case LimitWindow.TOTAL:
            return None


def window_end(terms: LimitTerms, at: datetime, zone: ZoneInfo) -> datetime | None:
    """The time at which all of it is free again; ``None``: never by itself."""
    start = window_start(terms, at, zone)
    match terms.window:
        case LimitWindow.MINUTE | LimitWindow.HOUR:
            return at + timedelta(seconds=SLIDING[terms.window])
        case LimitWindow.DAY if start:
            # By the calendar: a day of a change of the clock has 23 or 25 hours.
            return (start + timedelta(days=1, hours=3)).replace(hour=0)
        case LimitWindow.MONTH if start:
            return (start + timedelta(days=32)).replace(day=1)
        case _:
            return None
