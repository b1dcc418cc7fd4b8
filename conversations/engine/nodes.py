"""The nodes: small functions from what is known to what was learned.

A node returns a partial update and never mutates the state. It touches the world through
``runtime.context.ports`` only, and tells listeners through ``runtime.context.sink``.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from langgraph.runtime import Runtime

from conversations.engine.events import Decided, Token
from conversations.engine.ports import Context
from conversations.engine.refusals import (
    guard_refusal,
    provider_refusal,
    provider_refused,
    rule_refusal,
)
from conversations.engine.state import State
from conversations.engine.steps import step, tolerated
from conversations.engine.types import Answer, CacheFacts
from routing.domain.actions import Action
from routing.domain.decide import held_back
from routing.domain.errors import NoProviderAvailable
from routing.domain.llm import ChatMessage, Usage
from routing.domain.rules import Decision, Source

REPLAY_PIECE = 240
"""Characters of a stored answer in one ``Token``: enough pieces to read as a stream, few frames."""

Update = dict[str, Any]


async def guard(state: State, runtime: Runtime[Context]) -> Update:
    """Look at the prompt before any provider sees it."""
    turn, context = state["turn"], runtime.context
    with step(context.sink, "guard", "guardrail", turn.prompt) as opened:
        report = await context.ports.guard.check(turn.prompt)
        opened.output = asdict(report)
    if report.verdict != "block":
        return {"guard": report}
    return {"guard": report, "decision": held_back(state["rules"]), "cache": CacheFacts()}


async def recall_memory(state: State, runtime: Runtime[Context]) -> Update:
    """Fetch what was said before."""
    turn, context = state["turn"], runtime.context
    history: tuple[ChatMessage, ...] = ()
    with step(context.sink, "recall_memory", "retriever") as opened:
        with tolerated(context.sink):
            history = await context.ports.memory.recall(turn.conversation)
        opened.output = {"messages": len(history)}
    return {"history": history}


async def replay(state: State, runtime: Runtime[Context]) -> Update:
    """Serve the stored answer as if it were new; say where it came from."""
    hit, sink = state["hit"], runtime.context.sink
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
    if not state.get("told"):
        sink.emit(Decided(decision, hit.facts, state["guard"]))
    for start in range(0, len(hit.content), REPLAY_PIECE):
        sink.emit(Token(hit.content[start : start + REPLAY_PIECE]))
    return {"answer": Answer(hit.content, decision, state["guard"], hit.facts)}


async def classify(state: State, runtime: Runtime[Context]) -> Update:
    """Decide who answers, by the rule that the classifier chooses."""
    turn, rules, context = state["turn"], state["rules"], runtime.context
    with step(context.sink, "classify", "span", turn.prompt) as opened:
        classified = await context.ports.classifier.classify(
            turn.prompt, rules, state["history"], opened.meter
        )
        opened.output = asdict(classified.decision)
    return {"decision": classified.decision}


async def refuse(state: State, runtime: Runtime[Context]) -> Update:
    """Nobody answers: say kindly what can't be done and how to ask instead."""
    decision, report, sink = state["decision"], state["guard"], runtime.context.sink
    if report.verdict == "block":
        text = guard_refusal()
    else:
        rule = state["rules"].rule(decision.rule or "")
        text = rule_refusal(rule, decision.suggestions)
    facts = state["cache"]
    if not state.get("told"):
        sink.emit(Decided(decision, facts, report))
    sink.emit(Token(text))
    return {"answer": Answer(text, decision, report, facts, finish_reason="content_filter")}


async def draw(state: State, runtime: Runtime[Context]) -> Update:
    """Have the picture drawn and stored."""
    turn, decision, context = state["turn"], state["decision"], runtime.context
    facts, report = state["cache"], state["guard"]
    if not state.get("told"):
        context.sink.emit(Decided(decision, facts, report))
    try:
        with step(context.sink, "draw", "tool", turn.prompt) as opened:
            picture, model = await context.ports.painter.draw(
                turn, state["rules"].candidates(decision), opened.meter
            )
            opened.output = picture.url
    except NoProviderAvailable as error:
        if not error.refused:
            raise
        return _declined(state, context, opened.usage)
    usage = opened.usage
    context.sink.emit(Token(picture.alt))
    answer = Answer(picture.alt, decision.answered_by(model), report, facts, picture, usage)
    return {"answer": answer}


def _declined(state: State, context: Context, usage: Usage) -> Update:
    """The picture's provider said no: a refusal, after a decision that was told already."""
    text = provider_refusal()
    context.sink.emit(Token(text))
    answer = Answer(
        content=text,
        decision=provider_refused(state["decision"]),
        guard=state["guard"],
        cache=state["cache"],
        usage=usage,
        finish_reason="content_filter",
    )
    return {"answer": answer}
