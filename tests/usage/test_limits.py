"""Limits hold for all entry points and endings, are told in headers, and agree with the ledger."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.management import call_command

from assistant_site.launcher.redis_server import RedisServer
from conversations.bootstrap import container
from conversations.engine.types import Turn
from conversations.models import LedgerEntry, Limit
from conversations.usage.reservation import Reservation
from routing.common.redis.clients import sync_client
from tests.live_site import LiveSite
from tests.usage.conftest import Make, Program, SetLimit, drift, settled_state, state_of

STORY = "Write a story about a ferry in the fog."
ENTRIES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"model": "gpt-mini", "messages": [{"role": "user", "content": "Why?"}]}),
    "stream": ("/v1/chat/completions", {"model": "gpt-mini", "stream": True, "messages": [{"role": "user", "content": "Why?"}]}),
    "response": ("/v1/responses", {"model": "gpt-mini", "input": "Why?"}),
    "background response": ("/v1/responses", {"model": "gpt-mini", "input": "Why?", "background": True}),
    "unstored response": ("/v1/responses", {"model": "gpt-mini", "input": "Why?", "store": False}),
    "picture": ("/v1/images/generations", {"prompt": "A red boat."}),
    "vector": ("/v1/embeddings", {"model": "assistant", "input": "Why?"}),
    "message": ("/api/v1/messages/", {"content": "Why?", "model": "gpt-mini"}),
    "ui chat": ("/api/chat", {"id": "one", "messages": [{"id": "1", "role": "user", "parts": [{"type": "text", "text": "Why?"}]}]}),
}  # fmt: skip


def user(client: Program) -> dict[str, Any]:
    return {"user": client.person.user}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_spent_budget_holds_at_every_entry(program: Make, limit: SetLimit, entry: str) -> None:
    client, (path, body) = program(), ENTRIES[entry]
    budget = limit(1, window="total", **user(client))
    first = client.http.post(path, json=body)
    assert first.status_code == 200, first.text
    client.booked()
    assert settled_state(budget, client.person.user.pk).used == 1
    response = client.http.post(path, json=body | {"id": "two"} if "id" in body else body)

    assert response.status_code == 402, response.text
    assert response.headers["x-should-retry"] == "false"
    assert "retry-after" not in response.headers
    if path.startswith("/v1/"):
        error = response.json()["error"]
        assert (error["type"], error["code"]) == ("insufficient_quota", "budget_exhausted")
        assert "user-total" in error["message"]
    else:
        problem = response.json()
        assert (problem["code"], problem["limit"]) == ("budget_exhausted", "user-total")
    assert len([row for row in client.rows if row.requests]) == 1
    assert drift() == []


def test_a_minute_says_when_to_come_back(program: Make, limit: SetLimit) -> None:
    client = program()
    limit(2, window="minute", **user(client))
    first, second = client.chat(), client.chat()
    refused = client.chat()

    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert [one.headers["x-ratelimit-remaining-requests"] for one in (first, second)] == ["1", "0"]
    assert first.headers["x-ratelimit-reset-requests"] == "1m0s"
    assert first.headers["ratelimit-policy"] == '"user-minute";q=2;w=60'
    assert first.headers["ratelimit"] == '"user-minute";r=1;t=60'
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 61
    assert refused.json()["error"]["type"] == "requests"
    native = client.http.post("/api/v1/messages/", json={"content": "Why?"})
    assert native.status_code == 429
    assert native.json()["type"].endswith("http-problem-types#quota-exceeded")


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_refusal_tells_the_rest_of_all_limits(program: Make, limit: SetLimit, entry: str) -> None:
    client, (path, body) = program(), ENTRIES[entry]
    limit(3, window="minute", **user(client))
    limit(5_000_000, "tokens", "minute", **user(client))
    limit(1_000, "usd", "day", **user(client))
    spent = limit(0, window="total", **user(client))
    budget = client.http.post(path, json=body)
    spent.delete()
    limit(0, "concurrent", "total", **user(client))
    busy = client.http.post(path, json=body)

    assert [budget.status_code, busy.status_code] == [402, 429]
    for refused in (budget, busy):
        assert refused.headers["x-ratelimit-remaining-requests"] == "3"
        assert refused.headers["x-ratelimit-remaining-tokens"] == "5000000"
        assert refused.headers["x-assistant-budget-remaining"] == "1000.000000"
        assert '"user-minute";r=3;t=60' in refused.headers["ratelimit"]
    assert '"user-concurrent";r=0;t=1' in busy.headers["ratelimit"]


def test_tries_at_once_of_a_refused_request_are_all_refused(
    program: Make, limit: SetLimit, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, joining, admission = program(), container().joining, container().admission
    limit(0, window="total", **user(client))
    lease, reserve, joined = joining._lease, admission.chat, asyncio.Event()

    async def lease_seen(*args: Any) -> bool:
        joined.set()
        return await lease(*args)

    async def reserve_after_the_retry(turn: Turn) -> Reservation | None:
        await joined.wait()
        return await reserve(turn)

    monkeypatch.setattr(joining, "_lease", lease_seen)
    monkeypatch.setattr(admission, "chat", reserve_after_the_retry)
    path, body = ENTRIES["chat"]

    def ask(_: int) -> int:
        return client.http.post(path, json=body, headers={"Idempotency-Key": "k"}).status_code

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(ask, range(2))) == [402, 402]


def test_an_hour_is_not_waited_for(program: Make, limit: SetLimit) -> None:
    client = program()
    limit(1, window="hour", **user(client))
    client.chat()
    assert client.chat().headers["x-should-retry"] == "false"


def test_tokens_of_a_minute_are_enforced(program: Make, limit: SetLimit) -> None:
    client = program()
    limit(1_500, "tokens", "minute", **user(client))
    answers = [client.chat(max_tokens=900) for _ in range(3)]
    used = sum(row.input_tokens + row.output_tokens for row in client.booked())

    assert answers[0].headers["x-ratelimit-limit-tokens"] == "1500"
    assert answers[0].status_code == 200
    assert used <= 1_500
    refused = client.chat(max_tokens=1_600)
    assert refused.status_code == 429
    assert refused.json()["error"]["type"] == "tokens"


@pytest.mark.parametrize("beside", ["tools", "response_format", "picture"])
def test_what_a_model_reads_beside_the_text_is_reserved(
    program: Make, limit: SetLimit, beside: str
) -> None:
    client = program()
    limit(1_300, "tokens", "total", **user(client))
    schema = {"type": "object", "properties": {}, "description": "word " * 1_000}
    picture = {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}
    asked: Any = {
        "tools": {"tools": [{"type": "function", "function": {"name": "a", "parameters": schema}}]},
        "response_format": {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "a", "schema": schema},
            }
        },
        "picture": {"messages": [{"role": "user", "content": [picture]}]},
    }[beside]

    assert client.chat(max_tokens=100, **asked).status_code == 402
    assert client.chat(max_tokens=100).status_code == 200


def test_requests_at_once(site: LiveSite, program: Make, limit: SetLimit) -> None:
    client = program()
    slots = limit(1, "concurrent", "total", **user(client))
    site.simulator.fault(provider="openai", call="chat", token_delay_ms=500, times=1)
    messages = [{"role": "user", "content": STORY}]
    body = {"model": "gpt-mini", "messages": messages, "stream": True}
    with client.http.stream("POST", "/v1/chat/completions", json=body) as running:
        lines = running.iter_lines()  # dropped, it would close the connection and end the run
        next(lines)
        assert running.headers["ratelimit-policy"].endswith('qu="concurrent-requests"')
        assert client.chat().status_code == 429
    assert settled_state(slots, client.person.user.pk).reserved == 0
    assert client.chat().status_code == 200


@pytest.mark.parametrize("limited", [False, True])
def test_a_limit_that_comes_while_an_answer_is_written_counts_it(
    site: LiveSite, program: Make, limit: SetLimit, monkeypatch: Any, *, limited: bool
) -> None:
    """The next request has it counted from the ledger, which knows nothing of the open one yet."""
    monkeypatch.setattr("conversations.usage.reservations.LOOK_BACK_SECONDS", 0.05)
    client = program()
    if limited:
        limit(10**9, "tokens", "month", **user(client))
    site.simulator.fault(provider="openai", call="chat", token_delay_ms=20, times=1)
    messages = [{"role": "user", "content": STORY}]
    body = {"model": "gpt-mini", "messages": messages, "stream": True}
    with client.http.stream("POST", "/v1/chat/completions", json=body) as running:
        lines = running.iter_lines()
        next(lines)
        made = limit(10, **user(client))
        assert client.chat().status_code == 200
        assert state_of(made, client.person.user.pk).used == 1
        assert list(lines)

    client.booked(2)
    deadline = time.monotonic() + 10
    while (left := drift()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left == []
    assert client.chat().status_code == 200
    assert state_of(made, client.person.user.pk).used == 3


def test_money_is_reserved_and_becomes_what_it_cost(program: Make, limit: SetLimit) -> None:
    client = program()
    budget = limit(Decimal("0.05"), "usd", "month", **user(client))
    answer = client.chat(stream=True)
    left = Decimal(answer.headers["x-assistant-budget-remaining"])
    cost = sum(row.cost or 0 for row in client.booked())
    state = settled_state(budget, client.person.user.pk)

    assert 0 < left < Decimal("0.05")
    assert state.used == cost > 0
    assert Decimal("0.05") - Decimal(cost) / 10**9 > left


def test_limits_are_of_people_groups_keys_and_end_users(program: Make, limit: SetLimit) -> None:
    one, other = program(end_users=True), program()
    group = Group.objects.create(name=f"team {one.person.user.pk}")
    for member in (one, other):
        member.person.user.groups.add(group)
    limit(3, scope="group", group=group, window="total")
    limit(2, scope="end_user", window="total")
    limit(2, scope="key", key=other.key, window="total")

    assert [one.chat(user="a").status_code for _ in range(3)] == [200, 200, 402]
    assert "end-user-total" in one.chat(user="a").text
    assert other.chat().status_code == 200
    assert "group-total" in other.chat().text
    assert "group-total" in one.chat(user="b").text


def test_each_person_has_what_is_nobodys(program: Make, limit: SetLimit) -> None:
    limit(1, window="total")
    for client in (program(), program()):
        assert [client.chat().status_code for _ in range(2)] == [200, 402]


@pytest.mark.parametrize("name", ["gpt", "simulated/gpt"])
def test_a_limit_of_models_counts_their_calls_alone(
    program: Make, limit: SetLimit, name: str
) -> None:
    client = program()
    limit(1, window="total", model_names=[name], **user(client))

    assert [client.chat().status_code for _ in range(2)] == [200, 200]
    assert [client.chat(model="gpt").status_code for _ in range(2)] == [200, 402]
    assert drift() == []


def test_the_cheapest_model_answers_where_a_limit_wants_that(
    program: Make, limit: SetLimit
) -> None:
    client = program()
    limit(1, window="total", model_names=["gpt"], at_limit="downgrade", **user(client))
    first, second = client.chat(model="gpt"), client.chat(model="gpt")

    assert first.headers["x-assistant-model"].endswith("gpt")
    assert second.status_code == 200
    assert second.json()["model"] != first.json()["model"]
    assert second.headers["x-assistant-decision"].endswith(";limited=1")


@pytest.mark.parametrize(("spent", "status"), [("gpt", 200), ("claude-sonnet", 402)])
def test_the_cheapest_model_is_one_that_takes_the_request(
    program: Make, limit: SetLimit, spent: str, status: int
) -> None:
    client = program()
    limit(1, window="total", model_names=[spent], at_limit="downgrade", **user(client))
    assert client.chat(model=spent).status_code == 200
    # Of the published models Claude alone takes a word to stop at.
    answer = client.chat(model="assistant", stop=["end"])

    assert answer.status_code == status, answer.text
    assert answer.headers.get("x-assistant-model", "claude-sonnet") == "claude-sonnet"


def test_a_retry_of_an_answered_request_is_free(program: Make, limit: SetLimit) -> None:
    client = program()
    limit(1, window="total", **user(client))
    headers = {"Idempotency-Key": "one"}
    for path in ("/v1/chat/completions",):
        body = ENTRIES["chat"][1]
        first, second = (client.http.post(path, json=body, headers=headers) for _ in range(2))
        assert (first.status_code, second.status_code) == (200, 200)
        assert second.headers["idempotency-replayed"] == "true"


def test_a_failed_provider_leaves_nothing_reserved(
    site: LiveSite, program: Make, limit: SetLimit
) -> None:
    client = program()
    budget = limit(Decimal(1), "usd", "total", **user(client))
    site.simulator.fault(status=500)
    assert client.chat().status_code >= 500
    site.simulator.clear()
    client.booked()
    state = settled_state(budget, client.person.user.pk)

    assert state.reserved == 0
    assert drift() == []


def test_counters_that_redis_lost_are_counted_from_the_ledger(
    program: Make, limit: SetLimit
) -> None:
    client = program()
    budget = limit(2, window="total", **user(client))
    assert client.chat().status_code == 200
    settled_state(budget, client.person.user.pk)
    with sync_client(settings.REDIS_URL) as redis:
        redis.delete(*redis.keys(f"{settings.REDIS_PREFIX}:usage:*"))

    assert [client.chat().status_code for _ in range(2)] == [200, 402]
    assert settled_state(budget, client.person.user.pk).used == 2
    assert drift() == []


@pytest.mark.parametrize("streamed", [False, True])
def test_the_next_request_finds_room_at_once(
    program: Make, limit: SetLimit, *, streamed: bool
) -> None:
    client = program()
    budget = limit(1, "concurrent", "total", **user(client))
    with sync_client(settings.REDIS_URL) as redis:
        redis.script_flush()
    statuses = [client.chat(stream=streamed).status_code for _ in range(4)]

    assert statuses == [200] * 4
    assert state_of(budget, client.person.user.pk).reserved == 0


def test_scripts_that_redis_lost_under_a_run_leave_nothing_reserved(
    site: LiveSite, program: Make, limit: SetLimit
) -> None:
    client = program()
    budget = limit(Decimal(1), "usd", "total", **user(client))
    assert client.chat().status_code == 200
    site.simulator.fault(provider="openai", call="chat", token_delay_ms=5, times=1)
    body = {"model": "gpt-mini", "messages": [{"role": "user", "content": STORY}], "stream": True}
    with client.http.stream("POST", "/v1/chat/completions", json=body) as running:
        lines = running.iter_lines()
        next(lines)
        with sync_client(settings.REDIS_URL) as redis:
            redis.script_flush()
        assert list(lines)[-2] == "data: [DONE]"
    client.booked(2)

    assert settled_state(budget, client.person.user.pk).used > 0
    assert drift() == []


def test_without_redis_budgets_of_money_are_checked_in_the_ledger(
    site: LiveSite, program: Make, limit: SetLimit, redis_server: RedisServer
) -> None:
    client = program()
    budget = limit(Decimal("0.02"), "usd", "total", **user(client))
    assert client.chat().status_code == 200
    settled_state(budget, client.person.user.pk)
    redis_server.stop()
    try:
        answer = client.chat(model="gpt-mini")
        refused = client.chat(model="gpt", max_tokens=100_000)
    finally:
        redis_server.start()
        site.await_redis()

    assert answer.status_code == 200
    assert answer.headers["x-assistant-degraded"] == "limits"
    assert refused.status_code == 402


def test_the_run_of_a_dead_worker_is_booked_and_settled(
    site: LiveSite, program: Make, limit: SetLimit
) -> None:
    client = program()
    budget = limit(Decimal(1), "usd", "total", **user(client))
    site.simulator.fault(provider="openai", call="chat", token_delay_ms=30, times=1)
    with site.composed_with(RESERVATION_SECONDS=1.0):
        reservations = container().reservations
        messages = [{"role": "user", "content": STORY}]
        body = {"model": "gpt-mini", "messages": messages, "stream": True}
        with client.http.stream("POST", "/v1/chat/completions", json=body) as running:
            next(running.iter_lines())
            (run,) = reservations._live
            held = reservations._live.pop(run)  # as if the worker knew nothing of it any more
            held.settled = True
            assert state_of(budget, client.person.user.pk).reserved > 0
            deadline = time.monotonic() + 20
            while state_of(budget, client.person.user.pk).reserved and time.monotonic() < deadline:
                time.sleep(0.05)
    assert state_of(budget, client.person.user.pk).reserved == 0
    assert LedgerEntry.objects.filter(run=run).count() == 1
    assert drift() == []


def test_a_spent_budget_is_told_before_a_rate(
    site: LiveSite, program: Make, limit: SetLimit
) -> None:
    client = program()
    budget = limit(1, window="total", **user(client))
    client.chat()
    settled_state(budget, client.person.user.pk)
    with site.composed_with(ASK_RATE="1/minute"):
        statuses = [client.chat().status_code for _ in range(2)]

    assert statuses == [402, 402]


def test_reconciling_mends_a_counter(
    program: Make, limit: SetLimit, capsys: pytest.CaptureFixture[str]
) -> None:
    client = program()
    budget = limit(5, window="total", **user(client))
    client.chat()
    settled_state(budget, client.person.user.pk)
    with sync_client(settings.REDIS_URL) as redis:
        keys: Any = redis.keys(f"{settings.REDIS_PREFIX}:usage:{budget.pk}:*")
        redis.hincrby(keys[0], "u", 3)
    with pytest.raises(SystemExit):
        call_command("reconcile_usage", check=True)
    call_command("reconcile_usage")
    call_command("reconcile_usage", check=True)

    assert "counter 4, ledger 1" in capsys.readouterr().out
    assert client.chat().status_code == 200
    assert settled_state(budget, client.person.user.pk).used == 2


def test_the_key_that_calls_is_told_its_limits(program: Make, limit: SetLimit) -> None:
    client = program()
    limit(5, scope="key", key=client.key)
    limit(Decimal(1), "usd", "month")
    client.chat()
    client.booked()
    requests, money = sorted(
        client.http.get("/api/v1/keys/current/").json()["limits"], key=lambda one: one["unit"]
    )

    assert (requests["used"], requests["remaining"], requests["amount"]) == (1, 4, 5)
    assert requests["resets_at"]
    assert Decimal(money["used"]) + Decimal(money["remaining"]) + Decimal(money["reserved"]) == 1


def test_callers_without_limits_have_no_headers(program: Make) -> None:
    answer = program().chat()
    assert not {name for name in answer.headers if "ratelimit" in name or "budget" in name}


@pytest.mark.parametrize(
    "fields",
    [
        {"scope": "group"}, {"scope": "key", "user_id": 1}, {"amount": Decimal("1.5")},
        {"amount": -1}, {"model_names": "gpt"}, {"model_names": [1]}, {"unit": "apples"},
        {"unit": "usd", "amount": 10**7},
    ],
)  # fmt: skip
@pytest.mark.django_db
def test_limits_are_within_bounds(fields: dict[str, Any]) -> None:
    values = {"scope": "user", "unit": "requests", "window": "day", "amount": 1, **fields}
    with pytest.raises(ValidationError):
        Limit(**values).full_clean()
