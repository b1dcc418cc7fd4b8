"""Graph nodes: functions from a turn's state to a partial update of it, in the order in which they run.

A node never mutates the state. It touches the world through ``runtime.context.ports`` only, and sends
events and trace records to ``runtime.context.sink``. After a node, its ``after_...`` function names the
next one; nodes without work for a turn are passed by, as a step of the graph costs more than that work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from langgraph.graph import END
from langgraph.runtime import Runtime

from conversations.engine.events import Decided, Token
from conversations.engine.ports import Context, DecisionVectors, Ports
from conversations.engine.refusals import guard_refusal, rule_refusal
from conversations.engine.reusability import asked_again_as, reusable
from conversations.engine.steps import step, tolerated
from conversations.engine.types import (
    Answer,
    CachedAnswer,
    CacheFacts,
    State,
    StoredAnswer,
    Turn,
    Update,
    Vector,
)
from routing.common.text import first_visible
from routing.domain.actions import ACTIONS, Action
from routing.domain.decide import held_back
from routing.domain.errors import DependencyUnavailable
from routing.domain.guard import GuardReport
from routing.domain.llm import ChatMessage
from routing.domain.rules import Decision, RuleSet, Source
from routing.domain.vectors import VectorOpinion

REPLAY_PIECE = 240
"""Characters of a stored answer in one ``Token``: enough pieces to read as a stream, few frames."""


def send_decision(state: State, context: Context, decision: Decision, cache: CacheFacts) -> None:
    """Emit ``Decided``, unless the turn's listeners got it from an answer that was followed."""
    if not state.get("decision_sent"):
        context.sink.emit(Decided(decision, cache, state["guard"]))


async def guard(state: State, runtime: Runtime[Context]) -> Update:
    """Check the prompt before any provider sees it."""
    turn, context = state["turn"], runtime.context
    with step(context.sink, "guard", "guardrail", turn.prompt) as opened:
        report = await _judged(turn, context.ports)
        opened.output = asdict(report)
    if report.verdict != "block":
        if context.moderation:
            context.moderation.start(turn, report)
        return {"guard": report}
    return {"guard": report, "decision": held_back(state["rules"]), "cache": CacheFacts()}


async def _judged(turn: Turn, ports: Ports) -> GuardReport:
    helper = turn.chat.helper if turn.chat else None
    if helper is None:
        return await ports.guard.check(turn.prompt)
    report = await ports.guard.check(helper.history)
    # The template's marks and orders count for nothing, unless it is none: an attack in its clothes.
    around = await ports.guard.check(helper.template)
    return around if around.verdict == "block" else report


def after_guard(state: State) -> str:
    """A blocked prompt is refused. A later turn needs its conversation first; a first one is looked up
    as it is, unless a model was named."""
    turn = state["turn"]
    if state["guard"].verdict == "block":
        return ACTIONS[Action.REFUSE].node
    if not turn.first:
        return "recall_memory"
    own_way = turn.fresh or (turn.chat and not turn.chat.plain)
    if own_way and not turn.requested_model:
        return "classify"
    return ACTIONS[state["decision"].action].node if turn.requested_model else "lookup_answer"


async def recall_memory(state: State, runtime: Runtime[Context]) -> Update:
    """Fetch the conversation's recent messages."""
    turn, context = state["turn"], runtime.context
    history: tuple[ChatMessage, ...] = ()
    with step(context.sink, "recall_memory", "retriever") as opened:
        with tolerated(context.sink):
            history = await context.ports.memory.recall(turn.conversation)
        opened.output = {"messages": len(history)}
    return {"history": history}


def after_recall(state: State) -> str:
    """A named model answers; otherwise the rules choose one."""
    named = state["turn"].requested_model
    return ACTIONS[state["decision"].action].node if named else "classify"


async def lookup_answer(state: State, runtime: Runtime[Context]) -> Update:
    """Look a first turn's prompt up in the answer cache, before any model is asked."""
    turn, ports = state["turn"], runtime.context.ports
    vectors = ports.vectors if turn.opens else None
    update = await _look_up(turn, state, runtime.context, vectors)
    if ports.flag and update["vector"] is not None:
        # Before the flight: a flagged prompt is shared with nobody.
        report = await ports.flag.refine(turn.prompt, state["guard"], update["vector"])
        update["guard"] = report
    return update


def after_lookup(state: State) -> str:
    """A stored answer is served; otherwise another run may be answering the same question. A caller's
    own chat leads no flight: no row of the database tells of its answer."""
    if state["hit"]:
        return "replay"
    return "classify" if state["turn"].chat else "join_flight"


def after_flight(state: State) -> str:
    """A followed answer is done; one that was stored meanwhile is served; otherwise the rules choose."""
    if "answer" in state:
        return after_answer(state)
    return "replay" if state["hit"] else "classify"


async def lookup_follow_up(state: State, runtime: Runtime[Context]) -> Update:
    """Look up the standalone meaning of a follow-up, which the classifier wrote down."""
    turn = state["turn"]
    words = asked_again_as(state["decision"], turn.prompt, state["rules"])
    if words is None:
        return {}
    update = await _look_up(replace(turn, prompt=words), state, runtime.context)
    # Without a vector its own answer is not stored: it is made with the memory of its conversation.
    return update | {"vector": None}


def after_follow_up(state: State) -> str:
    """A stored answer is served; otherwise the chosen model answers."""
    return "replay" if state["hit"] else ACTIONS[state["decision"].action].node


async def _look_up(
    turn: Turn, state: State, context: Context, vectors: DecisionVectors | None = None
) -> Update:
    """Look the prompt up, and ask earlier verdicts about it meanwhile: one wait for both."""
    hit: CachedAnswer | None = None
    opinion: VectorOpinion | None = None
    vector: Vector | None = None
    facts, considered = CacheFacts("bypass"), list[Mapping[str, Any]]()
    rules, ports = state["rules"], context.ports
    with step(context.sink, "lookup_answer", "retriever", turn.prompt) as opened:
        with tolerated(context.sink):
            # The same words first: one round trip to Redis, where a vector takes milliseconds more.
            hit = await ports.cache.lookup_exact(turn, rules)
            if hit is None:
                embedded = await ports.embedder.embed(turn.prompt, opened.meter)
                lookup = ports.cache.lookup_similar(
                    turn, rules, embedded, considered.append, opened.meter
                )
                hit, opinion = await _with_opinion(lookup, turn, rules, embedded, vectors)
                # Only now: without the cache there is nothing to store the answer's vector for.
                vector, facts = embedded, CacheFacts("miss")
        facts = hit.facts if hit else facts
        opened.output = {"outcome": facts.outcome, "similarity": facts.similarity}
        if considered:
            opened.output["considered"] = considered
    return {"hit": hit, "vector": vector, "cache": facts, "opinion": opinion}


async def _with_opinion(
    lookup: Coroutine[Any, Any, CachedAnswer | None],
    turn: Turn,
    rules: RuleSet,
    vector: Vector,
    vectors: DecisionVectors | None,
) -> tuple[CachedAnswer | None, VectorOpinion | None]:
    """The result of a lookup, and what earlier verdicts say of the prompt. Raises what the lookup raises."""
    if vectors is None:
        return await lookup, None
    opinions = vectors.opinion(turn.prompt, rules, vector)
    # Both to their end: a command to Redis that is cancelled costs its connection.
    found, opinion = await asyncio.gather(lookup, opinions, return_exceptions=True)
    if isinstance(found, BaseException):
        raise found
    if isinstance(opinion, DependencyUnavailable):
        return found, None
    if isinstance(opinion, BaseException):
        raise opinion
    return found, opinion


async def replay(state: State, runtime: Runtime[Context]) -> Update:
    """Serve the stored answer as a stream; its decision says that it comes from the cache."""
    hit, context = state["hit"], runtime.context
    assert hit is not None  # noqa: S101 - the edge leads here with a hit only
    decision = Decision(
        action=Action.ANSWER,
        source=Source.CACHE,
        provider=hit.provider,
        model=hit.model,
        rule=hit.rule,
        reason="the same question was answered before"
        if hit.facts.outcome == "exact"
        else "a similar question was answered before",
        ruleset=hit.ruleset,
    )
    send_decision(state, context, decision, hit.facts)
    for start in range(0, len(hit.content), REPLAY_PIECE):
        context.sink.emit(Token(hit.content[start : start + REPLAY_PIECE]))
    answer = Answer(hit.content, decision, state["guard"], hit.facts)
    return {"answer": answer}


def after_classify(state: State) -> str:
    """The action's node; a follow-up whose answer may be a stored one is looked up first."""
    turn, spec = state["turn"], ACTIONS[state["decision"].action]
    if spec.reusable and not (turn.first or turn.fresh or turn.requested_model):
        return "lookup_follow_up"
    return spec.node


async def refuse(state: State, runtime: Runtime[Context]) -> Update:
    """Answer with the reason of the refusal and with other ways to ask; no model is called."""
    decision, report, context = state["decision"], state["guard"], runtime.context
    if report.verdict == "block":
        text = guard_refusal(context.ports.translate)
    else:
        rule = state["rules"].rule(decision.rule or "")
        text = rule_refusal(rule, decision.suggestions, context.ports.translate)
    facts = state["cache"]
    send_decision(state, context, decision, facts)
    context.sink.emit(Token(text))
    return {"answer": Answer(text, decision, report, facts, finish_reason="content_filter")}


def after_answer(state: State) -> str:
    """An answer goes to the memory that its turn has recalled, and to the cache where it may be reused.
    The first turn of a conversation has recalled none, nor has a caller's own chat."""
    return "remember" if not state["turn"].first or storable(state) else END


async def remember(state: State, runtime: Runtime[Context]) -> Update:
    """Defer the write-back: memory and cache only spare later turns work, so the end of the answer does
    not wait for them. They are written while the database stores the answer."""
    runtime.context.sink.defer(partial(_write_back, state, runtime.context))
    return {}


async def _write_back(state: State, context: Context) -> None:
    """Write the exchange to the memory, and a reusable answer to the cache."""
    answer, turn, moderation = state["answer"], state["turn"], context.moderation
    stores = storable(state) and (moderation is None or moderation.passed)
    with step(context.sink, "remember", "span") as opened:
        # A refused prompt was not answered: a follow-up has nothing to refer to.
        if not (answer.decision.refused or turn.chat):
            exchange = (ChatMessage("user", turn.prompt), ChatMessage("assistant", answer.content))
            with tolerated(context.sink):
                await context.ports.memory.remember(turn.conversation, exchange)
        if stores and (vector := state["vector"]) is not None:
            with tolerated(context.sink):
                entry = await context.ports.cache.store(turn, state["rules"], vector, answer)
                # Embedding the answer takes some 70 ms, and the same question finds the entry without.
                made = StoredAnswer(turn, state["rules"], vector, entry, answer.content)
                context.sink.follow_up(partial(_sign, context, made))
        opened.output = {"stored_for_reuse": stores}


async def _sign(context: Context, stored: StoredAnswer) -> None:
    with suppress(DependencyUnavailable):  # of an unsigned entry less is known
        await context.ports.cache.sign(stored.entry, stored.content)
    if context.ports.links:
        context.ports.links.settle(stored)


def storable(state: State) -> bool:
    """Whether the cache may keep the answer: made without the memory of a conversation, allowed by its
    decision, its rule and the guard, whole and of one piece."""
    answer, turn = state["answer"], state["turn"]
    return (
        turn.first
        and (turn.chat is None or turn.chat.reused)
        and reusable(answer.decision, state["rules"])
        and answer.finish_reason == "stop"
        and first_visible(answer.content) is not None
        and state["guard"].verdict == "pass"
        and state.get("cacheable", True)
        and state.get("vector") is not None
    )
