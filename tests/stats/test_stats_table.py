"""How versions do: sums, intervals, decisions in shadow, and their pages."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from conversations.admin.versions import comparisons, figures_of
from conversations.domain.outcome import RunOutcome
from conversations.engine.types import CacheFacts
from conversations.models import (
    Message,
    ModelPerformance,
    ShadowDecision,
    Uncounted,
    VersionPerformance,
)
from conversations.stats.pending import add_up
from conversations.stats.stats_table import shadow_record
from conversations.storage import services, turns
from conversations.storage.turns import NewTurn
from routing.common.statistics import mean, share
from routing.domain.actions import Action
from routing.domain.llm import Attempt, Usage
from routing.domain.rules import Decision, Source

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_yet(db: None) -> None:
    Uncounted.objects.all().delete()
    VersionPerformance.objects.all().delete()


@pytest.fixture
def person(django_user_model: type[User]) -> User:
    return django_user_model.objects.create_user("anna")


def decided(ruleset: int = 7, **changed: Any) -> Decision:
    return Decision(
        **{
            "action": Action.ANSWER,
            "source": Source.CLASSIFIER,
            "provider": "openai",
            "model": "gpt",
            "rule": "code",
            "reason": "It is code.",
            "ruleset": ruleset,
            **changed,
        }
    )


def attempt(operation: str, cost: str | None) -> Attempt:
    return Attempt(
        operation=operation,  # type: ignore[arg-type]
        model="claude-haiku",
        provider="anthropic",
        started_ns=time.time_ns() - 120_000_000,
        ended_ns=time.time_ns(),
        outcome="ok",
        usage=Usage(1000, 20).at(Decimal(cost) if cost else None),
    )


def answer(person: User, decision: Decision | None = None, **changed: Any) -> Message:
    begun = turns.answer_begin(NewTurn(user=person.pk, content="Why?", trace_id="0" * 32))
    outcome = RunOutcome(
        **{
            "status": "complete",
            "content": "Because.",
            "decision": decision or decided(),
            "cache": CacheFacts("miss"),
            "guard": None,
            "usage": Usage(10, 20, Decimal("0.002")),
            "finish_reason": "stop",
            "first_token_ms": 300,
            "total_ms": 900,
            "attempts": [attempt("classify", "0.001")],
            "degraded": (),
            "script": (),
            **changed,
        }
    )
    assert turns.answer_finish(message=begun.message, outcome=outcome)
    add_up()
    return Message.objects.get(pk=begun.message)


def test_costs_that_are_not_known_are_counted_beside_their_sums(person: User) -> None:
    answer(person)
    message = answer(person, attempts=[attempt("classify", None)])
    shadow_record(
        message=message.pk,
        instead_of=decided(),
        decision=decided(),
        attempts=[attempt("classify", None)],
    )
    add_up()
    row = VersionPerformance.objects.get(ruleset=7, rule="code")

    assert (row.classify_cost_usd, row.classify_unpriced) == (Decimal("0.001"), 1)
    assert (row.shadow_cost_usd, row.shadow_unpriced) == (Decimal(0), 1)
    assert figures_of(7).texts["classification"] == "$0.001000"


def test_answers_are_summed_by_version_and_rule(person: User) -> None:
    answer(person)
    answer(person, total_ms=1100, first_token_ms=500, usage=Usage(1, 1, Decimal("0.004")))
    answer(person, cache=CacheFacts("exact"))
    answer(person, decided(rule="no", action=Action.REFUSE, model=None), first_token_ms=None)
    answer(person, status="failed")
    answer(person, decided(8))
    row = VersionPerformance.objects.get(ruleset=7, rule="code")
    assert (row.answers, row.cache_hits, row.failures, row.total_count) == (3, 1, 1, 2)
    assert row.cost_usd == Decimal("0.006")
    assert row.classify_cost_usd == Decimal("0.002")
    assert row.classify_tokens == 2040
    assert VersionPerformance.objects.get(ruleset=7, rule="no").refusals == 1

    figures = figures_of(7)
    assert figures.total is not None
    assert figures.total.value == pytest.approx((900 + 1100 + 900) / 3)
    assert figures.first_token is not None
    assert (figures.first_token.value, figures.first_token.count) == (400, 2)


def test_verdicts_move_with_those_who_give_them(person: User) -> None:
    message = answer(person)
    services.feedback_record(user=person.pk, message=message, verdict="good")
    services.feedback_record(user=person.pk, message=message, verdict="bad")
    row = VersionPerformance.objects.get()
    assert (row.feedback_good, row.feedback_bad) == (0, 1)
    services.feedback_delete(user=person.pk, message=message)
    row.refresh_from_db()
    assert (row.feedback_good, row.feedback_bad) == (0, 0)


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    # R: prop.test(hits, count, correct = FALSE)$conf.int
    [
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (450, 500, 0.8706, 0.9234),
    ],
)
def test_wilsons_interval(hits: int, count: int, low: float, high: float) -> None:
    estimate = share(hits, count)
    assert estimate is not None
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-4)


def test_a_mean_and_its_interval() -> None:
    values = [10.0, 12.0, 14.0]
    estimate = mean(sum(values), sum(value**2 for value in values), 3)
    assert estimate is not None
    assert estimate.value == 12
    assert estimate.high - estimate.value == pytest.approx(1.96 * 2 / 3**0.5, abs=1e-3)
    assert mean(0, 0, 0) is None
    assert share(0, 0) is None


def test_a_difference_counts_where_it_is_hardly_chance() -> None:
    VersionPerformance.objects.create(ruleset=1, feedback_good=80, feedback_bad=20)
    VersionPerformance.objects.create(ruleset=2, feedback_good=40, feedback_bad=60)
    VersionPerformance.objects.create(ruleset=3, feedback_good=8, feedback_bad=2)
    first = figures_of(1)
    verdicts = [comparisons(first, figures_of(other))[0].verdict for other in (2, 3, 4)]
    assert verdicts == ["lower", "no clear difference", "too little is known"]


class TestShadow:
    """What a version in shadow decided."""

    def record(self, message: Message, decision: Decision) -> None:
        shadow_record(
            message=message.pk,
            instead_of=decided(),
            decision=decision,
            attempts=[attempt("classify", "0.001")],
        )

    def test_is_kept_and_paid_for(self, person: User) -> None:
        self.record(answer(person), decided(8, model="claude-sonnet", rule="hard"))
        self.record(answer(person), decided(8))
        same, other = ShadowDecision.objects.all()
        assert (same.agrees, other.agrees) == (True, False)
        assert (other.model, other.rule, other.cost_usd) == (
            "claude-sonnet",
            "hard",
            Decimal("0.001"),
        )
        agreement = figures_of(8).agreement
        assert agreement is not None
        assert (agreement.value, agreement.count) == (0.5, 2)
        paid = ModelPerformance.objects.filter(model="claude-haiku", rule="hard").get()
        assert (paid.cost_usd, paid.answers) == (Decimal("0.001"), 0)

    def test_goes_with_its_message(self, person: User) -> None:
        message = answer(person)
        self.record(message, decided(8))
        message.conversation.delete()
        assert not ShadowDecision.objects.exists()
        self.record(message, decided(8))
        assert not ShadowDecision.objects.exists()


def rights(group: str) -> set[str]:
    wanted = Group.objects.get(name=group).permissions.select_related("content_type")
    return {f"{each.content_type.app_label}.{each.codename}" for each in wanted}


def test_the_roles_are_there_and_differ() -> None:
    editors, reviewers, auditors = map(rights, ("Rule editors", "Reviewers", "Auditors"))
    assert {"routing.change_rule", "routing.publish_rulesetversion"} <= editors
    assert "conversations.view_message" not in editors
    assert {"conversations.view_message", "routing.view_rulesetversion"} <= reviewers
    assert all(".view_" in right for right in auditors)
    assert "routing.publish_rulesetversion" not in reviewers | auditors
    assert "routing.override_rulesetversion" not in editors | reviewers | auditors


@pytest.mark.django_db(transaction=True)
def test_the_roles_are_there_for_tests_after_one_that_empties_the_tables() -> None:
    call_command("flush", interactive=False, verbosity=0)
    test_the_roles_are_there_and_differ()


def test_the_pages_show_the_numbers(person: User, admin_client: Client) -> None:
    from routing.models import RuleSetRelease  # noqa: PLC0415
    from routing.publishing.default_rules import seed_defaults  # noqa: PLC0415

    seed_defaults()
    release = RuleSetRelease.objects.first()
    assert release is not None
    number = release.live_id
    message = answer(person, decided(number))
    services.feedback_record(user=person.pk, message=message, verdict="good")
    page = admin_client.get(
        reverse("admin:routing_rulesetversion_change", args=[number])
    ).content.decode()
    assert "100.0% (20.7% to 100.0%, of 1)" in page
    assert "$0.002000 (one only)" in page
    link = f"{reverse('admin:conversations_message_changelist')}?ruleset={number}"
    assert link in page
    assert str(message.pk) in admin_client.get(link).content.decode()
    other = f"{reverse('admin:conversations_message_changelist')}?ruleset={number + 1}"
    assert str(message.pk) not in admin_client.get(other).content.decode()
    compare = reverse("admin:routing_compare")
    for query in ("", f"?a={number}&b={number}"):
        assert "How they do" in admin_client.get(compare + query).content.decode()
    assert admin_client.get(f"{compare}?a=9999").status_code == 404
    ShadowDecision.objects.create(
        message=message, ruleset=number, agrees=False, action="refuse", source="classifier"
    )
    shadows = reverse("admin:conversations_shadowdecision_changelist")
    page = admin_client.get(f"{shadows}?ruleset={number}&agrees__exact=0").content.decode()
    assert "Why?" in page
