"""Golden cases: kept, run, and in the way of a publication that breaks them."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from assistant_site.simulator import Simulator
from conversations.evaluation.golden import golden_check
from conversations.models import AuditEntry, AuditPerson
from routing.domain.errors import PublishRefused
from routing.domain.release import Stage
from routing.models import GoldenCase, Rule, RuleSetVersion
from routing.publishing.draft import ruleset_build
from routing.publishing.services import Target, ruleset_publish
from tests.admin.conftest import make_exchange

CODE = "Write a Python function that merges two sorted lists."


def case(**fields: object) -> GoldenCase:
    values: dict[str, object] = {"prompt": CODE, "rule": "code", **fields}
    return GoldenCase.objects.create(**values)


def break_the_draft() -> None:
    Rule.objects.filter(name="code").update(enabled=False)


@pytest.mark.usefixtures("providers")
def test_a_case_that_holds_lets_the_draft_go() -> None:
    kept = case(action="answer", model="gpt")
    Rule.objects.filter(name="code").update(priority=11)

    version = ruleset_publish(why="order")

    assert (version.failures, version.override_reason) == ([], "")
    kept.refresh_from_db()
    assert kept.failure == ""
    assert kept.checked_at


@pytest.mark.usefixtures("providers")
def test_a_case_that_fails_refuses_the_draft_unless_overridden() -> None:
    kept = case()
    break_the_draft()

    with pytest.raises(PublishRefused) as refused:
        ruleset_publish()

    (told,) = refused.value.failures
    assert "Write a Python function" in told
    assert "instead of “code”" in told
    kept.refresh_from_db()
    assert "instead of “code”" in kept.failure
    before = RuleSetVersion.objects.count()

    version = ruleset_publish(override="The rule is retired.")

    assert RuleSetVersion.objects.count() == before + 1
    assert version.override_reason == "The rule is retired."
    assert version.failures == [told]


@pytest.mark.usefixtures("providers")
def test_a_refusal_has_no_words_of_people(person: User) -> None:
    """Nothing notes who reads it, and a version keeps it after the person is erased."""
    made = case(person=person, origin=uuid4())
    break_the_draft()

    (told,) = golden_check(ruleset_build(), None)
    assert told.startswith(f"Golden case {made.pk}: ")
    assert "Python" not in told


@pytest.mark.usefixtures("providers")
def test_a_disabled_case_is_not_asked() -> None:
    case(enabled=False)
    break_the_draft()
    assert list(golden_check(ruleset_build(), None)) == []


def test_a_classifier_that_is_away_proves_nothing(providers: Simulator) -> None:
    case(rule="general", prompt="What is the capital of Peru?")
    providers.fault(call="classify", status=500, times=20)

    (told,) = golden_check(ruleset_build(), None)

    assert "No classifier could be asked" in told


@pytest.mark.usefixtures("published", "providers")
def test_a_roll_back_passes_over_cases_that_are_younger_than_the_version(
    admin_client: Client,
) -> None:
    """In an incident, a case for the new rule must fail on the old rules."""
    Rule.objects.filter(name="code").update(name="programs")
    ruleset_publish()
    kept = case(rule="programs")
    link = reverse("admin:routing_roll_back", args=[1])

    told = admin_client.get(link).content.decode()
    assert "1 golden case made since version 1 was replaced will not be asked" in told

    GoldenCase.objects.filter(pk=kept.pk).update(created_at=datetime(2020, 1, 1, tzinfo=UTC))
    refused = admin_client.post(link).content.decode()
    assert "Not rolled back: Golden case" in refused

    GoldenCase.objects.filter(pk=kept.pk).update(created_at=timezone.now())
    done = admin_client.post(link, follow=True).content.decode()
    assert "Version 1 is live again, as version 3." in done
    assert "Not asked, because they are younger: 1 golden case." in done


def test_a_version_that_never_was_live_is_released_and_not_rolled_back_to(
    published: None, admin_client: Client
) -> None:
    Rule.objects.filter(name="code").update(priority=11)
    version = ruleset_publish(target=Target(Stage.SHADOW))
    url = reverse("admin:routing_rulesetversion_change", args=[version.number])
    page = admin_client.get(url).content.decode()

    assert page.count("This version is on trial") == 1
    assert page.index("This version is on trial") < page.index("What it says")
    assert "Roll back to this version" not in page


def test_a_case_expects_something(published: None, admin_client: Client) -> None:
    url = reverse("admin:routing_goldencase_add")
    page = admin_client.post(url, {"prompt": CODE, "enabled": "on"}).content.decode()
    assert "Say what is expected" in page
    with pytest.raises(ValidationError):
        GoldenCase(prompt=CODE).full_clean()

    admin_client.post(url, {"prompt": "\u200b", "rule": "code"})
    assert not GoldenCase.objects.exists()
    admin_client.post(url, {"prompt": CODE, "rule": "code", "enabled": "on"})
    assert GoldenCase.objects.get().created_by == User.objects.get(username="admin")


def test_a_message_becomes_a_case_by_a_click(
    published: None, admin_client: Client, person: User
) -> None:
    answer = make_exchange(person, rule="code", model="simulated/gpt")
    page = admin_client.get(reverse("admin:conversations_message_change", args=[answer.pk]))
    assert "Keep as a golden case" in page.content.decode()

    for message in (answer, answer.answers):
        assert message
        admin_client.post(reverse("admin:routing_golden_from", args=[message.pk]))

    kept = GoldenCase.objects.get()
    assert (kept.prompt, kept.action, kept.rule, kept.model) == (
        "Why is <b>that</b> so?",
        "answer",
        "code",
        "gpt",
    )


def test_a_look_at_cases_of_people_is_noted(admin_client: Client, person: User) -> None:
    page = reverse("admin:routing_goldencase_changelist")
    own, entries = case(), AuditEntry.objects.filter(action__startswith="goldencase.")
    for url in (page, reverse("admin:routing_goldencase_change", args=[own.pk])):
        assert admin_client.get(url).status_code == 200
    assert not entries.exists()

    made = case(person=person, origin=uuid4())
    admin_client.get(page, {"q": "Python"})
    admin_client.get(reverse("admin:routing_goldencase_change", args=[made.pk]))
    listed, viewed = entries.order_by("pk")
    assert (listed.action, listed.details) == ("goldencase.listed", {"filters": ["q"]})
    assert (viewed.action, viewed.subject) == ("goldencase.viewed", str(made.pk))
    assert AuditPerson.objects.get(pk=str(viewed.person)).name == person.username


def test_who_may_not_add_cases_cannot(published: None, client: Client, person: User) -> None:
    answer = make_exchange(person)
    reader = User.objects.create_user("reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_message"))
    client.force_login(reader)

    page = client.get(reverse("admin:conversations_message_change", args=[answer.pk]))
    assert "Keep as a golden case" not in page.content.decode()
    assert client.post(reverse("admin:routing_golden_from", args=[answer.pk])).status_code == 403
    assert client.post(reverse("admin:routing_golden_run")).status_code == 403
    assert client.get(reverse("admin:routing_try")).status_code == 403


@pytest.mark.usefixtures("providers")
def test_all_cases_are_run_by_a_button(admin_client: Client) -> None:
    case()
    case(prompt="Draw a fox.", rule="code")
    listed = admin_client.post(reverse("admin:routing_golden_run"), follow=True).content.decode()
    assert "1 of 2 cases hold." in listed
    assert "fails" in listed
    assert "holds" in listed
