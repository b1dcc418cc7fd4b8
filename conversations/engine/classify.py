"""Classification: the node that decides on action and model, by the rules.

Some decisions about a caller's own chat need no classifier, and a picture does not answer each chat.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial

from langgraph.runtime import Runtime

from conversations.engine.model_call import ModelCall, model_call
from conversations.engine.ports import Context, Speculator
from conversations.engine.steps import OpenStep, step, tolerated
from conversations.engine.types import AuditCase, CallerChat, CallOrigin, State, Update
from routing.domain.actions import ACTIONS, DEFAULT_ACTION
from routing.domain.decide import default_decision, helper_decision, requested_decision
from routing.domain.errors import DependencyUnavailable
from routing.domain.llm import Attempt, ClassifierResult
from routing.domain.rules import Decision, RuleSet


async def classify(state: State, runtime: Runtime[Context]) -> Update:
    """Decide on action and model, by the rule that the classifier chooses."""
    turn, context = state["turn"], runtime.context
    report = state["guard"]
    with step(context.sink, "classify", "span", turn.prompt) as opened:
        sent, decision = 0, await preset_decision(state, context)
        if decision is None:
            # A lookup that made a vector has asked for the flag already.
            if context.ports.flag and state.get("vector") is None:
                report = await context.ports.flag.refine(turn.prompt, report)
            said = await _by_rules({**state, "guard": report}, context, opened)
            sent = said.rules_sent
            decision = in_text(said.decision, turn.chat, state["rules"])
        if not ACTIONS[decision.action].streams:
            await context.speculation.discard(context.sink)
        opened.output = asdict(decision) | {"rules_sent": sent}
        if opinion := state.get("opinion"):
            opened.output["vectors"] = opinion.as_json()
    return {"decision": decision, "guard": report}


async def _by_rules(state: State, context: Context, opened: OpenStep) -> ClassifierResult:
    """The decision by the rules: by earlier verdicts on questions like it where these may decide, else by
    the classifier. What is learned from it is written while the answer is stored."""
    turn, rules = state["turn"], state["rules"]
    opinion, flagged = state.get("opinion"), state["guard"].verdict == "flag"
    if opinion and opinion.decides and not flagged:
        result = ClassifierResult(opinion.decision)
    else:
        _ask_ahead(state, context)
        result = await context.ports.classifier.classify(
            turn.prompt,
            rules,
            state["history"],
            opened.meter,
            flagged=flagged,
            pictures=turn.chat.pictures if turn.chat else 0,
            vector=state.get("vector"),
        )
        if context.ports.speculator:
            context.ports.speculator.learn(rules, result.decision)
    if context.ports.vectors and not flagged and turn.opens:
        calls = tuple(opened.attempts)
        context.sink.defer(partial(_learn, state, context, result.decision, calls))
    return result


def _ask_ahead(state: State, context: Context) -> None:
    """Ask the likeliest model meanwhile. Not about what the guard flagged, nor in a chat with tools or
    pictures, whose calls cost the most."""
    turn, speculator = state["turn"], context.ports.speculator
    plain = turn.chat is None or turn.chat.plain
    passed = state["guard"].verdict == "pass"
    if speculator and plain and passed and speculator.allows(state["rules"]):
        context.speculation.start(context.ports.chat, partial(_guess, state, context, speculator))


async def _guess(state: State, context: Context, speculator: Speculator) -> ModelCall | None:
    vector, opinion = state.get("vector"), state.get("opinion")
    decision = await speculator.guess(state["turn"], state["rules"], vector, opinion)
    if decision is None:
        return None
    return model_call(context.ports.system_prompt, {**state, "decision": decision})


async def _learn(
    state: State, context: Context, decision: Decision, calls: tuple[Attempt, ...]
) -> None:
    """Keep the classifier's verdict, and have an opinion of earlier ones audited by it."""
    turn, rules, vector = state["turn"], state["rules"], state.get("vector")
    vectors, audits = context.ports.vectors, context.ports.vector_audits
    if vectors is None or vector is None or (context.moderation and not context.moderation.passed):
        return
    with suppress(
        DependencyUnavailable
    ):  # a verdict is missing then, and no answer is worse for it
        await vectors.keep(turn, rules, vector, decision)
    opinion = state.get("opinion")
    if opinion and audits:
        audits.settle(AuditCase(turn, rules, vector, opinion, decision, calls))


async def preset_decision(state: State, context: Context) -> Decision | None:
    """A front end's helper prompt goes to the helper rule; results of tools to the model that made the calls,
    while it is published; a prompt without words to the default rule. ``None`` where the rules shall be
    asked."""
    turn, rules = state["turn"], state["rules"]
    chat = turn.chat
    if chat is None:
        return None
    if chat.helper:
        return helper_decision(rules, f"a helper prompt: {chat.helper.purpose}")
    if chat.results and (decision := await _continued(turn.user, chat, rules, context)):
        return decision
    if not turn.prompt.strip():
        return default_decision(rules, "there are no words to go by")
    return None


async def _continued(
    user: int, chat: CallerChat, rules: RuleSet, context: Context
) -> Decision | None:
    calls = context.ports.tool_calls
    decided: CallOrigin | None = None
    with tolerated(context.sink):
        decided = await calls.recall(user, chat.results) if calls else None
    model = rules.model(decided.model or "") if decided else None
    if decided is None or model is None or model.kind is not ACTIONS[DEFAULT_ACTION].model_kind:
        return None
    rule = decided.rule if rules.rule(decided.rule or "") else None
    named = requested_decision(replace(rules, callers_choose=True), model.name)
    return replace(named, rule=rule, reason="it made the tool calls")


def in_text(decision: Decision, chat: CallerChat | None, rules: RuleSet) -> Decision:
    """The decision, or the default rule's where a picture was decided on and the chat needs text."""
    if chat is None or not chat.needs_text or not ACTIONS[decision.action].attachment:
        return decision
    reason = f"{decision.reason}; the request takes text alone"
    answering = default_decision(rules, reason)
    return replace(answering, source=decision.source)
