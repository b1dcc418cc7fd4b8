"""Cache explain: the fate of each candidate for a prompt, as a report for people. Serves nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from conversations.adapters.answer_cache.entries import Hit, question_hash
from conversations.adapters.answer_cache.index import Visibility
from conversations.adapters.answer_cache.verifier import ScoredHit

Fate = Literal["served", "next", "closed", "withheld", "veto", "far", "doubt", "unlikely", "unread"]


@dataclass(frozen=True, slots=True)
class ExplainedEntry:
    """A stored answer, and the reason why a prompt would get it or not.

    ``exact`` where it answers the same words. ``closed`` names the rules that keep it from this user
    (``Visibility.objections``). ``scored`` is ``None`` where nearer entries left no need.
    """

    hit: Hit
    exact: bool
    fate: Fate
    closed: tuple[str, ...] = ()
    scored: ScoredHit | None = None


@dataclass(frozen=True, slots=True)
class LookupReport:
    """Entries that a lookup within ``visible`` reads.

    ``same`` answer the same words, in the order of serving; ``scored`` are the visible near ones, the
    likeliest first; ``around`` are the nearest in any scope, and ``others`` the scores of those that are
    not visible. ``withheld`` are kept from the user by the database.
    """

    visible: Visibility
    same: Sequence[Hit]
    scored: Sequence[ScoredHit]
    around: Sequence[Hit]
    others: Sequence[ScoredHit]
    withheld: Collection[UUID]
    min_similarity: float

    @property
    def near_enough(self) -> list[ScoredHit]:
        """Scored hits at or over the minimal similarity."""
        return [one for one in self.scored if one.hit.similarity >= self.min_similarity]


def explain(report: LookupReport) -> list[ExplainedEntry]:
    """The served entry first, then possible ones, the likeliest first; impossible ones last, the nearest
    first."""
    scored = {one.hit.entry: one for one in report.scored}
    others = {one.hit.entry: one for one in report.others}
    entries = [_same(hit, report, scored.get(hit.entry)) for hit in report.same]
    known = {hit.entry for hit in report.same}
    entries += [
        ExplainedEntry(one.hit, False, _fate(one, report), scored=one)
        for one in report.scored
        if one.hit.entry not in known
    ]
    known |= set(scored)
    entries += [_other(hit, report, others) for hit in report.around if hit.entry not in known]
    # Of all that may be served one is.
    served = [one for one in entries if one.fate == "served"]
    rest = [one for one in entries if one.fate != "served"]
    return [*served[:1], *(replace(one, fate="next") for one in served[1:]), *rest]


def _same(hit: Hit, report: LookupReport, scored: ScoredHit | None) -> ExplainedEntry:
    fate: Fate = "withheld" if hit.entry in report.withheld else "served"
    return ExplainedEntry(hit, True, fate, scored=scored)


def _fate(scored: ScoredHit, report: LookupReport) -> Fate:
    """As ``RedisAnswerCache`` decides without the judge."""
    if scored.hit.entry in report.withheld:
        return "withheld"
    if scored.verdict.vetoes:
        return "veto"
    if scored.hit.similarity < report.min_similarity:
        return "far"
    if scored.sure:
        return "served"
    return "doubt" if scored.grey and scored is report.near_enough[0] else "unlikely"


def _other(hit: Hit, report: LookupReport, others: Mapping[UUID, ScoredHit]) -> ExplainedEntry:
    closed = report.visible.objections(hit.fields)
    fate: Fate = "closed" if closed else "unread"
    same = question_hash(hit.fields["question"]) == report.visible.key.hash
    return ExplainedEntry(hit, same, fate, closed, others.get(hit.entry))
