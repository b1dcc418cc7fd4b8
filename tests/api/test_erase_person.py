"""Erasing a person, proven: Redis, every table and every file are read, and nothing of theirs is found."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis
from axes.models import AccessAttempt, AccessLog
from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db.models import CASCADE
from django.test import Client
from django.urls import reverse
from limits import parse
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from conversations.adapters.background import erasure as background
from conversations.api import account
from conversations.bootstrap import container
from conversations.evaluation.golden import golden_from
from conversations.feedback.reviews import entry_ids
from conversations.models import (
    Conversation,
    CuratedAnswer,
    GeneratedImage,
    Message,
    OwedWork,
    ReplayResult,
    ReplayRun,
)
from conversations.runs.write_behind import LATE_RECORDS
from conversations.stats.pending import add_up
from conversations.storage import erasure, export
from routing.common.redis.clients import sync_client
from routing.models import GoldenCase, RuleSetVersion
from tests.api.scan import traces
from tests.live_site import PASSWORD, LiveSite, Person

ME = "/api/v1/me/"
KEY = 1_987_654_321
"""A primary key that no other number contains."""


@pytest.fixture
def client(site: LiveSite) -> Iterator[redis.Redis]:
    with sync_client(settings.REDIS_URL) as client:
        yield client


class Life:
    """A person who has used everything, and the words to look for."""

    def __init__(self, site: LiveSite, *, number: int = KEY) -> None:
        self.word = f"zibble{uuid4().hex[:12]}"
        self.name, self.mail = f"name-{self.word}", f"{self.word}@example.org"
        self.user = User.objects.create_user(
            self.name, self.mail, PASSWORD, pk=number, first_name=f"first{self.word}"
        )
        self.user.groups.add(Group.objects.get_or_create(name="Auditors")[0])
        self.words = [self.word, str(number)]
        self.person = self.sign_in(site)
        self.live(site)

    def sign_in(self, site: LiveSite) -> Person:
        stranger = site.client()
        body = {"username": self.name, "password": "wrong"}
        assert stranger.post("/api/v1/auth/token/", json=body).status_code == 401
        body["password"] = PASSWORD
        self.pair = stranger.post("/api/v1/auth/token/", json=body).json()
        AccessAttempt.objects.create(username=self.name, failures_since_start=1)
        AccessLog.objects.create(username=self.mail)
        return Person(self.user, site.client(Authorization=f"Bearer {self.pair['access']}"))

    def live(self, site: LiveSite) -> None:
        key = {"Idempotency-Key": f"key-{self.word}"}
        first = self.person.post_prompt(f"What does the word {self.word} mean?", headers=key).json()
        self.person.ask("And where is it from?", conversation=first["conversation"])
        self.drawn = self.person.ask(f"Draw a {self.word} at dawn")
        assert self.drawn["image"]
        verdict = {"verdict": "bad", "comment": self.word, "correction": f"It is {self.word}."}
        self.person.http.put(f"/api/v1/messages/{first['id']}/feedback/", json=verdict)
        self.person.open_conversation(f"title {self.word}")
        self.program(site)
        self.words += [str(entry) for entry in entry_ids().both(UUID(first["id"]))]
        self.reviewed(UUID(first["id"]))

    def program(self, site: LiveSite) -> None:
        """A key of theirs, and a chat by it that no conversation keeps."""
        made = self.person.http.post("/api/v1/keys/", json={"name": f"program {self.word}"}).json()
        self.words.append(made["hint"])
        chat = {
            "model": "gpt-mini",
            "messages": [{"role": "user", "content": f"Is {self.word} new?"}],
        }
        http = site.client(Authorization=f"Bearer {made['key']}")
        assert http.post("/v1/chat/completions", json=chat).status_code == 200
        answered = http.post("/v1/chat/completions", json=chat | {"model": "assistant"})
        assert answered.headers["x-assistant-cache"] == "miss"
        message = UUID(answered.json()["id"].removeprefix("chatcmpl-"))
        self.words.append(str(entry_ids().of_chat(message)))
        site.run(records_stored())

    def reviewed(self, answer: UUID) -> None:
        """What others made of it."""
        boss = User.objects.create_superuser(f"boss{uuid4().hex[:8]}", password=PASSWORD)
        CuratedAnswer.objects.create(entry=uuid4(), question="?", answer=f"It is {self.word}.")
        case = golden_from(answer, by=boss)
        assert case
        LogEntry.objects.log_actions(boss.pk, [case], 2, "changed")
        LogEntry.objects.log_actions(boss.pk, [self.user], 2, "changed")
        LogEntry.objects.log_actions(self.user.pk, [boss], 2, self.word)
        failed = f"Golden case {case.pk}, “{case}”: other rule."
        RuleSetVersion.objects.create(
            number=990_001 + case.pk, blob={}, failures=[failed, "Other."]
        )
        run = ReplayRun.objects.create(
            pool=1, size=1, cap_usd=1, draft={}, live={}, created_by=self.user
        )
        ReplayResult.objects.create(run=run, answer_id=answer, old={"reason": self.word})


@pytest.fixture
def life(site: LiveSite) -> Iterator[Life]:
    yield Life(site)
    RuleSetVersion.objects.filter(number__gt=990_000).delete()
    User.objects.filter(pk=KEY).delete()


def test_everything_is_there_before(life: Life, client: redis.Redis) -> None:
    places = " ".join(traces(client, life.words))
    for place in (
        "auth.User", "axes.AccessAttempt", "axes.AccessLog", "OutstandingToken", "admin.LogEntry",
        "GoldenCase", "RuleSetVersion", "Feedback", "CuratedAnswer", "GeneratedImage", "Conversation",
        "IdempotencyKey", "ReplayResult", ":answer:", ":run:", ":limits:",
        "conversations.APIKey", "APIKeySecret", ":chats:", ":chat-entries:",
    ):  # fmt: skip
        assert place in places
    assert set(background.counts([life.user.pk])) >= {
        "conversations", "messages", "images", "feedback", "golden cases",
        "answer cache entries", "access attempts", "Outstanding Tokens", "curated answers",
    }  # fmt: skip


def erase_by_api(life: Life) -> None:
    answer = life.person.http.request("DELETE", ME, json={"password": PASSWORD})
    assert answer.status_code == 204, answer.text


def erase_by_command(life: Life) -> None:
    call_command("erase", life.name, "--noinput", stdout=StringIO())


def erase_in_admin(life: Life) -> None:
    boss = User.objects.create_superuser(f"boss{uuid4().hex[:8]}", password=PASSWORD)
    admin = Client()
    admin.force_login(boss, backend=settings.AUTHENTICATION_BACKENDS[1])
    url = reverse("admin:auth_user_delete", args=[life.user.pk])
    page = admin.get(url).content.decode()
    assert "Messages: 6" in page
    assert admin.post(url, {"post": "yes"}).status_code == 302


def erase_by_query(life: Life) -> None:
    User.objects.filter(pk=life.user.pk).delete()
    add_up()  # as workers do once a second


@pytest.mark.parametrize("policy", ["site", "shared"])
@pytest.mark.parametrize("erase", [erase_by_api, erase_by_command, erase_in_admin, erase_by_query])
def test_nothing_is_left(
    erase: Any, policy: str, request: pytest.FixtureRequest, client: redis.Redis
) -> None:
    request.getfixturevalue(policy)
    life = request.getfixturevalue("life")
    erase(life)
    assert traces(client, life.words) == []
    assert not OwedWork.objects.filter(kind="erase").exists()


def test_a_session_of_the_admin_ends(life: Life, client: redis.Redis) -> None:
    admin = Client()
    admin.force_login(life.user, backend=settings.AUTHENTICATION_BACKENDS[1])
    erase_by_command(life)
    assert traces(client, life.words) == []


def test_a_case_whose_conversation_was_deleted_before(life: Life, client: redis.Redis) -> None:
    for thread in Conversation.objects.filter(owner=life.user):
        life.person.http.delete(f"/api/v1/conversations/{thread.pk}/")
    assert GoldenCase.objects.filter(prompt__contains=life.word).exists()
    CuratedAnswer.objects.filter(answer__contains=life.word).delete()
    erase_by_api(life)
    assert traces(client, life.words) == []


def test_tokens_are_dead_at_once_and_leave_nothing(life: Life, client: redis.Redis) -> None:
    erasure.erasure_begin([life.user.pk])
    http = life.person.http
    tried = [
        http.get("/api/v1/conversations/"),
        http.post("/api/v1/conversations/", json={"title": life.word}),
        life.person.post_prompt(f"Tell me about {life.word}."),
        http.get(f"/api/v1/messages/{life.drawn['id']}/"),
        http.get(f"/api/v1/messages/{life.drawn['id']}/stream/"),
        http.get(f"{ME}export/"),
        http.request("DELETE", ME, json={"password": PASSWORD}),
        http.post("/api/v1/auth/token/refresh/", json={"refresh": life.pair["refresh"]}),
        http.post("/api/v1/auth/token/blacklist/", json={"refresh": life.pair["refresh"]}),
    ]
    assert [answer.status_code for answer in tried] == [401] * 9
    assert background.erase(life.user.pk, seconds=30)
    again = life.person.post_prompt(f"Tell me about {life.word}.")
    http.post("/api/v1/auth/token/blacklist/", json={"refresh": life.pair["refresh"]})
    assert again.status_code == 401
    _await_slots(client)
    assert traces(client, life.words) == []
    assert not OutstandingToken.objects.filter(user=None, token=life.pair["refresh"]).exists()


def test_questions_that_are_asked_while_it_runs(
    site: LiveSite, life: Life, client: redis.Redis
) -> None:
    site.simulator.fault(call="chat", token_delay_ms=50)
    askers = [
        threading.Thread(
            target=lambda at=at: life.person.post_prompt(
                f"Write a long story about {life.word} {at}."
            )
        )
        for at in range(6)
    ]
    for asker in askers[:3]:
        asker.start()
    while not Message.objects.filter(conversation__owner=life.user, status="streaming").exists():
        pass
    for asker in askers[3:]:
        asker.start()
    erase_by_api(life)
    for asker in askers:
        asker.join(30)
    site.run(site_idle())
    _await_slots(client)
    assert traces(client, life.words) == []


def _await_slots(client: redis.Redis) -> None:
    """Open streams give their slots back within a moment."""
    slots = f"{settings.REDIS_PREFIX}:streams:{KEY}"
    while client.exists(slots):
        pass


async def records_stored() -> None:
    """The records of chats, which follow their ends."""
    for name in ("run", LATE_RECORDS):
        await container().background.wait(name, seconds=10)


async def site_idle() -> None:
    """The runs have ended, and what follows them."""
    await container().background.wait("run", "follow-ups", "shadow", seconds=10)


def test_the_password_is_asked_for(life: Life) -> None:
    for body in ({}, {"password": 5}, {"password": ""}):
        answer = life.person.http.request("DELETE", ME, json=body)
        assert answer.status_code == 400, answer.text
        assert answer.json()["errors"][0]["field"] == "password"
    for body in ({"password": "wrong"}, {"confirm": life.name}):
        assert life.person.http.request("DELETE", ME, json=body).status_code == 403
    life.user.refresh_from_db()
    assert life.user.is_active


def test_an_account_without_a_password_confirms_by_its_name(site: LiveSite) -> None:
    user = site.user()
    user.set_unusable_password()
    user.save()
    http = site.person(user).http
    assert http.request("DELETE", ME, json={"confirm": "other"}).status_code == 403
    assert http.request("DELETE", ME, json={"confirm": user.username}).status_code == 204
    assert not User.objects.filter(pk=user.pk).exists()


def test_the_last_administrator_stays(site: LiveSite) -> None:
    User.objects.filter(is_superuser=True).update(is_superuser=False)
    boss = User.objects.create_superuser(f"boss{uuid4().hex[:8]}", password=PASSWORD)
    http = site.person(boss).http
    answer = http.request("DELETE", ME, json={"password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    User.objects.create_superuser(f"boss{uuid4().hex[:8]}", password=PASSWORD)
    assert http.request("DELETE", ME, json={"password": PASSWORD}).status_code == 204


def test_much_is_erased_in_the_background(
    site: LiveSite, life: Life, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "AT_ONCE_SECONDS", 0.0)
    monkeypatch.setattr(erasure, "BATCH", 1)
    answer = life.person.http.request("DELETE", ME, json={"password": PASSWORD})
    assert answer.status_code == 202
    assert answer.json() == {"status": "erasing"}
    assert not User.objects.filter(pk=KEY, is_active=True).exists()
    deadline = time.monotonic() + 30
    # Redis follows the last transaction: the person's own row of work tells of both.
    owed = OwedWork.objects.filter(subject=erasure.subject_of_person(KEY))
    while owed.exists() and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert traces(client, life.words) == []


def test_each_transaction_is_short(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "BATCH", 2)
    # The site's own worker would take batches between ours.
    monkeypatch.setattr(erasure, "erasures_begun", list)
    erasure.erasure_begin([life.user.pk])
    before = Message.objects.filter(conversation__owner=life.user).count()
    steps = [before]
    while erasure.erase_batch(user=life.user.pk):
        steps.append(Message.objects.filter(conversation__owner=life.user).count())
    assert max(a - b for a, b in pairwise(steps)) <= 4  # prompts with answers
    assert erasure.erasure_ended(life.user.pk)


def test_a_dry_run_and_a_no_delete_nothing(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    told = StringIO()
    call_command("erase", life.name, "--dry-run", stdout=told)
    assert "6 messages" in told.getvalue()
    monkeypatch.setattr("builtins.input", lambda _: "n")
    with pytest.raises(CommandError, match="Not confirmed"):
        call_command("erase", life.name, stdout=told)
    with pytest.raises(CommandError, match="no user"):
        call_command("erase", "nobody-at-all", stdout=told)
    assert GeneratedImage.objects.filter(owner=life.user).exists()


def exported(person: Person) -> list[dict[str, Any]]:
    answer = person.http.get(f"{ME}export/")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_the_export_has_all_that_is_kept(site: LiveSite, life: Life, monkeypatch: Any) -> None:
    monkeypatch.setattr(export, "PAGE", 2)
    *rows, end = exported(life.person)
    kinds = Counter(row["kind"] for row in rows)
    assert end == {"kind": "end", "data": dict(kinds)}
    assert kinds["message"] == 6
    assert kinds["conversation"] == 3
    assert set(kinds) >= {
        "user", "feedback", "image", "idempotency key", "golden case", "access attempt",
        "access log", "Outstanding Token", "log entry", "replay result", "curated answer",
    }  # fmt: skip
    first = rows[0]["data"]
    assert (first["username"], first["email"]) == (life.name, life.mail)
    (picture,) = (row["data"] for row in rows if row["kind"] == "image")
    assert life.person.http.get(picture["url"]).content.startswith(b"\x89PNG")
    text = json.dumps(rows)
    assert life.pair["refresh"] not in text
    assert User.objects.get(pk=life.user.pk).password not in text


def test_an_export_has_nothing_of_others(site: LiveSite, life: Life) -> None:
    rows = exported(site.person())
    assert life.word not in json.dumps(rows)
    assert {row["kind"] for row in rows} <= {"user", "Outstanding Token", "end"}


def test_exports_are_limited(site: LiveSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(container().rate_limits.rates, "export", parse("1/minute"))
    http = site.person().http
    answers = [http.get(f"{ME}export/") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert answers[1].headers["Retry-After"]


def test_every_table_about_people_is_known() -> None:
    """A new table with a key to a person is deleted with its person, or keeps no more than the key."""
    tables = erasure.owned_tables()
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.concrete_fields:
            if (
                field.related_model is User
                and getattr(field.remote_field, "on_delete", None) is CASCADE
            ):
                assert model in tables
    assert tables[Message] == "conversation__owner"
    assert tables[ReplayResult] == "answer__conversation__owner"
