"""The nodes that look for an answer given before: to the same words, then to the meaning.

What a follow-up means lies in its conversation, so on a first turn the prompt is looked up as it is,
and later ones only once a classifier has said what they mean by themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langgraph.runtime import Runtime

from conversations.engine.nodes import Update
from conversations.engine.ports import Considered, Context, Meter
from conversations.engine.reusability import asked_again_as
from conversations.engine.state import State
from conversations.engine.steps import step, tolerated
from conversations.engine.types import CachedAnswer, CacheFacts, Turn


async def lookup_answer(state: State, runtime: Runtime[Context]) -> Update:
    """Look up a first turn's prompt, before anybody is asked."""
    return await _looked_up(state["turn"], state, runtime.context)


async def lookup_follow_up(state: State, runtime: Runtime[Context]) -> Update:
    """Look up what a follow-up means, after it was classified. Its answer is not kept: it is made
    with the memory of its conversation."""
    turn = state["turn"]
    words = asked_again_as(state["decision"], turn.prompt, state["rules"])
    if words is None:
        return {}
    found = await _looked_up(replace(turn, prompt=words), state, runtime.context)
    return found | {"vector": None}


async def _looked_up(turn: Turn, state: State, context: Context) -> Update:
    found: Update = {"hit": None, "vector": None, "cache": CacheFacts("bypass")}
    considered: list[Mapping[str, Any]] = []
    with step(context.sink, "lookup_answer", "retriever", turn.prompt) as opened:
        with tolerated(context.sink):
            found |= await _lookup(turn, state, context, considered.append, opened.meter)
        hit: CachedAnswer | None = found["hit"]
        facts = hit.facts if hit else found["cache"]
        opened.output = {"outcome": facts.outcome, "similarity": facts.similarity}
        if considered:
            opened.output["considered"] = considered
    return found


async def _lookup(
    turn: Turn, state: State, context: Context, told: Considered, meter: Meter
) -> Update:
    rules, ports = state["rules"], context.ports
    hit = await ports.cache.lookup_exact(turn, rules)
    if hit:
        return {"hit": hit, "cache": hit.facts}
    vector = await ports.embedder.embed(turn.prompt)
    hit = await ports.cache.lookup_similar(turn, rules, vector, told, meter)
    return {"hit": hit, "vector": vector, "cache": hit.facts if hit else CacheFacts("miss")}
