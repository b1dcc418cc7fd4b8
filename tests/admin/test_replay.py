"""Replays: drawn, weighed, decided in batches within the cap, and read as changes."""

from __future__ import annotations

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from assistant_site.simulator import Simulator
from conversations.evaluation import replay
from conversations.evaluation.replay_results import findings
from conversations.evaluation.rule_sets import draft_rules, live_rules
from conversations.models import AuditEntry, Message, ReplayRun
from routing.models import LLMModel, Rule
from routing.publishing.codec import ruleset_dump
from tests.admin.conftest import make_exchange

CODE = "Write a Python function that merges two sorted lists."
CAPITAL = "What is the capital of Peru?"


@pytest.fixture(autouse=True)
def begun(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Runs that would be worked on in a thread: the test does it itself, within its transaction."""
    runs: list[int] = []
    monkeypatch.setattr(replay, "replay_in_background", lambda run: runs.append(run.pk))
    return runs


def asked(person: User, prompt: str, **fields: Any) -> Message:
    answer = make_exchange(
        person,
        **{"rule": "general", "model": "gpt", "input_tokens": 50, "output_tokens": 100, **fields},
    )
    assert answer.answers
    Message.objects.filter(pk=answer.answers.pk).update(content=prompt)
    return answer


def start(cap: str = "1", size: int = 100) -> ReplayRun:
    draft, live = draft_rules().rules, live_rules().rules
    assert draft
    assert live
    return replay.replay_start(pool=1_000, size=size, cap_usd=Decimal(cap), draft=draft, live=live)


def worked(run: ReplayRun) -> ReplayRun:
    replay.replay_work(run)
    run.refresh_from_db()
    return run


@pytest.mark.usefixtures("providers")
def test_what_would_change_is_counted(person: User) -> None:
    for _ in range(3):
        asked(person, CODE)
    asked(person, CAPITAL)
    Rule.objects.filter(name="code").update(enabled=False)

    run = worked(start())

    found = findings(run)
    assert run.status == "done"
    assert (found.decided, found.changed) == (4, 3)
    (change,) = found.changes
    assert (change.old["rule"], change.count, len(change.samples)) == ("code", 3, 3)
    assert change.new["rule"] != "code"
    assert found.priced == 4
    assert run.estimate_usd is not None
    assert Decimal(0) < run.cost_usd < 2 * run.estimate_usd


def test_what_the_live_version_decided_is_not_asked_again(
    providers: Simulator, person: User
) -> None:
    live = live_rules().rules
    assert live
    asked(person, CODE, rule="code", ruleset=live.version)
    before = len(providers.requests)

    run = worked(start())

    assert len(providers.requests) == before + 1
    assert findings(run).changed == 0


def test_the_cap_is_not_gone_over(providers: Simulator, person: User) -> None:
    for _ in range(replay.BATCH + 3):
        asked(person, CAPITAL)
    run = start()
    assert run.estimate_usd is not None
    ReplayRun.objects.filter(pk=run.pk).update(
        cap_usd=run.estimate_usd * replay.BATCH / (replay.BATCH + 2)
    )

    run = worked(run)

    assert run.status == "capped"
    assert findings(run).decided == replay.BATCH
    assert run.cost_usd <= run.cap_usd


@pytest.mark.usefixtures("providers")
def test_a_run_is_stopped_and_goes_on(person: User, begun: list[int]) -> None:
    asked(person, CAPITAL)
    run = start()
    replay.replay_stop(run)
    assert findings(worked(run)).decided == 0

    assert replay.replay_go_on(run)
    assert not replay.replay_go_on(run)  # it is being worked on
    assert begun == [run.pk, run.pk]
    run.refresh_from_db()
    assert worked(run).status == "done"

    late = timezone.now() - 2 * replay.STALE
    ReplayRun.objects.filter(pk=run.pk).update(status="running", beat_at=late)
    assert replay.replay_go_on(run)


def test_the_last_prompts_that_were_routed_are_drawn_from(published: None, person: User) -> None:
    old, *recent = [asked(person, str(number)) for number in range(6)]
    asked(person, "named", source="requested")
    asked(person, "failed", source="")

    drawn = replay.sampled(5, 3, random.Random(1))
    everything = replay.sampled(5, 100)

    assert len({answer.pk for answer in drawn}) == 3
    assert {answer.pk for answer in everything} == {answer.pk for answer in recent}
    assert old.pk not in {answer.pk for answer in everything}


def test_a_follow_up_is_decided_in_its_conversation(providers: Simulator, person: User) -> None:
    first = asked(person, "Who wrote Faust?", content="Goethe wrote it.")
    prompt = Message.objects.create(
        conversation=first.conversation, role="user", content="When was he born?"
    )
    Message.objects.create(
        conversation=first.conversation, role="assistant", content="1749.", answers=prompt,
        action="answer", source="classifier", rule="general", model="gpt",
    )  # fmt: skip
    worked(start())

    sent = [
        str(request.body)
        for request in providers.requests
        if "When was he born" in str(request.body)
    ]
    assert sent
    assert all("Goethe wrote it." in body for body in sent)


@pytest.mark.usefixtures("providers")
def test_the_cost_is_shown_before_and_too_much_is_refused(
    admin_client: Client, person: User, begun: list[int]
) -> None:
    asked(person, CAPITAL)
    Rule.objects.filter(name="code").update(priority=7)
    url = reverse("admin:conversations_replayrun_add")
    told = {"pool": 100, "size": 10, "cap_usd": "1"}

    weighed = admin_client.post(url, {**told, "_weigh": ""}).content.decode()
    assert "1 prompt, about $0.0" in weighed
    assert "Start</button>" in weighed
    refused = admin_client.post(url, {**told, "cap_usd": "0.0001", "_start": ""}).content.decode()
    assert "more than may be spent" in refused
    assert begun == []

    page = admin_client.post(url, {**told, "_start": ""}, follow=True)
    run = ReplayRun.objects.get()
    assert begun == [run.pk]
    assert "0 of 1 decided" in page.content.decode()
    assert 'http-equiv="refresh"' in page.content.decode()
    assert run.created_by == User.objects.get(username="admin")


@pytest.mark.usefixtures("providers")
def test_a_draft_that_says_what_is_live_is_replayed_only_when_asked_twice(
    admin_client: Client, person: User, begun: list[int]
) -> None:
    asked(person, CAPITAL)
    url = reverse("admin:conversations_replayrun_add")
    told = {"pool": 100, "size": 10, "cap_usd": "1"}

    assert "a replay would find no change" in admin_client.get(url).content.decode()
    page = admin_client.post(url, {**told, "_start": ""}).content.decode()
    assert "The draft decides as the live version does" in page
    assert begun == []
    admin_client.post(url, {**told, "_start": "", "all_the_same": "on"})
    assert len(begun) == 1


@pytest.mark.usefixtures("providers")
def test_the_page_tells_what_was_found(admin_client: Client, person: User) -> None:
    answer = asked(person, CODE)
    Rule.objects.filter(name="code").update(enabled=False)
    run = worked(start())

    page = admin_client.get(
        reverse("admin:conversations_replayrun_change", args=[run.pk])
    ).content.decode()

    assert "What would change" in page
    assert reverse("admin:conversations_message_change", args=[answer.pk]) in page
    assert 'http-equiv="refresh"' not in page
    # Of a page that reloads itself the first look is noted.
    admin_client.get(reverse("admin:conversations_replayrun_change", args=[run.pk]))
    assert AuditEntry.objects.filter(action="replayrun.viewed", subject=run.pk).count() == 1


def test_a_run_without_its_process_says_so(
    published: None, admin_client: Client, person: User
) -> None:
    asked(person, CAPITAL)
    draft = draft_rules().rules
    assert draft
    late = timezone.now() - timedelta(minutes=5)
    run = ReplayRun.objects.create(
        pool=1, size=1, cap_usd=1, draft=ruleset_dump(draft), live=ruleset_dump(draft)
    )
    ReplayRun.objects.filter(pk=run.pk).update(beat_at=late)
    url = reverse("admin:conversations_replayrun_change", args=[run.pk])
    assert "nobody works on it" in admin_client.get(url).content.decode()
    assert admin_client.post(reverse("admin:replay_go_on", args=[run.pk])).status_code == 302
    assert admin_client.post(reverse("admin:replay_stop", args=[run.pk])).status_code == 302
    run.refresh_from_db()
    assert run.status == "stopped"


def test_prompts_are_other_peoples_words(published: None, client: Client) -> None:
    staff, add = (
        User.objects.create_user("staff", is_staff=True),
        reverse("admin:conversations_replayrun_add"),
    )
    client.force_login(staff)
    assert client.get(add).status_code == 403
    rights = ["view_replayrun", "add_replayrun", "view_message"]
    for given in (rights[:2], rights):
        staff.user_permissions.set(Permission.objects.filter(codename__in=given))
        page = client.get(reverse("admin:conversations_replayrun_changelist")).content.decode()
        assert (f'href="{add}' in page) is (given == rights)
        assert client.get(add).status_code == (200 if given == rights else 403)


@pytest.mark.usefixtures("providers")
def test_a_cap_counts_what_is_unknown_as_the_dearest_known_price(person: User) -> None:
    LLMModel.objects.filter(name="claude-haiku").update(
        litellm_name="anthropic/claude-next-9", input_price=None, output_price=None
    )
    for _ in range(3):
        asked(person, CODE)

    run = worked(start(cap="0.000001"))

    assert run.estimate_usd is None
    assert run.status == "capped"
    assert run.cost_usd == 0
