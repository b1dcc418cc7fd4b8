"""Links of stored answers: a background judge compares each new one with its neighbours', within a daily
budget."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog
from django.db import Error as DatabaseError

from conversations.adapters.answer_cache.cache import Neighbour
from conversations.db.access import in_database, written
from conversations.domain.errors import LimitReached
from conversations.engine.types import StoredAnswer
from conversations.runs.side_calls import SideCalls
from conversations.stats.link_records import LINK, link_record, link_usd_today
from routing.common.tasks import Background
from routing.domain.errors import CacheUnavailable
from routing.domain.llm import Attempt
from routing.reuse.judge import TOKENS, LinkCase, ReuseJudge
from routing.reuse.linking import conflict, link_candidates

_log = structlog.get_logger("assistant.reuse")

LINKS = "answer links"
"""Name of the background work."""
AT_ONCE = 2
"""Comparisons at a time: they share the classifier with waiting users."""
WAITING = 200
"""Stored answers that may wait for a comparison; of later ones nothing is known."""


class LinkStore(Protocol):
    """Where stored answers and their links are kept. Raises ``CacheUnavailable``."""

    async def neighbours(self, stored: StoredAnswer) -> list[Neighbour]:
        """The answers to similar questions, the nearest first."""
        ...

    async def link(self, stored: StoredAnswer, shown: Sequence[str], same: int | None) -> None:
        """Keep that it differs from the groups in ``shown``, and says the same as the one at ``same``."""
        ...


@dataclass(frozen=True, slots=True)
class _Compared:
    """``said`` is the judge's number of the neighbour that says the same; 0 for none, ``None`` unless asked."""

    calls: tuple[Attempt, ...] = ()
    said: int | None = None


class AnswerLinker:
    """The engine's port ``AnswerLinks``. ``count`` is told the outcome of each comparison: ``same``,
    ``different``, ``conflict`` (no call was needed), ``unpaid`` (no judge, or its budget is spent) or ``failed``."""

    def __init__(
        self,
        store: LinkStore,
        judge: ReuseJudge,
        background: Background,
        side_calls: SideCalls,
        count: Callable[[str], object],
    ) -> None:
        self._side_calls = side_calls
        self._store, self._judge, self._background = store, judge, background
        self._count, self._slots = count, asyncio.Semaphore(AT_ONCE)

    def settle(self, stored: StoredAnswer) -> None:
        """Start a comparison, and return at once."""
        if self._background.count(LINKS) < WAITING:
            self._background.start(LINKS, self._link(stored), subject=stored.entry)

    async def _link(self, stored: StoredAnswer) -> None:
        try:
            async with self._slots:
                await self._compare(stored)
        except (CacheUnavailable, DatabaseError) as exc:
            _log.warning("a stored answer was not linked", error=f"{type(exc).__name__}: {exc}")

    async def _compare(self, stored: StoredAnswer) -> None:
        near = await self._store.neighbours(stored)
        shown = [each for each, _ in link_candidates([(one, one.group) for one in near])]
        if not shown:
            return
        clashing = await asyncio.to_thread(_clashing, stored.content, shown)
        open_ = [one for one in shown if one not in clashing]
        compared = await self._asked(stored, open_) if open_ else _Compared((), 0)
        groups = [one.group for one in (open_ if compared.said is not None else [])]
        same = compared.said - 1 if compared.said else None
        if compared.said is not None or clashing:
            await self._store.link(stored, [*groups, *(one.group for one in clashing)], same)
        outcome = _outcome(compared, asked=bool(open_))
        self._count(outcome)
        await written(link_record, outcome=outcome)

    async def _asked(self, stored: StoredAnswer, near: Sequence[Neighbour]) -> _Compared:
        rules = stored.rules
        budget = rules.reuse.links_usd_per_day
        if not (budget and self._judge.has_model(rules)):
            return _Compared()
        if await in_database(link_usd_today) >= budget:
            return _Compared()
        case = LinkCase(
            (stored.turn.prompt, stored.content), [(one.question, one.answer) for one in near]
        )
        worst = partial(self._side_calls.estimator.judging, case.messages, TOKENS, rules)
        try:
            async with self._side_calls.booked(LINK, worst) as calls:
                said = await self._judge.says_same(case, rules, calls.append)
        except LimitReached:
            return _Compared()
        return _Compared(tuple(calls), said)


def _clashing(content: str, shown: Sequence[Neighbour]) -> list[Neighbour]:
    return [one for one in shown if conflict(content, one.answer)]


def _outcome(compared: _Compared, *, asked: bool) -> str:
    if not asked:
        return "conflict"
    if compared.said is None:
        return "failed" if compared.calls else "unpaid"
    return "same" if compared.said else "different"
