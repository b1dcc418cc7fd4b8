"""People, answers that are being written and how they end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from conversations.domain.outcome import RunOutcome
from conversations.engine.types import CacheFacts
from conversations.storage import turns
from conversations.storage.turns import NewTurn, StartedTurn
from routing.domain.actions import Action
from routing.domain.llm import Attempt, Usage
from routing.domain.rules import Decision, Source

Ask = Callable[..., StartedTurn]


@pytest.fixture
def person(db: None) -> User:
    """Somebody nobody else is."""
    return User.objects.create_user(f"person-{uuid4().hex}")


@pytest.fixture
def ask(person: User) -> Ask:
    """Begin an answer for ``person``."""

    def begin(content: str = "Why?", **options: Any) -> StartedTurn:
        return turns.answer_begin(NewTurn(**{"user": person.pk, "content": content, **options}))

    return begin


def ended(*attempts: Attempt, model: str | None = "gpt", **fields: Any) -> RunOutcome:
    """A complete answer of ``model`` under the rule ``general``."""
    action = Action.ANSWER if model else Action.REFUSE
    decided = Decision(action, Source.CLASSIFIER, "openai", model, "general", "It fits.", 1)
    values: dict[str, Any] = {
        "status": "complete",
        "content": "Because.",
        "decision": decided,
        "cache": CacheFacts("miss"),
        "guard": None,
        "usage": sum((attempt.usage for attempt in attempts), Usage()),
        "finish_reason": "stop",
        "first_token_ms": 900,
        "total_ms": 5000,
        "attempts": attempts,
        "degraded": (),
        "script": (),
        **fields,
    }
    return RunOutcome(**values)
