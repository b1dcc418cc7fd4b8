"""Drafts, publishing, two people at once, roll backs and trials, as the admin offers them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from routing.domain.errors import PublishRefused
from routing.models import LLMModel, RoutingSettings, Rule, RuleSetRelease
from routing.publishing import services
from routing.publishing.services import ruleset_publish
from tests.admin.forms import change, form_of, latest, published_rule

pytestmark = pytest.mark.usefixtures("published")


def test_a_version_keeps_why_and_what_changed(admin_client: Client) -> None:
    change(admin_client, Rule.objects.get(name="code"), priority="21", why="It came too late.")
    version = latest()
    assert version.why == "It came too late."
    assert version.diff == ["The rule “code”: priority 50 → 21."]
    page = admin_client.get(
        reverse("admin:routing_rulesetversion_change", args=[version.number])
    ).content.decode()
    assert "It came too late." in page
    assert "priority 50 → 21" in page


def test_a_draft_changes_nothing_live_and_the_banner_tells_it(admin_client: Client) -> None:
    before = latest().number
    page = change(admin_client, Rule.objects.get(name="code"), priority="21", _draft="")
    assert latest().number == before
    told = page.content.decode()
    assert "Saved as a draft: nothing live has changed." in told
    assert "The draft holds 1 unpublished change:" in told
    assert "priority 50 → 21" in told


def test_without_the_right_to_publish_a_save_is_a_draft(client: Client) -> None:
    editor = User.objects.create_user("editor", is_staff=True)
    wanted = ("view_rule", "change_rule")
    editor.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    client.force_login(editor)
    before = latest().number
    page = change(client, Rule.objects.get(name="code"), priority="21")
    assert "Saved as a draft" in page.content.decode()
    assert "Save and publish" not in page.content.decode()
    assert latest().number == before
    assert client.get(reverse("admin:routing_publish")).status_code == 403


def test_changes_made_past_the_admin_are_published_by_a_button(admin_client: Client) -> None:
    Rule.objects.filter(name="code").update(priority=7)
    page = admin_client.get(reverse("admin:routing_rule_changelist")).content.decode()
    assert "Publish…" in page
    publish = reverse("admin:routing_publish")
    page = admin_client.get(publish).content.decode()
    assert "priority 50 → 7" in page
    assert "tokens</b> of rules for each prompt" in page
    admin_client.post(publish, {"stage": "all", "why": "In a hurry."})
    assert published_rule("code")["priority"] == 7
    assert latest().why == "In a hurry."
    page = admin_client.get(reverse("admin:routing_rule_changelist")).content.decode()
    assert "Publish…" not in page


def test_a_refused_check_keeps_the_draft_and_takes_a_reason(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_checks", [lambda *_: ["“2+2” goes to code, not to general."]])
    before = latest().number
    page = change(admin_client, Rule.objects.get(name="code"), priority="21")
    assert page.redirect_chain[-1][0] == reverse("admin:routing_publish")  # type: ignore[attr-defined]
    assert "“2+2” goes to code" in page.content.decode()
    assert latest().number == before
    body = {"stage": "all", "override": "Sums are code."}
    admin_client.post(reverse("admin:routing_publish"), body)
    assert latest().override_reason == "Sums are code."
    assert latest().failures == ["“2+2” goes to code, not to general."]


class TestOverriding:
    """Failing checks give way to administrators' reasons alone."""

    @pytest.fixture
    def editor(self, client: Client) -> User:
        editor = User.objects.create_user("editor", is_staff=True)
        editor.groups.add(Group.objects.get(name="Rule editors"))
        client.force_login(editor)
        return editor

    @pytest.fixture(autouse=True)
    def _refused(self, published: None, monkeypatch: pytest.MonkeyPatch) -> None:
        Rule.objects.filter(name="code").update(priority=21)
        monkeypatch.setattr(services, "_checks", [lambda *_: ["“2+2” goes to code."]])

    def test_a_rule_editor_is_not_asked_and_not_heard(self, client: Client, editor: User) -> None:
        publish, roll_back = (
            reverse("admin:routing_publish"),
            reverse("admin:routing_roll_back", args=[1]),
        )
        for url in (publish, roll_back):
            assert "although checks fail" not in client.get(url).content.decode()
            page = client.post(url, {"stage": "all", "override": "I say so."}, follow=True)
            assert "“2+2” goes to code." in page.content.decode()
        with pytest.raises(PublishRefused):
            ruleset_publish(by=editor, override="I say so.")
        with pytest.raises(CommandError, match="goes to code"):
            call_command("rules", "publish", "--by", "editor", "--override", "I say so.")
        assert latest().number == 1

    def test_an_editor_with_the_right_is(self, client: Client, editor: User) -> None:
        editor.user_permissions.add(Permission.objects.get(codename="override_rulesetversion"))
        client.post(reverse("admin:routing_publish"), {"stage": "all", "override": "I say so."})
        assert latest().override_reason == "I say so."


class TestTwoAtOnce:
    """Somebody saves what somebody else has open."""

    @pytest.fixture
    def second(self) -> Client:
        client = Client()
        client.force_login(User.objects.create_superuser("berta"))
        return client

    def open_page(
        self, client: Client, row: Rule | LLMModel | RoutingSettings
    ) -> tuple[str, dict[str, Any]]:
        url = reverse(f"admin:routing_{row._meta.model_name}_change", args=[row.pk])
        return url, form_of(client.get(url))  # type: ignore[arg-type]

    def test_the_second_is_told_and_keeps_the_input(
        self, admin_client: Client, second: Client
    ) -> None:
        code = Rule.objects.get(name="code")
        url, body = self.open_page(second, code)
        change(admin_client, code, instruction="Only Python.", priority="21")

        mine = {**body, "instruction": "Only Rust."}
        refused = second.post(url, mine)
        told = " ".join(refused.context["adminform"].form.non_field_errors())
        assert "admin saved this at" in told
        assert "“Instruction” says now: Only Python." in told
        assert "“Priority” says now: 21" in told
        assert "Fallbacks" not in told, "what is the same is not told"
        assert form_of(refused)["instruction"] == "Only Rust."  # type: ignore[arg-type]
        assert published_rule("code")["instruction"] == "Only Python."

        again = form_of(refused)  # type: ignore[arg-type]
        second.post(url, again)
        assert published_rule("code")["instruction"] == "Only Rust."

    def test_the_same_values_are_no_conflict(self, admin_client: Client, second: Client) -> None:
        code = Rule.objects.get(name="code")
        url, body = self.open_page(second, code)
        change(admin_client, code, priority="21")
        assert second.post(url, {**body, "priority": "21"}).status_code == 302

    def test_different_rules_are_no_conflict(self, admin_client: Client, second: Client) -> None:
        url, body = self.open_page(second, Rule.objects.get(name="creative"))
        change(admin_client, Rule.objects.get(name="code"), priority="21")
        assert second.post(url, {**body, "priority": "31"}).status_code == 302
        assert published_rule("code")["priority"] == 21
        assert published_rule("creative")["priority"] == 31

    def test_moving_the_default_is_a_change_of_both_rules(
        self, admin_client: Client, second: Client
    ) -> None:
        url, body = self.open_page(second, Rule.objects.get(name="general"))
        change(admin_client, Rule.objects.get(name="code"), is_default="on")
        page = second.post(url, body)
        assert "“Default” says now: no" in page.content.decode()
        assert latest().blob["default_rule"] == "code"

    def test_settings_are_guarded_too(self, admin_client: Client, second: Client) -> None:
        chosen = RoutingSettings.objects.get()
        url, body = self.open_page(second, chosen)
        second_choice = LLMModel.objects.get(name="gpt").pk
        change(admin_client, chosen, classifier_fallback=second_choice, min_similarity="0.75")
        refused = second.post(url, {**body, "min_similarity": "0.85"})
        told = " ".join(refused.context["adminform"].form.non_field_errors())
        assert "admin saved this at" in told
        assert "“Second classifier” says now: gpt" in told
        assert "“Similarity” says now: 0.75" in told
        assert latest().blob["min_similarity"] == 0.75
        again = form_of(refused)  # type: ignore[arg-type]
        assert float(again["min_similarity"]) == 0.85
        second.post(url, again)
        assert latest().blob["min_similarity"] == 0.85

    def test_models_are_guarded_too(self, admin_client: Client, second: Client) -> None:
        gpt = LLMModel.objects.get(name="gpt")
        url, body = self.open_page(second, gpt)
        change(admin_client, gpt, context_window="1000")
        page = second.post(url, {**body, "context_window": "2000"})
        assert "“Context window” says now: 1000" in page.content.decode()

    def test_what_was_deleted_is_offered_as_new(self, admin_client: Client, second: Client) -> None:
        code = Rule.objects.get(name="code")
        url, body = self.open_page(second, code)
        admin_client.post(reverse("admin:routing_rule_delete", args=[code.pk]), {"post": "yes"})
        page = second.post(url, {**body, "instruction": "Only Rust."})
        assert "Somebody deleted this meanwhile." in page.content.decode()
        second.post(url, form_of(page))  # type: ignore[arg-type]
        assert published_rule("code")["instruction"] == "Only Rust."


class TestSteps:
    """Rolling back, and releasing to some before all."""

    @pytest.fixture(autouse=True)
    def _second_version(self, published: None, admin_client: Client) -> None:
        change(admin_client, Rule.objects.get(name="code"), priority="21")

    def test_rolling_back_takes_two_clicks(self, admin_client: Client) -> None:
        page = admin_client.get(reverse("admin:routing_rulesetversion_change", args=[1]))
        link = reverse("admin:routing_roll_back", args=[1])
        assert link in page.content.decode()
        asked = admin_client.get(link).content.decode()
        assert "priority 21 → 50" in asked
        done = admin_client.post(link, follow=True).content.decode()
        assert "Version 1 is live again, as version 3." in done
        assert published_rule("code")["priority"] == 50
        assert Rule.objects.get(name="code").priority == 50
        assert latest().restores == 1

    def test_a_trial_goes_in_steps(self, admin_client: Client) -> None:
        change(admin_client, Rule.objects.get(name="code"), priority="22", _draft="")
        publish = reverse("admin:routing_publish")
        refused = admin_client.post(publish, {"stage": "percent"})
        assert "Say how many percent" in refused.content.decode()
        admin_client.post(publish, {"stage": "percent", "percent": "10"})
        release = RuleSetRelease.objects.first()
        assert release is not None
        assert (release.live_id, release.trial_id, release.percent) == (2, 3, 10)
        page = admin_client.get(reverse("admin:routing_rule_changelist")).content.decode()
        assert "it answers 10 % of the users" in page

        kept = change(admin_client, Rule.objects.get(name="code"), priority="23")
        assert "a version is on trial" in kept.content.decode()
        assert latest().number == 3

        admin_client.post(reverse("admin:routing_stage", args=[3]), {"stage": "all"})
        release = RuleSetRelease.objects.first()
        assert release is not None
        assert (release.live_id, release.trial_id) == (3, None)

    def test_the_controls_of_a_trial_come_before_all_it_says(self, admin_client: Client) -> None:
        change(admin_client, Rule.objects.get(name="code"), priority="22", _draft="")
        admin_client.post(reverse("admin:routing_publish"), {"stage": "shadow"})
        page = admin_client.get(reverse("admin:routing_rulesetversion_change", args=[3]))
        text = page.content.decode()
        contents = text.index("What it says")
        assert text.index(">Release</button>") < contents
        assert text.index(">End the trial</button>") < contents
        # It was live for nobody, so there is nothing to roll back to.
        assert "Roll back" not in text
        assert reverse("admin:routing_roll_back", args=[3]) not in text
        before = admin_client.get(reverse("admin:routing_rulesetversion_change", args=[1]))
        assert "Roll back to this version" in before.content.decode()

    def test_a_trial_does_not_change_since_when_a_version_is_live(
        self, admin_client: Client
    ) -> None:
        first = RuleSetRelease.objects.first()
        assert first is not None
        RuleSetRelease.objects.filter(pk=first.pk).update(
            released_at=datetime(2026, 1, 2, tzinfo=UTC)
        )
        admin_client.post(reverse("admin:routing_stage", args=[1]), {"stage": "shadow"})
        admin_client.post(reverse("admin:routing_end_trial"))

        page = admin_client.get(reverse("admin:routing_rule_changelist")).content.decode()
        assert "since 2 Jan 2026, 00:00 UTC" in page

    def test_a_trial_is_ended(self, admin_client: Client) -> None:
        admin_client.post(reverse("admin:routing_stage", args=[1]), {"stage": "shadow"})
        page = admin_client.get(reverse("admin:routing_rule_changelist")).content.decode()
        assert "it decides in shadow, without effect" in page
        admin_client.post(reverse("admin:routing_end_trial"))
        release = RuleSetRelease.objects.first()
        assert release is not None
        assert (release.live_id, release.trial_id) == (2, None)

    @pytest.mark.parametrize("name", ["roll_back", "stage"])
    def test_only_those_who_may_publish_take_them(self, client: Client, name: str) -> None:
        viewer = User.objects.create_user("viewer", is_staff=True)
        viewer.user_permissions.set(Permission.objects.filter(codename="view_rulesetversion"))
        client.force_login(viewer)
        page = client.get(reverse("admin:routing_rulesetversion_change", args=[1]))
        assert page.status_code == 200
        assert "Roll back" not in page.content.decode()
        url = reverse(f"admin:routing_{name}", args=[1])
        assert client.post(url, {"stage": "all"}).status_code == 403
