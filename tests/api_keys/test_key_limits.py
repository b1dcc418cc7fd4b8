"""Limits that the owner of a key sets on it: they hold, are shown, and no key grants more than its maker has."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx
import pytest
from django.utils import timezone

from conversations.models import Limit
from conversations.usage.days import limit_zone
from conversations.usage.key_makers import GENERATIONS
from conversations.usage.limit_cache import terms_of
from conversations.usage.states import LimitState, drifts, limit_states
from routing.domain.limits import AppliedLimit
from tests.live_site import LiveSite, Person
from tests.usage.conftest import limit, read_limits_anew  # noqa: F401 - a fixture

KEYS = "/api/v1/keys/"
ALL = ["chat", "keys"]
HOURLY = {"unit": "requests", "window": "hour", "amount": 2}
MONTHLY = {"unit": "usd", "window": "month", "amount": "1.5", "models": ["gpt-mini"]}

pytestmark = pytest.mark.usefixtures("limit")


def make(maker: Person | httpx.Client, **fields: Any) -> httpx.Response:
    http = maker.http if isinstance(maker, Person) else maker
    response = http.post(KEYS, json={"name": "a program", "scopes": ALL, **fields})
    read_limits_anew()
    return response


def with_key(site: LiveSite, made: httpx.Response) -> httpx.Client:
    assert made.status_code == 201, made.text
    return site.client(Authorization=f"Bearer {made.json()['key']}")


def chat(http: httpx.Client) -> httpx.Response:
    body = {"model": "gpt-mini", "messages": [{"role": "user", "content": "Why?"}]}
    return http.post("/v1/chat/completions", json=body)


def states_of_keys(*clients: httpx.Client) -> list[LimitState]:
    """The states of the limits of keys alone, counted from the ledger."""
    states = []
    for http in clients:
        key = http.get(f"{KEYS}current/").json()["id"]
        row = Limit.objects.get(key=key)
        states += limit_states([AppliedLimit(terms_of(row), key)], timezone.now(), limit_zone())
    return states


def test_a_limit_of_a_new_key_is_shown_and_holds(site: LiveSite) -> None:
    made = make(site.person(), limits=[HOURLY, MONTHLY])
    http = with_key(site, made)
    hourly = {**HOURLY, "scope": "key", "models": None, "at_limit": "reject", "set_by": "owner"}
    monthly = {**MONTHLY, "amount": "1.500000000", "scope": "key"}

    assert made.json()["limits"][0] == hourly
    assert made.json()["limits"][1].items() >= monthly.items()
    assert [chat(http).status_code for _ in range(3)] == [200, 200, 429]
    current = http.get(f"{KEYS}current/").json()["limits"]
    assert (current[0]["used"], current[0]["remaining"]) == (2, 0)
    assert Decimal(current[1]["amount"]) == Decimal("1.5")


def test_a_change_replaces_the_owners_limits_and_keeps_what_is_spent(site: LiveSite) -> None:
    person = site.person()
    made = make(person, limits=[HOURLY, MONTHLY])
    http, path = with_key(site, made), f"{KEYS}{made.json()['id']}/"
    assert [chat(http).status_code for _ in range(2)] == [200, 200]
    changed = person.http.patch(path, json={"limits": [{**HOURLY, "amount": 3}]})
    read_limits_anew()

    assert [each["amount"] for each in changed.json()["limits"]] == [3]
    assert [chat(http).status_code for _ in range(2)] == [200, 429]
    assert person.http.patch(path, json={"name": "renamed"}).json()["limits"] != []
    assert person.http.patch(path, json={"limits": []}).json()["limits"] == []
    read_limits_anew()
    assert chat(http).status_code == 200


def test_limits_of_staff_stay(site: LiveSite) -> None:
    person = site.person()
    made = make(person, limits=[HOURLY]).json()
    Limit.objects.create(scope="key", key_id=made["id"], unit="tokens", window="day", amount=7)
    shown = person.http.patch(f"{KEYS}{made['id']}/", json={"limits": []}).json()["limits"]

    assert [(each["unit"], each["set_by"]) for each in shown] == [("tokens", "staff")]


def test_a_key_makes_no_key_with_more_than_it_has(site: LiveSite) -> None:
    person = site.person()
    other = make(person).json()
    maker = with_key(site, make(person, limits=[HOURLY]))

    heir = make(maker).json()
    assert [each["amount"] for each in heir["limits"]] == [2]
    tighter = make(maker, limits=[{**HOURLY, "amount": 1}, MONTHLY])
    assert tighter.status_code == 201
    refused: list[dict[str, Any]] = [
        {"limits": []},
        {"limits": [{**HOURLY, "amount": 3}]},
        {"limits": [{**HOURLY, "window": "day"}]},
        {"limits": [{**HOURLY, "models": ["gpt-mini"]}]},
        {"limits": [{**HOURLY, "at_limit": "downgrade"}]},
    ]
    for fields in refused:
        response = make(maker, **fields)
        assert response.status_code == 400, fields
        assert response.json()["errors"][0]["field"] == "limits"
    own = f"{KEYS}{heir['id']}/"
    assert maker.patch(own, json={"limits": []}).status_code == 400
    # A new secret of a key without limits would open more than the caller may.
    assert maker.post(f"{KEYS}{other['id']}/rotate/", json={}).status_code == 400


def test_keys_that_a_key_makes_spend_its_limits(site: LiveSite) -> None:
    """However many there are, they get no more than the key that made them."""
    maker = with_key(site, make(site.person(), limits=[HOURLY]))
    heir = with_key(site, make(maker))
    last = with_key(site, make(heir))

    assert [chat(http).status_code for http in (last, heir, maker, last)] == [200, 200, 429, 429]
    assert {one["used"] for one in last.get(f"{KEYS}current/").json()["limits"]} == {1, 2}
    again = [row.used for row in states_of_keys(last, heir, maker)]
    assert again == [1, 2, 2]


def test_a_limit_of_each_key_counts_those_that_it_made(site: LiveSite, limit: Any) -> None:  # noqa: F811
    limit(2, scope="key", window="month")
    maker = with_key(site, make(site.person()))
    heir = with_key(site, make(maker))

    assert [chat(http).status_code for http in (heir, maker, heir)] == [200, 200, 402]
    assert not list(drifts(timezone.now(), limit_zone()))


def test_generations_of_keys_end(site: LiveSite) -> None:
    http: Person | httpx.Client = site.person()
    for _ in range(GENERATIONS):
        http = with_key(site, make(http))
    refused = make(http)

    assert refused.status_code == 400, refused.text


def test_a_limited_key_gets_no_secret_of_another(site: LiveSite) -> None:
    """Its limits would be spent beside the caller's own."""
    person = site.person()
    other, own = (make(person, limits=[HOURLY]) for _ in range(2))
    http = with_key(site, own)
    heir = make(http).json()["id"]

    rotated = {
        key: http.post(f"{KEYS}{key}/rotate/", json={}).status_code
        for key in (other.json()["id"], own.json()["id"], heir)
    }
    assert list(rotated.values()) == [400, 201, 201]


def test_a_key_gets_no_more_than_its_owner(site: LiveSite, limit: Any) -> None:  # noqa: F811
    person = site.person()
    limit(5, window="hour", user=person.user)

    assert make(person, limits=[{**HOURLY, "amount": 6}]).status_code == 400
    assert make(person, limits=[{**HOURLY, "amount": 5}]).status_code == 201


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"unit": "apples"}, "unit"), ({"window": "year"}, "window"), ({"amount": -1}, "amount"),
        ({"amount": "1.5"}, "amount"), ({"amount": 10**12}, "amount"), ({"amount": None}, "amount"),
        ({"amount": "1e999999"}, "amount"), ({"models": []}, "models"), ({"models": [""]}, "models"),
        ({"scope": "user"}, "scope"), ({"unit": "usd", "amount": 10**7}, "amount"),
        ({"at_limit": "explode"}, "at_limit"), ({"colour": "red"}, "colour"),
    ],
)  # fmt: skip
def test_faults_are_told_at_their_place(site: LiveSite, fields: dict[str, Any], field: str) -> None:
    response = make(site.person(), limits=[{**HOURLY, **fields}])

    assert response.status_code == 400
    assert field in response.json()["errors"][0]["field"], response.text


def test_two_of_the_same_terms_are_refused(site: LiveSite) -> None:
    person = site.person()
    assert make(person, limits=[HOURLY, {**HOURLY, "amount": 9}]).status_code == 400
    assert make(person, limits=[HOURLY] * 21).status_code == 400
    assert make(person, limits=[{"unit": "requests", "amount": 1}]).status_code == 400
    assert make(person, limits=[{"unit": "concurrent", "amount": 1}]).status_code == 201
