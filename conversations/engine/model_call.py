"""Model call: the request to chat models that a decision leads to. Equal calls ask the same models for the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from conversations.engine.types import State
from routing.domain.llm import ChatMessage, ChatOptions
from routing.domain.rules import ModelRef, Rule


@dataclass(frozen=True, slots=True)
class ModelCall:
    """The models to ask, in order, and the request. ``prompt`` is the system prompt. ``shortens``: the oldest
    messages may be left out."""

    candidates: Sequence[ModelRef]
    messages: Sequence[ChatMessage]
    options: ChatOptions | None
    prompt: str
    shortens: bool = True


def model_call(system_prompt: str, state: State) -> ModelCall:
    """The call of a state with a decision. ``system_prompt`` is the site's."""
    rules, decision, chat = state["rules"], state["decision"], state["turn"].chat
    rule, cheaper = rules.rule(decision.rule or ""), _cheaper(state)
    prompt = full_prompt(system_prompt, rule)
    candidates = (cheaper,) if cheaper else rules.candidates(decision)
    messages, options = chat_messages(prompt, state), chat.options if chat else None
    models = tuple(model.under(rule) for model in candidates)
    return ModelCall(models, messages, options, prompt, shortens=chat is None or chat.shortens)


def limited(state: State) -> State:
    """The state, with the cheaper model decided on where a limit of the caller wants that."""
    decision, cheaper = state["decision"], _cheaper(state)
    if cheaper is None:
        return state
    reason = f"{decision.reason}; a limit has the cheapest model answer"
    changed = replace(decision, provider=cheaper.provider, model=cheaper.name, reason=reason)
    return {**state, "decision": changed}


def _cheaper(state: State) -> ModelRef | None:
    name = state["turn"].cheaper
    return state["rules"].model(name) if name else None


def full_prompt(system_prompt: str, rule: Rule | None) -> str:
    """The site's system prompt, then the rule's own."""
    own = rule.system_prompt if rule else ""
    return "\n\n".join(part for part in (system_prompt, own) if part)


def chat_messages(system_prompt: str, state: State) -> tuple[ChatMessage, ...]:
    """The system prompt, the recent memory, the prompt; or the caller's messages as they are, after the
    system prompt where they have no instructions of their own."""
    if chat := state["turn"].chat:
        instructed = any(message.role == "system" for message in chat.messages)
        own = () if instructed or not system_prompt else (ChatMessage("system", system_prompt),)
        return (*own, *chat.messages)
    system = (ChatMessage("system", system_prompt),) if system_prompt else ()
    return (*system, *state["history"], ChatMessage("user", state["turn"].prompt))
