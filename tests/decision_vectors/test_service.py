"""A known kind of question through the whole service: learned, earned, decided, told, and erased."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings

from conversations.adapters.decision_vectors.index import VerdictKeys
from conversations.bootstrap import container
from conversations.feedback.reviews import entry_ids
from conversations.models import Message, VectorAudit
from routing.common.redis.clients import sync_client
from routing.reuse.decision_model import EARNED_BY
from tests.live_site import LiveSite

KIND = "Write a Python function that adds {} whole numbers."
"""Numbers that differ keep stored answers from being served."""


@pytest.fixture(autouse=True)
def _unearned(site: LiveSite) -> Iterator[None]:
    """The right to decide ends with its test: others count on the classifier."""
    yield
    VectorAudit.objects.all().delete()
    site.run(container().vectors.read_audits())


@pytest.fixture
def client(site: LiveSite) -> Iterator[redis.Redis]:
    with sync_client(settings.REDIS_URL) as client:
        yield client


def test_a_known_kind_of_question_needs_no_classifier(site: LiveSite, client: redis.Redis) -> None:
    person, vectors = site.person(), container().vectors
    answers = [person.ask(KIND.format(number)) for number in range(11, 20)]
    assert {answer["decision"]["source"] for answer in answers} == {"classifier"}

    rules = site.run(container().rules.for_person(person.user.pk)).rules_for(person.user.pk)
    vector = site.run(vectors.embed(KIND.format(31), rules))
    assert vector
    opinion = site.run(vectors.try_prompt(KIND.format(31), rules, vector))
    assert opinion
    assert (opinion.sure, opinion.earned) == (True, False)
    audit = {
        "offer": opinion.offer, "decided": False, "sure": True, "right": True, "probability": 0.99,
        "cut": 0.97, "verdicts": 8, "rule": "code", "milliseconds": 600,
    }  # fmt: skip
    VectorAudit.objects.bulk_create(VectorAudit(**audit) for _ in range(EARNED_BY))
    site.run(vectors.read_audits())

    decided = person.ask(KIND.format(32))
    assert (decided["decision"]["source"], decided["decision"]["rule"]) == ("vector", "code")
    assert decided["decision"]["vector"]["verdicts"] >= 5
    assert [one["operation"] for one in decided["attempts"]] == ["chat"]
    stored = Message.objects.get(pk=decided["id"])
    assert (stored.source, stored.vector) == ("vector", decided["decision"]["vector"])

    kept = entry_ids().shared(Message.objects.get(pk=answers[0]["id"]).pk)
    verdict = f"{VerdictKeys(settings.REDIS_PREFIX).verdicts}{kept}"
    assert client.exists(verdict)
    person.http.delete(f"/api/v1/conversations/{answers[0]['conversation']}/")
    assert not client.exists(verdict)
