"""The review desk."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from conversations.feedback.reviews import entry_withheld, review_reweigh
from conversations.models import AnswerReview, CuratedAnswer, Message, OwedWork
from tests.admin.conftest import make_exchange, make_feedback


@pytest.fixture
def review(person: User) -> AnswerReview:
    """An answer that somebody called bad and corrected."""
    given = make_feedback(person)
    given.verdict, given.correction = "bad", "It is the other way round."
    given.save()
    review_reweigh(subject=given.message_id)
    return AnswerReview.objects.get(pk=given.message_id)


def press(client: Client, review: AnswerReview, button: str, **fields: str) -> None:
    url = reverse("admin:conversations_answerreview_change", args=[review.pk])
    body = {"question": "Why?", "answer": "Because.", **fields}
    body[f"conversations_answerreview_{button}"] = "1"
    assert client.post(url, body).status_code == 302


def test_the_queue_shows_the_most_urgent_first(
    admin_client: Client, review: AnswerReview, person: User
) -> None:
    other = make_exchange(person)
    AnswerReview.objects.create(subject=other.pk, source=other, urgency=99)
    page = admin_client.get(reverse("admin:conversations_answerreview_changelist"))
    rows = page.context_data["cl"].result_list  # type: ignore[index]
    assert [row.pk for row in rows] == [other.pk, review.pk]


def test_a_page_has_the_answer_who_said_what_and_the_correction(
    admin_client: Client, review: AnswerReview
) -> None:
    url = reverse("admin:conversations_answerreview_change", args=[review.pk])
    page = admin_client.get(url).content.decode()
    assert Message.objects.get(pk=review.pk).content in page
    assert "It is the other way round." in page
    assert "by demo" in page
    assert "Publish as curated" in page
    assert 'name="_save"' not in page  # it would decide nothing


@pytest.mark.parametrize(
    ("button", "state"),
    [("approve", "live"), ("quarantine", "quarantined"), ("withdraw", "withdrawn")],
)
def test_one_click_decides_and_is_in_the_history(
    admin_client: Client, review: AnswerReview, person: User, button: str, state: str
) -> None:
    press(admin_client, review, button)
    review.refresh_from_db()
    assert (review.state, review.review, review.decided_by_id is not None) == (
        state,
        "decided",
        True,
    )
    other = User.objects.create_user("other").pk
    assert entry_withheld(entry=review.pk, user=other) is (state != "live")
    assert entry_withheld(entry=review.pk, user=person.pk)
    history = reverse("admin:conversations_answerreview_history", args=[review.pk])
    assert admin_client.get(history).content.decode().count("admin") > 0
    assert OwedWork.objects.filter(kind="standing", subject=review.pk).exists()


def test_several_are_decided_at_once(admin_client: Client, review: AnswerReview) -> None:
    url = reverse("admin:conversations_answerreview_changelist")
    body = {"action": "quarantine_all", "_selected_action": [str(review.pk)]}
    assert admin_client.post(url, body).status_code == 302
    review.refresh_from_db()
    assert review.state == "quarantined"


def test_an_edited_answer_is_published_for_everybody(
    admin_client: Client, review: AnswerReview
) -> None:
    press(admin_client, review, "publish_curated", question="Why so?", answer="It is so.")
    curated = CuratedAnswer.objects.get()
    assert (curated.question, curated.answer) == ("Why so?", "It is so.")
    assert curated.source_id == review.pk
    assert OwedWork.objects.filter(kind="curate", subject=curated.pk).exists()
    review.refresh_from_db()
    assert review.state == "withdrawn"


def test_who_may_only_look_decides_nothing(client: Client, review: AnswerReview) -> None:
    client.force_login(User.objects.create_user("clerk", is_staff=True))
    url = reverse("admin:conversations_answerreview_change", args=[review.pk])
    assert client.post(url, {"approve": "1"}).status_code == 403
