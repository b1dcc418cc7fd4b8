"""Abilities of models: which of those that may answer take a request as it is."""

from __future__ import annotations

from contextlib import suppress

from conversations.bootstrap import Container
from conversations.engine.types import CallerChat
from routing.domain.abilities import needed_abilities
from routing.domain.actions import ModelKind
from routing.domain.decide import requested_decision
from routing.domain.errors import ProviderError
from routing.domain.rules import RuleSet


async def lacking_options(
    parts: Container, rules: RuleSet, named: str, chat: CallerChat
) -> list[tuple[str, str | None]]:
    """The models that may answer, the ``named`` one alone where there is one, each with the first
    parameter that it does not know. Raises ``ModelUnknown``."""
    models = [model for model in rules.models if model.kind is ModelKind.CHAT]
    if named:
        requested_decision(rules, named)
        model = rules.model(named)
        models = [model] if model else []
    if chat.options or needed_abilities(chat.messages, chat.options):
        await parts.llm.loaded()
    lacking: list[tuple[str, str | None]] = []
    for model in models:
        # A model that can not be asked at all fails by its own error, when its turn comes.
        with suppress(ProviderError):
            unknown = parts.llm.unsupported(model, chat.options, chat.messages)
            lacking.append((model.name, unknown))
    return lacking
