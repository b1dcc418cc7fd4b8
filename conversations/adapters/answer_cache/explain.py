"""What the answer cache makes of a prompt, candidate by candidate: for people, nothing is served."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from conversations.adapters.answer_cache.entries import Hit, question_hash
from conversations.adapters.answer_cache.verifier import Choice
from conversations.adapters.answer_cache.visibility import Servable

Fate = Literal["served", "next", "closed", "withheld", "veto", "far", "doubt", "unlikely", "unread"]


@dataclass(frozen=True, slots=True)
class Explained:
    """A stored answer and why a prompt would get it or not.

    ``exact`` where it answers the same words. ``closed`` names the filters that keep it from this
    person (``Servable.objections``). ``choice`` is what was thought of it; ``None`` where nearer ones
    left no need.
    """

    hit: Hit
    exact: bool
    fate: Fate
    closed: tuple[str, ...] = ()
    choice: Choice | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the cache found for ``among`` and the words of this ``question_hash``: entries of the ``same`` words in the order of serving, the
    ``choices`` among the servable, the likeliest first; then the nearest ``around``, whoever they are
    for, and what was thought of the ``strange`` ones, which are for others. ``withheld`` are entries
    that the database keeps from the person."""

    question_hash: str
    among: Servable
    same: Sequence[Hit]
    choices: Sequence[Choice]
    around: Sequence[Hit]
    strange: Sequence[Choice]
    withheld: Collection[UUID]
    min_similarity: float

    @property
    def looked_at(self) -> list[Choice]:
        """Choices that are near enough."""
        return [one for one in self.choices if one.hit.similarity >= self.min_similarity]


def explain(seen: Seen) -> list[Explained]:
    """What is served first, then what might be, the likeliest first; last what can't, the nearest
    first."""
    chosen = {one.hit.entry: one for one in seen.choices}
    strange = {one.hit.entry: one for one in seen.strange}
    told = [_same(hit, seen, chosen.get(hit.entry)) for hit in seen.same]
    known = {hit.entry for hit in seen.same}
    told += [_similar(one, seen) for one in seen.choices if one.hit.entry not in known]
    known |= set(chosen)
    told += [_left(one, seen, strange) for one in seen.around if one.entry not in known]
    return _first_served(told)


def _first_served(told: Sequence[Explained]) -> list[Explained]:
    """Of all that may be served one is."""
    served = [one for one in told if one.fate == "served"]
    others = [one for one in told if one.fate != "served"]
    return [*served[:1], *(replace(one, fate="next") for one in served[1:]), *others]


def _same(hit: Hit, seen: Seen, choice: Choice | None) -> Explained:
    fate: Fate = "withheld" if hit.entry in seen.withheld else "served"
    return Explained(hit, True, fate, choice=choice)


def _similar(choice: Choice, seen: Seen) -> Explained:
    return Explained(choice.hit, False, _fate(choice, seen), choice=choice)


def _fate(choice: Choice, seen: Seen) -> Fate:
    """As ``RedisAnswerCache`` decides, where no judge is asked."""
    if choice.hit.entry in seen.withheld:
        return "withheld"
    if choice.verdict.vetoes:
        return "veto"
    if choice.hit.similarity < seen.min_similarity:
        return "far"
    if choice.sure:
        return "served"
    return "doubt" if choice.grey and choice is seen.looked_at[0] else "unlikely"


def _left(hit: Hit, seen: Seen, strange: Mapping[UUID, Choice]) -> Explained:
    closed = seen.among.objections(hit.fields)
    fate: Fate = "closed" if closed else "unread"
    same = question_hash(hit.fields["question"]) == seen.question_hash
    return Explained(hit, same, fate, closed, strange.get(hit.entry))
