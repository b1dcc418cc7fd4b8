"""Dry run: the answer cache's lookup for a prompt, without serving or storing anything."""

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

NO_USER = 0
"""No person's id: finds shared answers only."""


@dataclass(frozen=True, slots=True)
class CachePreview:
    """Result of a dry run: ``facts`` as in a message, and the ``model`` of the stored answer.

    ``considered`` are the scored candidates, without their text; ``unavailable`` names the
    dependency that prevented the lookup.
    """

    facts: CacheFacts
    model: str | None = None
    considered: tuple[Mapping[str, Any], ...] = ()
    unavailable: str = ""

    @property
    def outcome(self) -> Literal["exact", "semantic", "miss", "bypass", "unavailable"]:
        """``unavailable``, or the outcome of the facts."""
        return "unavailable" if self.unavailable else self.facts.outcome


async def preview(
    container: EvaluationContainer, prompt: str, rules: RuleSet, user: int
) -> CachePreview:
    """Look up ``user``'s first turn under ``rules``."""
    considered: list[Mapping[str, Any]] = []
    try:
        hit = await _lookup(container, first_turn(prompt, user), rules, considered.append)
    except DependencyUnavailable as exc:
        return CachePreview(CacheFacts("bypass"), unavailable=exc.part)
    facts = hit.facts if hit else CacheFacts("miss")
    return CachePreview(facts, hit.model if hit else None, tuple(considered))


async def _lookup(
    container: EvaluationContainer, turn: Turn, rules: RuleSet, on_candidate: OnCandidate
) -> CachedAnswer | None:
    # The exact tier needs no vector: embed only after its miss, as a served question does.
    hit = await container.cache.lookup_exact(turn, rules)
    if hit:
        return hit
    vector = await container.embedder.embed(turn.prompt)
    return await container.cache.lookup_similar(turn, rules, vector, on_candidate)


def first_turn(prompt: str, user: int) -> Turn:
    """The first turn of a conversation that is not stored."""
    return Turn(
        user=user,
        conversation=new_id(),
        message=new_id(),
        user_message=new_id(),
        prompt=prompt,
        first=True,
        trace_id="",
    )
