"""The one service that publishes: checks, conflicts, and what a version remembers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest
from django.contrib.auth.models import User

from routing.domain.errors import PublishConflict, PublishRefused, RuleSetInvalid
from routing.domain.release import Stage
from routing.domain.rules import RuleSet
from routing.models import RuleSetRelease, RuleSetVersion
from routing.publishing import services
from routing.publishing.selectors import release_number
from routing.publishing.services import Target, publish
from tests.publishing.conftest import make_rules

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_yet(db: None) -> None:
    RuleSetRelease.objects.all().delete()
    RuleSetVersion.objects.all().delete()


@pytest.fixture
def picky() -> Iterator[None]:
    """A check that wants every instruction to end with a full stop."""

    def check(candidate: RuleSet, _: datetime | None) -> Iterator[str]:
        for rule in candidate.rules:
            if not rule.instruction.endswith("."):
                yield f"“{rule.name}” has no full stop."

    services.register_check(check)
    yield
    services._checks.remove(check)


def test_a_version_knows_who_when_why_and_what_changed(django_user_model: type[User]) -> None:
    anna = django_user_model.objects.create_user("anna")
    publish(make_rules(), by=anna, why="A beginning.")
    version = publish(make_rules(instruction="Less."), by=anna, why="  Too much. ")
    assert (version.number, version.published_by, version.why) == (2, anna, "Too much.")
    assert version.diff == ["The rule “general”: instruction “Everything.” → “Less.”."]
    assert version.published_at is not None
    release = RuleSetRelease.objects.first()
    assert release is not None
    assert (release.live, release.trial, release.stage) == (version, None, "all")


def test_the_same_again_is_no_new_version() -> None:
    first = publish(make_rules())
    assert publish(make_rules()) == first
    assert RuleSetVersion.objects.count() == RuleSetRelease.objects.count() == 1


@pytest.mark.usefixtures("picky")
def test_a_failed_check_refuses_and_a_reason_overrides_it() -> None:
    publish(make_rules())
    with pytest.raises(PublishRefused) as refused:
        publish(make_rules(instruction="Never mind"), override="  ")
    assert refused.value.failures == ("“general” has no full stop.",)
    assert RuleSetVersion.objects.count() == 1

    version = publish(make_rules(instruction="Never mind"), override="Stops are old-fashioned.")
    assert version.override_reason == "Stops are old-fashioned."
    assert version.failures == ["“general” has no full stop."]


@pytest.mark.usefixtures("picky")
def test_a_reason_that_was_not_needed_is_not_kept() -> None:
    assert publish(make_rules(), override="Just in case.").override_reason == ""


def test_what_was_prepared_before_another_publication_is_not_published() -> None:
    prepared_on = release_number()
    publish(make_rules())
    with pytest.raises(PublishConflict):
        publish(make_rules(instruction="Late."), prepared_on=prepared_on)
    assert RuleSetVersion.objects.count() == 1


def test_a_trial_leaves_the_live_version_in_force() -> None:
    live = publish(make_rules())
    trial = publish(make_rules(instruction="New."), target=Target(Stage.PERCENT, 10))
    release = RuleSetRelease.objects.first()
    assert release is not None
    assert (release.live, release.trial, release.percent) == (live, trial, 10)


def test_the_first_version_is_for_everybody() -> None:
    with pytest.raises(RuleSetInvalid, match="Nothing is live yet"):
        publish(make_rules(), target=Target(Stage.SHADOW))
    assert not RuleSetVersion.objects.exists()


def test_a_new_default_and_new_settings_are_told() -> None:
    publish(make_rules())
    rules = make_rules()
    changed = replace(
        rules,
        rules=(*rules.rules, replace(rules.rules[0], name="other", priority=7)),
        default_rule="other",
        callers_choose=False,
    )
    assert publish(changed).diff == [
        "The rule “other” is new.",
        "The default rule: “general” → “other”.",
        "Callers may name a model: yes → no.",
    ]
