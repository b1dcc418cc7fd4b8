"""What the answer cache would say to a prompt; nothing is served, and nothing kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from conversations.bootstrap import EvaluationContainer
from conversations.engine.ports import OnCandidate
from conversations.engine.types import CachedAnswer, CacheFacts, Turn
from conversations.models import new_id
from routing.domain.errors import DependencyUnavailable
from routing.domain.rules import RuleSet

NOBODY = 0
"""Who is no user finds what is shared with everybody, and nothing else."""


@dataclass(frozen=True, slots=True)
class CacheWord:
    """``facts`` as an answer would tell them; ``model`` wrote the answer that would be served.

    ``considered`` are the similar questions that were weighed, without their words; ``unavailable``
    says why nothing could be looked up.
    """

    facts: CacheFacts
    model: str | None = None
    considered: tuple[Mapping[str, Any], ...] = ()
    unavailable: str = ""

    @property
    def outcome(self) -> Literal["exact", "semantic", "miss", "bypass", "unavailable"]:
        """``unavailable``, or the facts' own."""
        return "unavailable" if self.unavailable else self.facts.outcome


async def peek(desk: EvaluationContainer, prompt: str, rules: RuleSet, user: int) -> CacheWord:
    """What would be found for ``user``'s first turn under ``rules``."""
    considered: list[Mapping[str, Any]] = []
    try:
        hit = await _found(desk, first_turn(prompt, user), rules, considered.append)
    except DependencyUnavailable as exc:
        return CacheWord(CacheFacts("bypass"), unavailable=exc.part)
    facts = hit.facts if hit else CacheFacts("miss")
    return CacheWord(facts, hit.model if hit else None, tuple(considered))


async def _found(
    desk: EvaluationContainer, turn: Turn, rules: RuleSet, told: OnCandidate
) -> CachedAnswer | None:
    hit = await desk.cache.lookup_exact(turn, rules)
    if hit:
        return hit
    vector = await desk.embedder.embed(turn.prompt)
    return await desk.cache.lookup_similar(turn, rules, vector, told)


def first_turn(prompt: str, user: int) -> Turn:
    """A question that begins a conversation; it is kept nowhere."""
    return Turn(
        user=user,
        conversation=new_id(),
        message=new_id(),
        user_message=new_id(),
        prompt=prompt,
        first=True,
        trace_id="",
    )
