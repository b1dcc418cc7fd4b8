"""Whom the database keeps a stored answer from, in one statement."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4, uuid5

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from conversations.feedback.reviews import entry_ids, entry_withheld
from conversations.models import AnswerReview, Feedback, Message
from tests.storage.conftest import Ask

pytestmark = pytest.mark.django_db
CURATED = uuid5(uuid4(), "an answer of the operator's")


@pytest.fixture
def answer(ask: Ask) -> Message:
    return Message.objects.get(pk=ask().message)


@pytest.fixture
def other() -> User:
    return User.objects.create_user(f"other-{uuid4().hex}")


def both(answer: Message) -> tuple[UUID, UUID]:
    return entry_ids().both(answer.pk)


def test_nothing_was_said(
    answer: Message, person: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for entry in (*both(answer), CURATED):
        with django_assert_num_queries(1):
            assert entry_withheld(entry=entry, user=person.pk) is False


def test_its_message_is_gone(answer: Message, person: User) -> None:
    entries = both(answer)
    answer.delete()
    assert all(entry_withheld(entry=entry, user=person.pk) for entry in entries)
    assert not entry_withheld(entry=CURATED, user=person.pk)


@pytest.mark.parametrize("state", ["quarantined", "withdrawn"])
def test_nobody_is_to_have_it(answer: Message, other: User, state: str) -> None:
    AnswerReview.objects.create(subject=answer.pk, state=state)
    AnswerReview.objects.create(subject=CURATED, state=state)
    assert all(entry_withheld(entry=entry, user=other.pk) for entry in (*both(answer), CURATED))


def test_a_bad_verdict_hides_it_from_its_giver(answer: Message, person: User, other: User) -> None:
    said = Feedback.objects.create(message=answer, user=person, verdict="bad")
    for entry in both(answer):
        assert entry_withheld(entry=entry, user=person.pk)
        assert not entry_withheld(entry=entry, user=other.pk)
    Feedback.objects.filter(pk=said.pk).update(verdict="good")
    assert not entry_withheld(entry=answer.pk, user=person.pk)


@pytest.mark.parametrize("served_as", ["own", "shared", "curated"])
def test_so_does_one_on_an_answer_that_served_it(
    answer: Message, ask: Ask, other: User, served_as: str
) -> None:
    entry = {"own": both(answer)[0], "shared": both(answer)[1], "curated": CURATED}[served_as]
    hit = Message.objects.get(pk=ask(user=other.pk).message)
    Message.objects.filter(pk=hit.pk).update(cache_entry=entry)
    Feedback.objects.create(message=hit, user=other, verdict="bad")
    assert entry_withheld(entry=entry, user=other.pk)


@pytest.mark.parametrize(("minutes", "withheld"), [(-1, True), (1, False)])
def test_what_was_said_of_a_replaced_answer_is_settled(
    answer: Message, person: User, minutes: int, withheld: bool
) -> None:
    Feedback.objects.create(message=answer, user=person, verdict="bad")
    replaced = timezone.now() + timedelta(minutes=minutes)
    AnswerReview.objects.create(subject=answer.pk, replaced_at=replaced)
    assert entry_withheld(entry=answer.pk, user=person.pk) is withheld
