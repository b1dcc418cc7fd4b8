"""The ledger has each run once, with each of its calls, however it ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest
from django.contrib.auth.models import User

from conversations.domain.booking import Account, Booking
from conversations.models import LedgerEntry
from conversations.storage import turns
from conversations.usage.ledger import book, charged
from conversations.usage.sums import spent
from routing.domain.limits import AppliedLimit, LimitScope, LimitTerms, LimitUnit, LimitWindow
from routing.domain.llm import Attempt, Usage
from tests.live_site import LiveSite
from tests.storage.conftest import ended, person  # noqa: F401 - fixtures
from tests.usage.conftest import Make, SetLimit

CLASSIFY = Attempt(
    "classify", "claude-haiku", "anthropic", 0, 1, "ok", Usage(9, 2, Decimal("0.25"))
)
CHAT = Attempt("chat", "gpt", "openai", 0, 1, "ok", Usage(30, 40, Decimal("0.5")))


def booking(**fields: Any) -> Booking:
    at = datetime(2026, 11, 29, 23, 30, tzinfo=UTC)
    return Booking(**{"account": Account(1), "at": at, **fields})


def test_every_call_of_an_answer_is_a_row(program: Make) -> None:
    client = program()
    answer = client.chat(model="assistant")
    rows = client.booked()

    assert answer.status_code == 200
    assert [row.purpose for row in rows] == ["classify", "chat"]
    assert [row.requests for row in rows] == [0, 1]
    assert {row.key for row in rows} == {client.key.pk}
    assert rows[1].model == answer.json()["model"]
    assert rows[1].output_tokens == answer.json()["usage"]["completion_tokens"]
    told = Decimal(answer.headers["x-assistant-cost"])
    assert round(Decimal(rows[1].cost or 0) / 10**9, 6) == told
    assert all(row.cost for row in rows)


def test_streams_and_background_responses_are_booked(program: Make) -> None:
    client = program()
    assert client.chat(stream=True).text.endswith("[DONE]\n\n")
    body = {"model": "gpt-mini", "input": "Why?", "background": True}
    assert client.http.post("/v1/responses", json=body).status_code == 200
    asked = {"content": "Why?", "model": "gpt-mini"}
    assert client.http.post("/api/v1/messages/", json=asked).status_code == 200

    rows = client.booked(3)
    assert [row.purpose for row in rows] == ["chat"] * 3
    assert len({row.run for row in rows}) == 3
    assert all(row.cost for row in rows)


def test_pictures_and_vectors_are_booked(program: Make) -> None:
    client = program()
    picture = {"prompt": "A red boat.", "n": 2}
    assert client.http.post("/v1/images/generations", json=picture).status_code == 200
    vectors = {"model": "assistant", "input": ["a", "b"]}
    assert client.http.post("/v1/embeddings", json=vectors).status_code == 200

    rows = client.booked(2)
    assert [row.purpose for row in rows] == ["image", "image", "embedding"]
    assert [row.requests for row in rows] == [1, 0, 1]


def test_an_answer_out_of_the_cache_is_a_request_without_cost(program: Make) -> None:
    client, prompt = program(), f"What is a {uuid4().hex}?"
    for _ in range(2):
        assert client.chat(prompt, model="assistant").status_code == 200
    rows = [row for row in client.booked(2) if row.requests]

    assert [bool(row.cost) for row in rows] == [True, False]
    assert rows[1].purpose == ""


def test_a_call_that_failed_is_booked_before_the_one_that_answered(
    site: LiveSite, program: Make
) -> None:
    client = program()
    site.simulator.fault(provider="openai", call="chat", cut_after=3, times=1)
    assert client.chat("Write a story about a ferry in the fog.").status_code == 200
    first, *others = client.booked()

    assert first.outcome != "ok"
    assert [row.requests for row in (first, *others)] == [0] * len(others) + [1]
    assert first.cost
    assert others[-1].outcome == "ok"


def test_a_client_that_leaves_pays_for_what_was_written(site: LiveSite, program: Make) -> None:
    client = program()
    site.simulator.fault(provider="openai", call="chat", token_delay_ms=20, times=1)
    story = [{"role": "user", "content": "Write a story about a ferry in the fog."}]
    body = {"model": "gpt-mini", "messages": story, "stream": True}
    with client.http.stream("POST", "/v1/chat/completions", json=body) as response:
        next(response.iter_lines())
    (row,) = client.booked()

    assert row.outcome == "cancelled"
    assert row.estimated
    assert row.cost


def test_a_refused_request_is_booked_by_none(program: Make) -> None:
    client = program(model_names=["gpt"])
    assert client.chat().status_code == 404
    assert client.rows == []


def test_a_run_is_booked_once(person: User) -> None:  # noqa: F811
    account = Account(person.pk)
    run, outcome = uuid4(), ended(CLASSIFY, CHAT, booking=booking(account=account))
    book(run, outcome)
    book(run, replace(outcome, attempts=(CHAT,)))

    assert LedgerEntry.objects.filter(run=run).count() == 2


def test_an_answer_that_was_deleted_meanwhile_is_booked(person: User) -> None:  # noqa: F811
    run, outcome = uuid4(), ended(CHAT, booking=booking(account=Account(person.pk)))
    assert not turns.answer_finish(message=run, outcome=outcome, started=datetime.now(UTC))

    assert LedgerEntry.objects.get(run=run).cost == 500_000_000


def test_the_day_is_that_of_the_time_zone(person: User, settings: Any) -> None:  # noqa: F811
    settings.LIMITS_TIME_ZONE = "Europe/Berlin"
    run = uuid4()
    book(run, ended(CHAT, booking=booking(account=Account(person.pk))))

    assert str(LedgerEntry.objects.get(run=run).day) == "2026-11-30"


@pytest.mark.parametrize(
    ("unit", "models", "each"),
    [
        (LimitUnit.REQUESTS, None, 1),
        (LimitUnit.REQUESTS, frozenset({"gpt"}), 1),
        (LimitUnit.TOKENS, None, 81),
        (LimitUnit.USD, frozenset({"gpt"}), 500_000_000),
    ],
)
def test_a_sliding_window_is_summed_by_one_query(
    person: User,  # noqa: F811
    django_assert_num_queries: Any,
    unit: LimitUnit,
    models: frozenset[str] | None,
    each: int,
) -> None:
    now, account = datetime(2026, 11, 29, 23, 30, tzinfo=UTC), Account(person.pk)
    for minutes in (0, 0, 10, 59, 61):
        at = now - timedelta(minutes=minutes)
        book(uuid4(), ended(CLASSIFY, CHAT, booking=booking(account=account, at=at)))
    terms = LimitTerms(1, LimitScope.USER, unit, LimitWindow.HOUR, 10, models)
    limit = AppliedLimit(terms, str(person.pk))
    with django_assert_num_queries(1):
        sums = spent(limit, now, UTC)  # type: ignore[arg-type]  # any zone does

    assert sorted(sums.values()) == [each, each, 2 * each]


def test_calls_without_a_price_share_the_rest_of_the_reservation() -> None:
    unknown = replace(CHAT, usage=Usage(1, 1).at(None))
    costs = [each.usage.cost_usd for each in charged([CLASSIFY, unknown, unknown], Decimal(1))]

    assert costs == [Decimal("0.25"), Decimal("0.375"), Decimal("0.375")]
    assert charged([unknown], None)[0].usage.cost_usd is None


def read(http: httpx.Client, **query: Any) -> Any:
    response = http.get("/api/v1/usage/", params=query)
    assert response.status_code == 200, response.text
    return response.json()


def test_the_report_is_the_ledger_to_the_last_digit(program: Make) -> None:
    client = program()
    for name in ("gpt-mini", "assistant", "gpt"):
        assert client.chat(model=name).status_code == 200
    rows = client.booked(3)
    cost = sum(row.cost or 0 for row in rows)
    for column in ("day", "model", "rule", "key", "end_user", "purpose", "day,model"):
        report = read(client.http, group_by=column)
        shown = sum(Decimal(row["cost_usd"]) for row in report["rows"])
        assert shown == Decimal(report["total"]["cost_usd"]) == Decimal(cost) / 10**9
        assert report["total"]["requests"] == sum(row["requests"] for row in report["rows"]) == 3
    by_model = {row["model"]: row for row in read(client.http, group_by="model")["rows"]}
    assert by_model["gpt-mini"]["input_tokens"] == sum(
        row.input_tokens for row in rows if row.model == "gpt-mini"
    )
    answered = {row.model for row in rows if row.purpose == "chat"}
    assert {name for name, row in by_model.items() if row["requests"]} == answered


def test_people_see_their_own_and_staff_see_all(site: LiveSite, program: Make) -> None:
    client, other = program(), program()
    client.chat()
    client.booked()
    staff = site.person(site.user(is_staff=True))

    assert read(other.http)["rows"] == []
    assert read(other.http, user=client.person.user.pk)["rows"] == []
    everybody = read(staff.http, group_by="user")["rows"]
    assert client.person.user.username in {row["user_name"] for row in everybody}
    assert len(read(staff.http, user=client.person.user.pk)["rows"]) == 1
    assert other.http.get("/api/v1/usage/?group_by=user").status_code == 400


def test_one_s_own_usage_has_the_limits_with_what_is_left(
    site: LiveSite, program: Make, limit: SetLimit
) -> None:
    client = program()
    client.chat()
    client.booked()
    staff = program(site.person(site.user(is_staff=True)))
    limit(5, window="month", user=staff.person.user)
    staff.chat()
    staff.booked()

    report = read(staff.http, user="me", group_by="model")
    assert report["total"]["requests"] == 1, "not everybody's"
    (told,) = report["limits"]
    assert (told["amount"], told["remaining"], told["window"]) == (5, 4, "month")
    assert read(staff.http)["total"]["requests"] > 1
    assert "limits" not in read(staff.http)
    assert read(client.http, user="me")["limits"] == []


def test_the_report_as_csv(program: Make) -> None:
    client = program(end_users=True)
    client.chat(user="=1+1")
    client.booked()
    response = client.http.get("/api/v1/usage/?group_by=end_user", headers={"Accept": "text/csv"})
    lines = response.text.split("\r\n")

    assert response.headers["content-type"].startswith("text/csv")
    assert lines[0].startswith("end_user,requests,")
    assert lines[1].startswith("'=1+1,1,")


@pytest.mark.parametrize(
    "query",
    [
        {"group_by": "colour"}, {"group_by": ""}, {"from": "yesterday"}, {"to": "2026-02-30"},
        {"from": "2026-01-02", "to": "2026-01-01"}, {"from": "2020-01-01"}, {"to": "9999-01-01"},
        {"from": "20261201aa"}, {"from": "2026-W49-2"}, {"groupby": "model"}, {"since": "2026-01-01"}, {"to ": "2026-01-01"},
    ],
)  # fmt: skip
def test_bad_queries_are_told(program: Make, query: dict[str, str]) -> None:
    response = program().http.get("/api/v1/usage/", params=query)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] in query


def test_an_erased_person_is_in_no_row(site: LiveSite, program: Make) -> None:
    client = program()
    client.chat()
    booked = client.booked()[0].pk
    body = {"password": "correct horse battery staple"}
    assert client.person.http.request("DELETE", "/api/v1/me/", json=body).status_code == 204

    row = LedgerEntry.objects.get(pk=booked)
    assert (row.user, row.key, row.end_user) == (None, None, "")
    assert row.cost


@pytest.mark.parametrize("name", ["a\0b", "\0"])
def test_a_name_that_no_database_takes_is_booked_all_the_same(program: Make, name: str) -> None:
    client = program(end_users=True)
    assert client.chat(user=name).status_code == 200
    (row,) = (row for row in client.booked() if row.requests)

    assert row.end_user == name.replace("\0", "\ufffd")
    assert row.cost
