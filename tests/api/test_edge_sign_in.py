"""Sign-in against those who try many times at once, or under many addresses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest
from limits import parse
from pytest_django.fixtures import Settings

from conversations.bootstrap import container
from tests.live_site import PASSWORD, LiveSite

TOKEN = "/api/v1/auth/token/"

pytestmark = pytest.mark.usefixtures("no_old_guesses")


def sign_in(http: httpx.Client, name: str, password: str, address: str = "") -> httpx.Response:
    headers = {"X-Forwarded-For": address} if address else {}
    return http.post(TOKEN, json={"username": name, "password": password}, headers=headers)


def test_of_refreshes_that_come_at_once_one_succeeds(site: LiveSite) -> None:
    user, together = site.user(), 6
    spent = sign_in(site.client(), user.username, PASSWORD).json()["refresh"]
    clients, barrier = [site.client() for _ in range(together)], Barrier(together)

    def refresh(http: httpx.Client) -> httpx.Response:
        http.get("/healthz")
        barrier.wait()
        return http.post(f"{TOKEN}refresh/", json={"refresh": spent})

    with ThreadPoolExecutor(together) as pool:
        answers = list(pool.map(refresh, clients))

    assert sorted(answer.status_code for answer in answers) == [200] + [401] * (together - 1)
    codes = {answer.json()["code"] for answer in answers if answer.status_code == 401}
    assert codes == {"token_not_valid"}
    fresh = next(answer.json() for answer in answers if answer.status_code == 200)
    again = site.client().post(f"{TOKEN}refresh/", json={"refresh": fresh["refresh"]})
    assert again.status_code == 200


def test_a_made_up_address_unlocks_nothing(site: LiveSite, settings: Settings) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    user, http = site.user(), site.client()
    guesses = [sign_in(http, user.username, "guess", f"203.0.113.{n}") for n in range(4)]
    right = sign_in(http, user.username, PASSWORD, "203.0.113.99")

    assert [guess.status_code for guess in guesses] == [401, 401, 429, 429]
    assert right.status_code == 429
    problem = right.json()
    assert problem["code"] == "rate_limited"
    assert "wrong passwords" in problem["detail"]
    assert int(right.headers["retry-after"]) == 900


def test_a_made_up_address_has_no_tries_of_its_own(
    site: LiveSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(container().rate_limits.rates, "sign-in", parse("2/minute"))
    http = site.client()
    answers = [sign_in(http, "nobody", "guess", f"203.0.113.{n}") for n in range(3)]

    assert answers[-1].status_code == 429
    assert "requests" in answers[-1].json()["detail"]


def test_many_addresses_lock_a_name_for_all(site: LiveSite, settings: Settings) -> None:
    settings.SIGN_IN_NAME_FAILURES = 4
    user, other, seen = site.user(), site.user(), []
    for number in range(2, 7):
        transport = httpx.HTTPTransport(local_address=f"127.0.0.{number}")
        with httpx.Client(base_url=site.url, transport=transport) as http:
            seen.append(sign_in(http, user.username, "guess").status_code)

    assert seen == [401, 401, 401, 429, 429]
    assert sign_in(site.client(), user.username, PASSWORD).status_code == 429
    assert sign_in(site.client(), other.username, PASSWORD).status_code == 200


def test_a_try_while_locked_does_not_lock_for_longer(site: LiveSite, settings: Settings) -> None:
    from axes.models import AccessAttempt  # noqa: PLC0415 - after the apps are ready

    settings.AXES_FAILURE_LIMIT = 2
    user, http = site.user(), site.client()
    for _ in range(2):
        sign_in(http, user.username, "guess")
    before = AccessAttempt.objects.get(username=user.username).attempt_time
    sign_in(http, user.username, PASSWORD)

    assert AccessAttempt.objects.get(username=user.username).attempt_time == before
