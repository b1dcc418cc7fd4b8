"""What is told of an answer without reading it back is what is stored."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversations.domain.errors import NotFound
from conversations.engine.types import CacheFacts, Degraded, Turn
from conversations.models import Conversation, Message
from conversations.storage import services, turns
from conversations.storage.representations import message_object
from conversations.storage.turns import NewTurn, ended_answer
from routing.domain.guard import GuardReport
from routing.domain.llm import Attempt, Usage
from tests.storage.conftest import Ask, ended

pytestmark = pytest.mark.django_db

TRACE = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"usage": Usage(1, 2, Decimal("0.00000149999999"))},
        {"usage": Usage(1, 2, Decimal("0.0000005"))},
        {"usage": Usage(1, 2, Decimal(3) / 7)},
        {"usage": Usage(1, 2, None)},
        {"cache": CacheFacts("semantic", 0.912345678901, uuid4())},
        {"cache": CacheFacts("exact", 1.0, uuid4(), Usage(9, 8, cached_tokens=7))},
        {"guard": GuardReport("flag", 0.25, ("hidden-text", "injection"))},
        {"degraded": (Degraded("memory", "away"),), "status": "stopped"},
        {"decision": None, "status": "failed", "problem": {"code": "crashed"}},
        {"content": "Grüße 🦊\n\u2028 'quoted' %s", "script": [3, {"reset": "gpt"}]},
        {"first_token_ms": None, "total_ms": 0, "finish_reason": ""},
    ],
)
def test_an_ended_answer_is_told_as_it_is_stored(ask: Ask, fields: dict[str, Any]) -> None:
    call = Attempt("chat", "gpt", "openai", 0, 12_345_678, "ok", Usage(5, 6), 7.5)
    outcome = ended(call, **fields)
    begun = ask(trace_id=TRACE)
    turn = Turn(
        0, begun.conversation, begun.message, begun.user_message, "Why?", True, TRACE,
        begun=begun.at,
    )  # fmt: skip
    assert turns.answer_finish(message=begun.message, outcome=outcome, started=begun.at)

    told = message_object(ended_answer(turn, begun.at, outcome), origin="https://site")
    stored = Message.objects.get(pk=begun.message)
    # To the byte, as a replay is: keys have their order too.
    assert json.dumps(told) == json.dumps(message_object(stored, origin="https://site"))
    assert stored.finished_at is not None


def test_a_turn_is_stored_as_the_tables_say(person: User, ask: Ask) -> None:
    begun = ask("Why   is\nit?", trace_id=TRACE, requested_model="gpt")
    prompt, answer = Message.objects.filter(conversation=begun.conversation)
    thread = prompt.conversation

    assert (thread.owner, thread.title) == (person, "Why is it?")
    assert thread.created_at == thread.updated_at == prompt.created_at == answer.created_at
    assert (prompt.role, prompt.status, prompt.content) == ("user", "complete", "Why   is\nit?")
    assert (answer.role, answer.status, answer.requested_model) == ("assistant", "streaming", "gpt")
    assert answer.answers == prompt
    untold = {"id", "role", "status", "content", "answers", "requested_model", "created_at"}
    for field in Message._meta.concrete_fields:
        if field.name not in {*untold, "conversation", "trace_id"}:
            assert getattr(answer, field.name) == field.get_default(), field.name


def test_a_second_question_names_only_the_nameless(person: User, ask: Ask) -> None:
    named = services.conversation_create(user=person.pk, title="Mine")
    nameless = services.conversation_create(user=person.pk)

    assert ask("Why?", conversation=named.pk).first
    assert ask("Why?", conversation=nameless.pk).first
    assert Conversation.objects.get(pk=named.pk).title == "Mine"
    assert Conversation.objects.get(pk=nameless.pk).title == "Why?"
    other = User.objects.create(username="other")
    with pytest.raises(NotFound):
        turns.answer_begin(NewTurn(user=other.pk, conversation=named.pk, content="Why?"))


@pytest.mark.django_db(transaction=True)
def test_a_turn_takes_few_statements(ask: Ask) -> None:
    with CaptureQueriesContext(
        connection,
    ) as begin:
        begun = ask()
    with CaptureQueriesContext(connection) as finish:
        turns.answer_finish(
            message=begun.message,
            outcome=ended(Attempt("chat", "gpt", "openai", 0, 1, "ok")),
            started=begun.at,
        )

    def first_words(queries: CaptureQueriesContext) -> list[str]:
        return [query["sql"].split()[0] for query in queries.captured_queries]

    assert first_words(begin) == ["SELECT", "BEGIN", "INSERT", "INSERT", "COMMIT"]
    assert first_words(finish) == ["BEGIN", "UPDATE", "INSERT", "COMMIT"]
