"""Published rules, a person and some history to show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.files.base import ContentFile

from assistant_site.simulator import Simulator
from conversations.models import (
    Conversation,
    Feedback,
    GeneratedImage,
    Message,
    ModelPerformance,
    Uncounted,
)
from routing.models import LLMModel, RoutingSettings, Rule, RuleSetRelease, RuleSetVersion
from routing.publishing.default_rules import seed_defaults


@pytest.fixture(autouse=True)
def _nothing_yet(db: None) -> None:
    """The tests of the running site leave their rows behind; here they count."""
    for table in (
        Conversation,
        Uncounted,
        ModelPerformance,
        RuleSetRelease,
        RuleSetVersion,
        Rule,
        RoutingSettings,
        LLMModel,
    ):
        table.objects.all().delete()


@pytest.fixture
def published(db: None) -> None:
    """The default rules, live as version 1. Redis is told after a commit, which tests never make."""
    assert seed_defaults()


@pytest.fixture
def person(db: None) -> User:
    """Somebody who asked something."""
    return User.objects.create_user("demo")


def make_exchange(person: User, content: str = "Because.", **answer: Any) -> Message:
    """A conversation of one prompt and its answer; returns the answer."""
    thread = Conversation.objects.create(owner=person, title="Why?")
    prompt = Message.objects.create(
        conversation=thread, role="user", content="Why is <b>that</b> so?"
    )
    fields = {
        "action": "answer",
        "source": "classifier",
        "model": "claude-sonnet",
        "rule": "complex-reasoning",
        "cache_outcome": "miss",
        "guard": {"verdict": "flag", "score": 0.42, "signals": ["override"]},
        "attempts": [
            {
                "operation": "chat",
                "model": "gpt",
                "provider": "openai",
                "outcome": "provider_timeout",
                "input_tokens": 0,
                "output_tokens": 0,
                "cost_usd": None,
                "estimated": True,
                "first_token_ms": None,
                "total_ms": 20_000,
            }
        ],
        "problem": {"code": "no_provider_available"},
        **answer,
    }
    return Message.objects.create(
        conversation=thread, role="assistant", content=content, answers=prompt, **fields
    )


def make_picture(person: User, data: bytes) -> GeneratedImage:
    """A picture that was drawn for the person."""
    return GeneratedImage.objects.create(
        message=make_exchange(person, "", action="image"),
        owner=person,
        file=ContentFile(data, "picture.png"),
        alt="A lighthouse",
        width=8,
        height=8,
    )


def make_feedback(person: User, **fields: Any) -> Feedback:
    """A verdict on an answer of its own."""
    return Feedback.objects.create(
        message=make_exchange(person), user=person, **{"verdict": "bad", **fields}
    )


@pytest.fixture
def providers(
    published: None, simulator: Simulator, redis_url: str, settings: LazySettings
) -> Iterator[Simulator]:
    """The default rules, live, with stand-ins to ask."""
    settings.REDIS_URL, settings.REDIS_PREFIX = redis_url, f"desk-{uuid4().hex}"
    settings.OPENAI_API_KEY = settings.ANTHROPIC_API_KEY = "test-key"
    settings.OPENAI_BASE_URL = simulator.openai_url
    settings.ANTHROPIC_BASE_URL = simulator.anthropic_url
    simulator.clear()
    yield simulator
    simulator.clear()
