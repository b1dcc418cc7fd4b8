"""The last node: the exchange goes to the memory, a reusable answer to the cache.

Neither is worth waiting for long: both only spare later turns work, and what the database stores makes up
for either. So the node decides what is kept, and it is kept while the answer is stored.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from uuid import UUID

from langgraph.runtime import Runtime

from conversations.engine.nodes import Update
from conversations.engine.ports import Context
from conversations.engine.reusability import reusable
from conversations.engine.state import State
from conversations.engine.steps import step, tolerated
from routing.domain.errors import DependencyUnavailable
from routing.domain.llm import ChatMessage


async def remember(state: State, runtime: Runtime[Context]) -> Update:
    """Leave what later turns may need to be written back."""
    runtime.context.sink.defer(partial(_write_back, state, runtime.context))
    return {}


async def _write_back(state: State, context: Context) -> None:
    """What can't be written is done without."""
    stored = storable(state)
    with step(context.sink, "remember", "span") as opened:
        if not state["answer"].refused:
            with tolerated(context.sink):
                await _remember_exchange(state, context)
        if stored:
            with tolerated(context.sink):
                await _store_answer(state, context)
        opened.output = {"stored_for_reuse": stored}


def storable(state: State) -> bool:
    """Whether the answer may serve again: given without the memory of a conversation, let through by
    its decision, its rule and the guard, whole and of one piece."""
    answer = state["answer"]
    return (
        state["turn"].first
        and reusable(answer.decision, state["rules"])
        and answer.finish_reason == "stop"
        and bool(answer.content.strip())
        and state["guard"].verdict == "pass"
        and not state.get("reset", False)
        and state.get("vector") is not None
    )


async def _remember_exchange(state: State, context: Context) -> None:
    turn, answer = state["turn"], state["answer"]
    exchange = (ChatMessage("user", turn.prompt), ChatMessage("assistant", answer.content))
    await context.ports.memory.remember(turn.conversation, exchange)


async def _store_answer(state: State, context: Context) -> None:
    vector = state["vector"]
    if vector is not None:
        cache, answer = context.ports.cache, state["answer"]
        entry = await cache.store(state["turn"], state["rules"], vector, answer)
        # To embed the answer takes some 70 ms, and the same question finds the entry without it.
        context.sink.follow_up(partial(_sign, context, entry, answer.content))


async def _sign(context: Context, entry: UUID, content: str) -> None:
    with suppress(DependencyUnavailable):  # an unsigned entry agrees with no other
        await context.ports.cache.sign(entry, content)
