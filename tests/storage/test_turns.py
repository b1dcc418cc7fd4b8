"""Beginning an answer while others ask, rename and delete."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection

from conversations.domain.errors import ConversationBusy, NotFound, TokenNotValid
from conversations.models import Conversation, Message
from conversations.storage import services, turns
from conversations.storage.turns import IdempotencyClaim
from tests.storage.conftest import Ask, ended

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def just_before(statement: str, table: str, action: Callable[[], object]) -> Iterator[None]:
    """Do something once, in between: what another process might do there."""
    done: list[bool] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not done and sql.startswith(statement) and f'"{table}"' in sql:
            done.append(True)
            action()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield
    assert done, f"no {statement} of {table}"


@contextmanager
def once_refused(action: Callable[[], object]) -> Iterator[None]:
    """Do something when the database has refused a statement and its transaction is undone."""
    refused: list[bool] = []

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if refused and not connection.in_atomic_block:
            refused.clear()
            action()
        try:
            return execute(sql, params, many, context)
        except Exception:
            refused.append(True)
            raise

    with connection.execute_wrapper(watch):
        yield


def test_a_second_question_meanwhile_is_told_what_runs(ask: Ask) -> None:
    begun = ask()

    with pytest.raises(ConversationBusy) as busy:
        ask(conversation=begun.conversation)
    assert busy.value.running == begun.message


def test_a_question_is_asked_again_when_the_other_answer_has_just_ended(ask: Ask) -> None:
    first = ask()

    def end() -> None:
        assert turns.answer_finish(message=first.message, outcome=ended())

    with once_refused(end):
        second = ask(conversation=first.conversation)

    assert Message.objects.get(pk=second.message).status == "streaming"
    assert Message.objects.filter(conversation=first.conversation, role="user").count() == 2


def test_a_conversation_deleted_with_its_running_answer_is_not_found(ask: Ask) -> None:
    first = ask()

    def delete() -> None:
        Conversation.objects.filter(pk=first.conversation).delete()

    with once_refused(delete), pytest.raises(NotFound):
        ask(conversation=first.conversation)


def test_a_token_of_nobody_is_not_valid(ask: Ask, person: User) -> None:
    pk = person.pk
    person.delete()

    with pytest.raises(TokenNotValid):
        ask(user=pk)


def test_a_conversation_deleted_meanwhile_is_not_found(ask: Ask, person: User) -> None:
    thread = Conversation.objects.create(owner=person)

    def delete() -> None:
        Conversation.objects.filter(pk=thread.pk).delete()

    with (
        just_before("UPDATE", "conversations_conversation", delete),
        pytest.raises(NotFound),
    ):
        ask(conversation=thread.pk)
    delete()
    with pytest.raises(NotFound):
        services.conversation_rename(conversation=thread, title="New")


def test_a_question_does_not_undo_a_rename(ask: Ask, person: User) -> None:
    untitled = Conversation.objects.create(owner=person)
    titled = Conversation.objects.create(owner=person, title="Old")
    for thread in (untitled, titled):
        before = thread.updated_at

        def rename(pk: UUID = thread.pk) -> None:
            Conversation.objects.filter(pk=pk).update(title="Mine")

        with just_before("UPDATE", "conversations_conversation", rename):
            ask("What is it?", conversation=thread.pk)
        thread.refresh_from_db()
        assert thread.title == "Mine"
        assert thread.updated_at > before


def test_the_first_question_names_a_conversation_without_a_title(ask: Ask, person: User) -> None:
    thread = Conversation.objects.create(owner=person)
    ask("What   is it?", conversation=thread.pk)

    thread.refresh_from_db()
    assert thread.title == "What is it?"


def test_a_key_stands_for_its_answer_while_that_is_running(ask: Ask) -> None:
    claim = IdempotencyClaim(uuid4().hex, "0" * 64)
    first = ask(claim=claim)
    again = ask(claim=claim)

    assert (again.message, again.replayed) == (first.message, True)


def test_a_verdict_on_a_deleted_answer_is_not_found(ask: Ask, person: User) -> None:
    begun = ask()
    answer = Message.objects.get(pk=begun.message)
    Conversation.objects.filter(pk=begun.conversation).delete()

    with pytest.raises(NotFound):
        services.feedback_record(user=person.pk, message=answer, verdict="good")
