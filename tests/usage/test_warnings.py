"""Warnings of limits: once in each window over all workers, by metric, notice and signed webhook."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from assistant_site.env import env
from conversations.adapters.background import limit_webhooks
from conversations.admin.attention import _spent_limits
from conversations.domain.webhooks import signed_headers, signing_key
from conversations.models import LimitWarning
from conversations.usage.warnings import purge_warnings
from routing.common.redis.clients import sync_client
from routing.domain.limits import LimitScope, LimitTerms, LimitUnit, LimitWindow, warning_window
from tests.live_site import LiveSite
from tests.processes import site_process
from tests.usage.conftest import Make, Program, SetLimit, read_limits_anew
from tests.usage.hook import Hook, listening

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
DOCUMENT = Path(__file__).parents[2] / "docs" / "limits.md"


@pytest.fixture
def hook(site: LiveSite) -> Iterator[Hook]:
    """An endpoint that the tests' own site calls."""
    with listening() as hook:
        told = {"LIMIT_WEBHOOK_URL": hook.url, "LIMIT_WEBHOOK_SECRET": SECRET}
        with site.composed_with(**told, LIMIT_WEBHOOK_SECONDS=5.0):
            yield hook


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that fail are tried again at once."""
    monkeypatch.setattr(limit_webhooks, "PAUSES", (0, 0, 0))


def levels(count: int) -> list[int]:
    """The levels that were noted, once there are so many."""
    deadline = time.monotonic() + 20
    while LimitWarning.objects.count() < count and time.monotonic() < deadline:
        time.sleep(0.02)
    return sorted(LimitWarning.objects.values_list("level", flat=True))


def noted(http: httpx.Client) -> Counter[str]:
    """The metric by limit and level."""
    found = re.findall(r"assistant_limit_warnings_total\{(.+)\} (\S+)", http.get("/metrics").text)
    return Counter({labels: int(float(value)) for labels, value in found})


def snippet() -> Any:
    """The receiver's check, as the documentation has it."""
    code = re.search(r"<!-- verify -->\n```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert code
    names: dict[str, Any] = {}
    exec(code[1], names)
    return names["verified"]


@pytest.mark.timeout(240)
def test_each_level_is_told_once_by_two_workers(
    site: LiveSite, program: Make, limit: SetLimit, hook: Hook, tmp_path: Path
) -> None:
    client, before = program(), noted(site.client())
    budget = limit(5, user=client.person.user)
    other = site_process(tmp_path, LIMIT_WEBHOOK_URL=hook.url, LIMIT_WEBHOOK_SECRET=SECRET)
    other.start()
    try:
        token = {"Authorization": client.http.headers["authorization"]}
        with httpx.Client(base_url=other.url, headers=token, timeout=60) as http:
            there = Program(client.person, client.key, http)
            answers = [each.chat() for each in (client, there, client, there, client, there)]
            calls = hook.wait(2)
            counts = noted(site.client()) - before + noted(http)
    finally:
        other.end()

    assert [answer.status_code for answer in answers] == [200] * 5 + [402]
    assert levels(2) == [80, 100]
    both = {'level="100",limit="user-day"': 1, 'level="80",limit="user-day"': 1}
    assert {",".join(sorted(labels.split(","))): n for labels, n in counts.items()} == both
    events = sorted((call.event for call in calls), key=lambda event: event["data"]["level"])
    assert [event["type"] for event in events] == ["limit.warning", "limit.reached"]
    assert events[0]["data"]["limit"]["id"] == budget.pk
    assert events[0]["data"]["subject"]["user"] == client.person.user.pk
    assert (events[0]["data"]["used"], events[1]["data"]["used"]) == (4, 5)
    assert len(hook.calls) == 2


def test_the_documented_check_takes_a_call_and_refuses_forged_ones(
    program: Make, limit: SetLimit, hook: Hook
) -> None:
    client, verified = program(), snippet()
    limit(1, window="month", scope="key", key=client.key)
    client.chat()
    call = hook.wait(1)[0]

    assert verified(SECRET, call.headers, call.body)
    assert not verified(SECRET, call.headers, call.body + b" ")
    assert not verified("whsec_" + "A" * 32, call.headers, call.body)
    old = call.headers | {"webhook-timestamp": "1614265330"}
    assert not verified(SECRET, old, call.body)
    assert call.headers["content-type"] == "application/json"


def test_a_failed_call_is_tried_again_under_its_name(
    program: Make, limit: SetLimit, hook: Hook, soon: None
) -> None:
    client = program()
    hook.statuses = [500, 302, 200]
    limit(10, window="month", user=client.person.user)
    for _ in range(8):
        client.chat()
    calls = hook.wait(3)
    row = delivered()

    assert len({call.headers["webhook-id"] for call in calls}) == 1
    assert {call.path for call in calls} == {"/hook"}
    assert (row.attempts, row.failure, row.due_at) == (3, "", None)


def delivered() -> LimitWarning:
    """The one warning, once it is delivered or given up."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if row := LimitWarning.objects.filter(due_at=None).first():
            return row
        time.sleep(0.02)
    return LimitWarning.objects.get()


@pytest.mark.parametrize("statuses", [[500] * 4, [410]])
def test_a_call_is_given_up(
    program: Make, limit: SetLimit, hook: Hook, soon: None, statuses: list[int]
) -> None:
    client, count = program(), len(statuses)
    hook.statuses = [*statuses]
    limit(Decimal(10), "requests", "month", user=client.person.user)
    for _ in range(8):
        client.chat()
    row = delivered()

    assert (row.attempts, row.delivered_at) == (count, None)
    assert row.failure == f"HTTP {statuses[-1]}"
    assert "could not be delivered" in [need.text for need in _spent_limits()][-1]


def test_a_call_that_no_worker_made_is_made_after_a_restart(
    site: LiveSite, program: Make, limit: SetLimit
) -> None:
    client = program()
    with listening() as hook:
        limit(1, user=client.person.user)
        client.chat()
        assert levels(2) == [80, 100]
        # As if the worker that noted it had died before its call.
        LimitWarning.objects.update(due_at=timezone.now())
        with site.composed_with(LIMIT_WEBHOOK_URL=hook.url, LIMIT_WEBHOOK_SECRET=SECRET):
            assert len(hook.wait(2)) == 2


def test_an_endpoint_that_hangs_holds_up_no_request(
    program: Make, limit: SetLimit, hook: Hook
) -> None:
    client = program()
    hook.held = threading.Event()
    limit(2, user=client.person.user)
    assert [client.chat().status_code for _ in range(2)] == [200, 200]
    hook.wait(1)
    assert client.chat().status_code == 402
    hook.held.set()


def test_after_redis_lost_all_no_level_is_told_again(
    site: LiveSite, program: Make, limit: SetLimit, hook: Hook
) -> None:
    client = program()
    limit(5, user=client.person.user)
    for _ in range(4):
        client.chat()
    assert levels(1) == [80]
    with sync_client(settings.REDIS_URL) as redis:
        redis.delete(*redis.keys(f"{settings.REDIS_PREFIX}:usage:*"))
    with site.composed_with(RESERVATION_SECONDS=50.0):  # a process that knows nothing
        assert [client.chat().status_code for _ in range(2)] == [200, 402]
        assert levels(2) == [80, 100]


def test_a_request_that_finds_no_room_late_reaches_the_limit(
    program: Make, limit: SetLimit
) -> None:
    client = program()
    budget = limit(100, "tokens", "month", user=client.person.user)
    assert client.chat(max_tokens=5_000).status_code == 402
    client.http.get("/api/v1/me/")
    assert not LimitWarning.objects.exists()
    budget.delete()
    read_limits_anew()
    client.chat()
    used = sum(row.input_tokens + row.output_tokens for row in client.booked())
    limit(used + 5, "tokens", "month", user=client.person.user)
    assert client.chat(max_tokens=5_000).status_code == 402
    assert levels(2) == [80, 100]


def test_what_needs_you_names_spent_limits(program: Make, limit: SetLimit) -> None:
    client = program()
    budget = limit(5, user=client.person.user)
    for _ in range(4):
        client.chat()
    levels(1)
    assert [need.text for need in _spent_limits()] == ["1 limit is nearly spent (80 %)."]
    client.chat()
    levels(2)
    assert [need.text for need in _spent_limits()] == ["1 limit is spent."]
    budget.amount = 50
    budget.save()
    assert list(_spent_limits()) == []


def test_old_warnings_are_purged(program: Make, limit: SetLimit) -> None:
    client = program()
    limit(1, user=client.person.user)
    client.chat()
    levels(2)
    LimitWarning.objects.filter(level=80).update(until=timezone.now() - timedelta(days=41))

    assert purge_warnings() == 1


def terms(window: LimitWindow, unit: LimitUnit = LimitUnit.REQUESTS, amount: int = 7) -> LimitTerms:
    return LimitTerms(1, LimitScope.USER, unit, window, amount)


def test_levels_are_exact() -> None:
    assert [terms(LimitWindow.DAY).levels(used) for used in (5, 6, 7)] == [(), (80,), (80, 100)]
    assert terms(LimitWindow.DAY, LimitUnit.CONCURRENT).levels(7) == ()


def test_a_sliding_window_warns_by_the_clock() -> None:
    zone, at = ZoneInfo("UTC"), datetime(2026, 11, 29, 10, 0, 30, tzinfo=UTC)
    name, until = warning_window(terms(LimitWindow.MINUTE), at, zone)

    assert until == datetime(2026, 11, 29, 10, 1, tzinfo=UTC)
    assert warning_window(terms(LimitWindow.MINUTE), until, zone)[0] != name
    assert warning_window(terms(LimitWindow.TOTAL), at, zone) == ("total", None)


def test_the_signature_is_that_of_the_specification() -> None:
    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    name, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
    signed = signed_headers(key, name, 1614265330, body)

    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("url", "secret", "fault"),
    [
        ("ftp://host/", SECRET, "LIMIT_WEBHOOK_URL"),
        ("https://user:pw@host/", SECRET, "LIMIT_WEBHOOK_URL"),
        ("https://", SECRET, "LIMIT_WEBHOOK_URL"),
        ("https://host:0/", SECRET, "LIMIT_WEBHOOK_URL"),
        ("https://host/", "", "LIMIT_WEBHOOK_SECRET"),
        ("https://host/", "whsec_c2hvcnQ=", "LIMIT_WEBHOOK_SECRET"),
        ("https://host/", SECRET.removeprefix("whsec_"), "LIMIT_WEBHOOK_SECRET"),
    ],
)
def test_a_faulty_webhook_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, url: str, secret: str, fault: str
) -> None:
    monkeypatch.setenv("LIMIT_WEBHOOK_URL", url)
    monkeypatch.setenv("LIMIT_WEBHOOK_SECRET", secret)
    with pytest.raises(ImproperlyConfigured, match=fault):
        env.signing_secret("LIMIT_WEBHOOK_SECRET", required=bool(env.http_url("LIMIT_WEBHOOK_URL")))
