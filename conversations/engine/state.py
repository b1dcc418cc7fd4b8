"""What the nodes hand on. Each node returns only the keys it learned; none is ever mutated."""

from __future__ import annotations

from typing import TypedDict

from conversations.engine.ports import Vector
from conversations.engine.types import Answer, CachedAnswer, CacheFacts, Turn
from routing.domain.decide import requested_decision
from routing.domain.guard import GuardReport
from routing.domain.llm import ChatMessage
from routing.domain.rules import Decision, RuleSet


class State(TypedDict, total=False):
    """A run's knowledge, growing from node to node. ``begun`` says what is there first."""

    turn: Turn
    rules: RuleSet
    guard: GuardReport
    history: tuple[ChatMessage, ...]
    vector: Vector | None
    hit: CachedAnswer | None
    cache: CacheFacts
    decision: Decision
    answer: Answer
    reset: bool
    told: bool


def begun(turn: Turn, rules: RuleSet) -> State:
    """A run that knows nothing yet but its question, its rules, and who answers if the caller named a
    model. Raises ``ModelUnknown``."""
    state: State = {
        "turn": turn,
        "rules": rules,
        "history": (),
        "hit": None,
        "cache": CacheFacts("bypass"),
    }
    if turn.requested_model:
        state["decision"] = requested_decision(rules, turn.requested_model)
    return state
