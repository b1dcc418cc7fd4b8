"""The review desk's search: what would this prompt hit, and why?"""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from assistant_site.simulator import Simulator
from conversations import bootstrap
from conversations.adapters.answer_cache.entries import curated_id
from conversations.models import AnswerReview, AuditEntry

QUESTION = "How do I enable two-factor authentication?"
OPPOSITE = "How do I disable two-factor authentication?"


@pytest.fixture
def stored(providers: Simulator) -> None:
    """One answer of the operator's."""

    async def warm() -> None:
        async with bootstrap.evaluation_container() as desk:
            await desk.cache.state()
            await desk.cache.warm(QUESTION, "Under Settings.", await desk.embedder.embed(QUESTION))

    async_to_sync(warm)()


def searched(client: Client, prompt: str, person: str = "") -> str:
    url = reverse("admin:conversations_review_search")
    page = client.post(url, {"prompt": prompt, "person": person})
    assert page.status_code == 200
    return page.content.decode()


@pytest.mark.usefixtures("stored")
def test_a_candidate_is_told_with_its_signals_and_what_becomes_of_it(admin_client: Client) -> None:
    page = searched(admin_client, QUESTION.lower())
    assert "<strong>served</strong>" in page
    assert "exact: the same words" in page
    assert "Under Settings." in page
    assert "the operator" in page

    assert AuditEntry.objects.latest("pk").action == "answerreview.searched"

    page = searched(admin_client, OPPOSITE)
    assert "<strong>vetoed: opposite</strong>" in page
    assert "by meaning" in page
    assert "the cut is 0." in page
    assert "<td>cosine</td>" in page


@pytest.mark.usefixtures("stored")
def test_it_is_seen_with_a_persons_eyes_and_links_the_review(
    admin_client: Client, person: User
) -> None:
    assert "Nobody has this user name." in searched(admin_client, QUESTION, "nobody-at-all")
    assert "<strong>served</strong>" in searched(admin_client, QUESTION, person.username)

    entry = curated_id(QUESTION)
    AnswerReview.objects.create(subject=entry, state="quarantined")
    page = searched(admin_client, QUESTION, person.username)
    assert reverse("admin:conversations_answerreview_change", args=[entry]) in page


@pytest.mark.usefixtures("providers")
def test_an_empty_cache_says_so(admin_client: Client) -> None:
    searched(admin_client, QUESTION)  # makes the index
    assert "No stored answer is near." in searched(admin_client, QUESTION)


def test_without_published_rules_it_says_so(admin_client: Client) -> None:
    assert "Nothing is published yet." in searched(admin_client, QUESTION)


@pytest.mark.usefixtures("providers")
def test_a_redis_that_is_away_is_told(admin_client: Client, settings: LazySettings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert "Not available: " in searched(admin_client, QUESTION)


def test_only_who_may_read_messages_searches(client: Client) -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_answerreview"))
    client.force_login(clerk)
    assert client.get(reverse("admin:conversations_review_search")).status_code == 403
    desk = client.get(reverse("admin:conversations_answerreview_changelist"))
    assert "Search by similarity" not in desk.content.decode()
