"""Classification: the node that decides on action and model, by the rules.

Some decisions about a caller's own chat need no classifier, and a picture does not answer each chat.
"""

from __future__ import annotations

from dataclasses import asdict, replace

from langgraph.runtime import Runtime

from conversations.engine.nodes import step, tolerated
from conversations.engine.ports import Context
from conversations.engine.types import CallerChat, CallOrigin, State, Update
from routing.domain.actions import ACTIONS, DEFAULT_ACTION
from routing.domain.decide import default_decision, helper_decision, requested_decision
from routing.domain.rules import Decision, RuleSet


async def classify(state: State, runtime: Runtime[Context]) -> Update:
    """Decide on action and model, by the rule that the classifier chooses."""
    turn, rules, context = state["turn"], state["rules"], runtime.context
    report = state["guard"]
    with step(context.sink, "classify", "span", turn.prompt) as opened:
        decision = await preset_decision(state, context)
        if decision is None:
            # A lookup that made a vector has asked for the flag already.
            if context.ports.flag and state.get("vector") is None:
                report = await context.ports.flag.refine(turn.prompt, report)
            classified = await context.ports.classifier.classify(
                turn.prompt,
                rules,
                state["history"],
                opened.meter,
                flagged=report.verdict == "flag",
                pictures=turn.chat.pictures if turn.chat else 0,
            )
            decision = in_text(classified.decision, turn.chat, rules)
        opened.output = asdict(decision)
    return {"decision": decision, "guard": report}


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
