"""API keys through the API: made once, scoped, rotated, revoked, and in no store as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from conversations.adapters.api_keys import FRESH_SECONDS
from conversations.bootstrap import container
from conversations.domain.api_keys import Caller, generate_key
from conversations.domain.errors import TokenNotValid
from conversations.models import APIKey, APIKeySecret
from conversations.storage.api_keys import MAX_KEYS, KeyRights, key_rights
from routing.common.redis.clients import sync_client
from routing.models import LLMModel, Rule
from routing.publishing.services import ruleset_publish
from tests.live_site import LiveSite, Person

KEYS = "/api/v1/keys/"
CONVERSATIONS = "/api/v1/conversations/"


def make(person: Person | httpx.Client, **fields: Any) -> dict[str, Any]:
    http = person.http if isinstance(person, Person) else person
    response = http.post(KEYS, json={"name": "a program", **fields})
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def with_key(site: LiveSite, made: dict[str, Any]) -> httpx.Client:
    return site.client(Authorization=f"Bearer {made['key']}")


def forget_readings() -> None:
    """As a second later: what each worker read of its keys is read anew."""
    container().api_keys._readings.clear()


def test_a_key_is_shown_once_and_asks(site: LiveSite) -> None:
    person = site.person()
    created = person.http.post(KEYS, json={"name": "a program"})
    made = created.json()

    assert created.status_code == 201
    assert created.headers["cache-control"] == "no-store"
    assert made["scopes"] == ["chat", "embeddings", "images"]
    assert made["models"] is None
    assert made["limits"] == []
    assert made["hint"] == f"{made['key'][:10]}…{made['key'][-4:]}"
    assert made["owner"] == person.user.username
    shown = person.http.get(f"{KEYS}{made['id']}/").json()
    assert "key" not in shown
    assert [row["id"] for row in person.http.get(KEYS).json()["results"]] == [made["id"]]
    answer = with_key(site, made).post(
        "/api/v1/messages/", json={"content": "Hello"}, headers={"Accept": "application/json"}
    )
    assert answer.status_code == 200, answer.text
    assert person.http.get(f"/api/v1/messages/{answer.json()['id']}/").status_code == 200


@pytest.mark.parametrize(
    ("scopes", "method", "path", "status"),
    [
        (["chat"], "GET", CONVERSATIONS, 403),
        (["conversations"], "GET", CONVERSATIONS, 200),
        (["conversations"], "POST", "/api/v1/messages/", 403),
        (["chat"], "GET", KEYS, 403),
        (["keys"], "GET", KEYS, 200),
        (["chat"], "GET", f"{KEYS}current/", 200),
        (["chat", "conversations", "feedback", "keys"], "POST", "/api/v1/decisions/", 403),
    ],
)
def test_a_key_does_what_its_scopes_say(
    site: LiveSite, scopes: list[str], method: str, path: str, status: int
) -> None:
    http = with_key(site, make(site.person(), scopes=scopes))
    response = http.request(method, path, json={"content": "Hi"} if method == "POST" else None)

    assert response.status_code == status
    if status == 403:
        assert response.json()["code"] == "missing_scope"
        assert response.headers["content-type"] == "application/problem+json"


def test_a_key_asks_for_its_models_alone(site: LiveSite) -> None:
    http = with_key(site, make(site.person(), models=["gpt-mini"]))
    named = http.post("/api/v1/messages/", json={"content": "Hello", "model": "gpt-mini"})
    other = http.post("/api/v1/messages/", json={"content": "Hello", "model": "claude-sonnet"})
    absent = http.post("/api/v1/messages/", json={"content": "Hello", "model": "no-such-model"})
    routed = http.post("/api/v1/messages/", json={"content": "Hello"})

    assert named.status_code == 200
    assert other.status_code == absent.status_code == routed.status_code == 400
    assert other.json()["errors"] == absent.json()["errors"] == routed.json()["errors"]


@pytest.mark.parametrize("path", ["/api/v1/messages/", "/v1/chat/completions", "/v1/responses", "/api/chat"])  # fmt: skip
@pytest.mark.parametrize("models", [["gpt-mini"], ["gpt-mini", "assistant"], None])
def test_fallbacks_of_a_named_model_are_among_the_keys(
    site: LiveSite, path: str, models: list[str] | None
) -> None:
    http = with_key(site, make(site.person(), models=models))
    site.simulator.fault(provider="openai", call="chat", status=500)
    parts = [{"type": "text", "text": "Hello"}]
    bodies: dict[str, dict[str, Any]] = {
        "/api/v1/messages/": {"content": "Hello"},
        "/v1/chat/completions": {"messages": [{"role": "user", "content": "Hello"}]},
        "/v1/responses": {"input": "Hello", "store": False},
        "/api/chat": {"id": "c", "message": {"id": "m", "role": "user", "parts": parts}},
    }
    answer = http.post(path, json={**bodies[path], "model": "gpt-mini"})
    site.simulator.clear()

    assert ("claude" in answer.text) is (models is None), answer.text


@pytest.fixture
def two_picture_models(site: LiveSite) -> Iterator[None]:
    """The model that draws has a fallback."""
    first = LLMModel.objects.get(name="gpt-image")
    other = LLMModel.objects.get(name="gpt-image")
    other.pk, other.name, other.litellm_name = None, "gpt-image-small", "openai/gpt-image-1-mini"
    other.save()
    Rule.objects.filter(model=first).update(fallbacks=[other.name])
    ruleset_publish(by=None)
    yield
    site.simulator.clear()
    site.publish_defaults()


@pytest.mark.usefixtures("two_picture_models")
@pytest.mark.parametrize(("model", "asked"), [("gpt-image", 1), ("assistant", 2)])
def test_a_named_picture_model_draws_alone_and_the_rules_choice_has_fallbacks(
    site: LiveSite, model: str, asked: int
) -> None:
    http = with_key(site, make(site.person(), models=[model]))
    before = len(site.simulator.requests)
    site.simulator.fault(call="image", status=500, times=20)
    answer = http.post("/v1/images/generations", json={"model": model, "prompt": "A boat."})

    drawn = {
        each.body["model"] for each in site.simulator.requests[before:] if each.call == "image"
    }
    assert answer.status_code == 503, answer.text
    assert len(drawn) == asked, drawn


@pytest.mark.parametrize("end", ["revoked", "expired", "owner", "deleted", "unknown", "typo"])
def test_keys_that_are_not_valid_are_told_apart_by_nothing(site: LiveSite, end: str) -> None:
    person = site.person()
    made = make(person)
    http = with_key(site, made)
    assert http.get(f"{KEYS}current/").status_code == 200
    row = APIKey.objects.filter(pk=made["id"])
    if end == "revoked":
        assert person.http.delete(f"{KEYS}{made['id']}/").status_code == 204
    elif end == "expired":
        row.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif end == "owner":
        User.objects.filter(pk=person.user.pk).update(is_active=False)
    elif end == "deleted":
        row.delete()
    else:
        key = generate_key() if end == "unknown" else made["key"][:-1] + "_"
        http.headers["Authorization"] = f"Bearer {key}"
    forget_readings()
    refused = http.get(f"{KEYS}current/")
    asked = http.post("/api/v1/messages/", json={"content": "Hello"})

    for response in (refused, asked):
        body = response.json()
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        assert (body["code"], body["detail"]) == ("token_not_valid", "The API key is not valid.")


def test_a_revoked_key_stays_in_the_list_and_can_not_be_changed(site: LiveSite) -> None:
    person = site.person()
    made = make(person)
    path = f"{KEYS}{made['id']}/"

    assert person.http.delete(path).status_code == 204
    assert person.http.delete(path).status_code == 204
    assert person.http.get(path).json()["revoked_at"]
    assert person.http.patch(path, json={"name": "another"}).status_code == 404
    assert person.http.post(f"{path}rotate/", json={}).status_code == 404


def test_a_rotated_key_has_two_secrets_until_the_overlap_ends(site: LiveSite) -> None:
    person = site.person()
    made = make(person)
    path = f"{KEYS}{made['id']}/rotate/"
    rotated = person.http.post(path, json={"overlap_hours": 1})
    again = person.http.post(path, json={"overlap_hours": 2})

    assert rotated.status_code == again.status_code == 201
    assert rotated.headers["cache-control"] == "no-store"
    assert rotated.json()["id"] == made["id"]
    secrets = [made, rotated.json(), again.json()]
    assert len({each["key"] for each in secrets}) == 3
    assert statuses_of(site, *secrets) == [200, 200, 200]
    dying = APIKeySecret.objects.filter(key=made["id"]).exclude(valid_until=None)
    first, second = dying.order_by("valid_until").values_list("valid_until", flat=True)
    assert first
    assert second
    # The first secret keeps the hour that the first rotation gave it.
    assert timedelta(minutes=59) < second - first < timedelta(minutes=61)
    # At once, of all of them.
    secrets.append(person.http.post(path, json={"overlap_hours": 0}).json())
    assert statuses_of(site, *secrets) == [401, 401, 401, 200]


def test_a_secret_dies_at_the_end_of_its_overlap(site: LiveSite) -> None:
    person = site.person()
    made = make(person)
    person.http.post(f"{KEYS}{made['id']}/rotate/", json={"overlap_hours": 1})
    assert statuses_of(site, made) == [200]
    APIKeySecret.objects.filter(key=made["id"]).exclude(valid_until=None).update(
        valid_until=timezone.now() - timedelta(seconds=1)
    )
    assert statuses_of(site, made) == [401]


def statuses_of(site: LiveSite, *keys: dict[str, Any]) -> list[int]:
    """How calls of these keys are answered."""
    forget_readings()
    return [with_key(site, each).get(f"{KEYS}current/").status_code for each in keys]


@pytest.mark.parametrize("hours", [-1, 169, "many", None])
def test_an_overlap_has_bounds(site: LiveSite, hours: Any) -> None:
    person = site.person()
    made = make(person)
    refused = person.http.post(f"{KEYS}{made['id']}/rotate/", json={"overlap_hours": hours})

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "overlap_hours"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["admin"]}, "scopes"),
        ({"models": []}, "models"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"end_users": True}, "end_users"),
        ({"lenient": "yes"}, "lenient"),
        ({"owner": "admin"}, None),
        ({"limit": []}, "limit"),
        ({"limits": [{"unit": "usd", "amount": 1}]}, "limits"),
    ],
)
def test_bad_fields_are_named(site: LiveSite, fields: dict[str, Any], field: str | None) -> None:
    person = site.person()
    response = person.http.post(KEYS, json={"name": "a program", **fields})

    if field is None:  # a field that only the service sets is passed over
        assert response.json()["owner"] == person.user.username
        return
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"].startswith(field)
    assert not APIKey.objects.filter(owner=person.user).exists()


def test_staff_may_trust_end_users(site: LiveSite) -> None:
    staff = site.person(site.user(is_staff=True))

    assert make(staff, end_users=True)["end_users"] is True


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"scopes": ["keys", "feedback"]}, "scopes"),
        ({"models": ["gpt-mini", "claude-sonnet"]}, "models"),
        ({"models": None}, "models"),
        ({"expires_at": None}, "expires_at"),
        ({"expires_at": "2100-01-01T00:00:00Z"}, "expires_at"),
    ],
)
def test_a_key_grants_no_more_than_it_has(
    site: LiveSite, fields: dict[str, Any], field: str
) -> None:
    soon = (timezone.now() + timedelta(days=1)).isoformat()
    parent = make(site.person(), scopes=["keys", "chat"], models=["gpt-mini"], expires_at=soon)
    http = with_key(site, parent)
    child = make(http)
    created = http.post(KEYS, json={"name": "more", **fields})
    changed = http.patch(f"{KEYS}{child['id']}/", json=fields)

    assert (child["scopes"], child["models"]) == (["chat"], ["gpt-mini"])
    assert child["expires_at"] == parent["expires_at"]
    for refused in (created, changed):
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["field"] == field


def test_a_key_can_not_rotate_one_that_has_more(site: LiveSite) -> None:
    person = site.person()
    strong = make(person, scopes=["keys", "chat", "feedback"])
    weak = with_key(site, make(person, scopes=["keys"]))

    assert weak.post(f"{KEYS}{strong['id']}/rotate/", json={}).status_code == 400


def test_another_persons_key_does_not_exist(site: LiveSite) -> None:
    made, other = make(site.person()), site.person()
    path = f"{KEYS}{made['id']}/"
    answers = [
        other.http.get(path),
        other.http.patch(path, json={"name": "mine"}),
        other.http.delete(path),
        other.http.post(f"{path}rotate/", json={}),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert other.http.get(KEYS).json()["results"] == []
    assert other.http.get(f"{KEYS}current/").status_code == 404


def test_every_change_is_in_the_log_with_its_author(site: LiveSite) -> None:
    person = site.person()
    made = make(person)
    path = f"{KEYS}{made['id']}/"
    person.http.patch(path, json={"scopes": ["chat"], "name": "renamed"})
    person.http.patch(path, json={"name": "renamed"})
    person.http.post(f"{path}rotate/", json={})
    person.http.delete(path)
    entries = LogEntry.objects.filter(object_id=made["id"]).order_by("pk")

    assert [entry.change_message for entry in entries] == [
        "Created.",
        "Changed name, scopes.",
        "Rotated; the old secret is valid for 24 hours.",
        "Revoked.",
    ]
    assert {entry.user_id for entry in entries} == {person.user.pk}


def test_a_person_has_a_bounded_number_of_keys(site: LiveSite) -> None:
    person = site.person()
    APIKey.objects.bulk_create(APIKey(owner=person.user, name=str(n)) for n in range(MAX_KEYS))

    refused = person.http.post(KEYS, json={"name": "one more"})
    assert refused.status_code == 400
    assert "100 keys" in refused.json()["detail"]


def test_the_secret_is_in_no_store(site: LiveSite, capfd: pytest.CaptureFixture[str]) -> None:
    made = make(site.person())
    secret = made["key"][6:]
    with_key(site, made).post("/api/v1/messages/", json={"content": "Hello"})
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            assert secret not in str(cursor.fetchall()), table
    with sync_client(settings.REDIS_URL) as redis:
        assert not any(secret in repr(key) for key in redis.scan_iter())
    out, err = capfd.readouterr()
    assert secret not in out + err


def test_the_last_use_is_written_behind(site: LiveSite) -> None:
    made = make(site.person())
    with_key(site, made).post("/api/v1/messages/", json={"content": "Hello"})
    assert APIKey.objects.get(pk=made["id"]).last_used_at is None

    site.run(container().api_keys._record())
    used = APIKey.objects.get(pk=made["id"]).last_used_at
    assert used
    assert timezone.now() - used < timedelta(seconds=60)


def test_a_key_in_use_is_read_once_a_second(
    site: LiveSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, clock, reads = container().api_keys, [1e9], list[str]()

    def rights(digest: str) -> KeyRights | None:
        reads.append(digest)
        return key_rights(digest)

    async def many(secret: str) -> list[Caller]:
        return await asyncio.gather(*(keys.caller(secret) for _ in range(20)))

    monkeypatch.setattr(keys, "_now", lambda: clock[0])
    monkeypatch.setattr("conversations.adapters.api_keys.key_rights", rights)
    person = site.person()
    secret = make(person)["key"]

    assert {caller.user for caller in site.run(many(secret))} == {person.user.pk}
    APIKeySecret.objects.filter(key__owner=person.user).delete()
    clock[0] += FRESH_SECONDS / 2
    assert site.run(keys.caller(secret)).user == person.user.pk
    assert len(reads) == 1
    clock[0] += FRESH_SECONDS / 2
    with pytest.raises(TokenNotValid):
        site.run(keys.caller(secret))
    assert len(reads) == 2


@pytest.mark.parametrize("spoil", ["a typo", "no key at all"])
def test_a_key_with_a_wrong_checksum_is_looked_for_nowhere(
    site: LiveSite, monkeypatch: pytest.MonkeyPatch, spoil: str
) -> None:
    reads = list[str]()
    monkeypatch.setattr("conversations.adapters.api_keys.key_rights", reads.append)
    key = generate_key()
    http = site.client(Authorization=f"Bearer {key[:-1] if spoil == 'a typo' else 'sk-ac-'}")

    assert http.get(f"{KEYS}current/").status_code == 401
    assert http.post("/api/v1/messages/", json={"content": "Hello"}).status_code == 401
    assert reads == []


@pytest.mark.parametrize("models", [["simulated/gpt-mini"], ["gpt-mini"]])
def test_a_key_of_a_stand_in_is_that_of_its_model(site: LiveSite, models: list[str]) -> None:
    with site.composed_with(SIMULATED_PROVIDERS=["openai", "anthropic"]):
        http = with_key(site, make(site.person(), models=models))
        listed = [each["id"] for each in http.get("/v1/models").json()["data"]]
        asked = [{"role": "user", "content": "Hello"}]
        answered = [
            http.post("/v1/chat/completions", json={"model": name, "messages": asked}).status_code
            for name in ("simulated/gpt-mini", "gpt-mini", "simulated/gpt", "assistant")
        ]
        child = {"name": "less", "models": ["simulated/gpt-mini"]}
        maker = with_key(site, make(site.person(), models=models, scopes=["keys", "chat"]))
        made = maker.post(KEYS, json=child)

    assert listed == ["simulated/gpt-mini"]
    assert answered == [200, 200, 404, 404]
    assert made.status_code == 201, made.text
