"""Key and group ids in the log, the depth of queues and the drift of counters in the metrics."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.utils import timezone
from prometheus_client import CollectorRegistry

from conversations.adapters.background.outbox import Kind
from conversations.adapters.background.queue_watch import queue_depths
from conversations.adapters.observability.metrics import RunMetrics
from conversations.bootstrap import container
from conversations.models import Limit, LimitWarning, OwedWork, Uncounted
from routing.common.redis.clients import sync_client
from tests.live_site import LiveSite
from tests.usage.conftest import Make, SetLimit, settled_state


def lines(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    found = (record.msg for record in caplog.records)
    return [each for each in found if isinstance(each, dict) and each["event"] == event]


def test_lines_name_the_account_the_key_and_its_groups(
    program: Make, limit: SetLimit, site: LiveSite, caplog: pytest.LogCaptureFixture
) -> None:
    client = program()
    group = Group.objects.create(name=f"team {client.key.pk}")
    client.person.user.groups.add(group)
    limit(1_000, scope="group", group=group)
    site.simulator.fault(match="never answered", call="chat", status=400)
    assert client.chat("Is this never answered?").status_code >= 400

    secret = client.http.headers["Authorization"].split()[1]
    (request,) = lines(caplog, "request")
    (run,) = lines(caplog, "run failed")
    assert request["user"] == run["user"] == client.person.user.pk
    assert request["key"] == run["key"] == str(client.key.pk)
    assert run["groups"] == [group.pk]
    assert run["request_id"] == request["request_id"]
    assert not any(secret in str(record.msg) for record in caplog.records)

    caplog.clear()
    site.client().get("/api/v1/me/")
    (stranger,) = lines(caplog, "request")
    assert not {"user", "key"} & set(stranger), "the caller of before is not kept"


@pytest.mark.django_db
def test_waiting_work_is_told_with_its_age() -> None:
    row = OwedWork.objects.create(kind=Kind.FORGET_ENTRY, subject=uuid4())
    OwedWork.objects.filter(pk=row.pk).update(created_at=timezone.now() - timedelta(hours=1))
    OwedWork.objects.create(kind=Kind.ERASE, subject=uuid4())
    Uncounted.objects.create(message=uuid4(), sums=[])
    Uncounted.objects.create(message=uuid4(), sums=[], failure="set aside")
    made = Limit.objects.create(scope="user", unit="requests", window="day", amount=1)
    common: dict[str, Any] = {"limit": made, "window": "day", "amount": 1, "used": 1}
    for level, due in ((80, None), (100, timezone.now())):
        LimitWarning.objects.create(**common, level=level, at=timezone.now(), due_at=due)

    found = queue_depths()
    assert 3_600 <= found["outbox"][1] < 3_700
    depths = {queue: depth for queue, (depth, _) in found.items()}
    assert depths == {"outbox": 1, "curated": 0, "erasure": 1, "statistics": 1, "webhooks": 1}
    metrics = RunMetrics(CollectorRegistry())
    metrics.show(circuits={}, streams=0, background={}, queues=found, events=3)
    told = metrics.render()[0].decode()
    assert 'assistant_queue_depth{queue="outbox"} 1.0' in told
    assert "assistant_events_waiting 3.0" in told


def test_a_counter_that_differs_is_told(program: Make, limit: SetLimit, site: LiveSite) -> None:
    watch, client = container().queue_watch, program()
    budget = limit(10, window="total", user=client.person.user)
    client.chat()
    settled_state(budget, client.person.user.pk)
    with sync_client(settings.REDIS_URL) as redis:
        claim = f"{settings.REDIS_PREFIX}:usage:drift:claim"
        redis.delete(claim)
        site.run(watch.compare())
        assert watch.drifting == 0
        (key,) = redis.scan_iter(f"{settings.REDIS_PREFIX}:usage:{budget.pk}:*")
        redis.hincrby(key, "u", 3)
        site.run(watch.compare())
        assert watch.drifting == 0, "one comparison of all workers in a quarter of an hour"
        redis.delete(claim)
        site.run(watch.compare())
        assert watch.drifting == 1
        assert "assistant_usage_drifting_counters 1.0" in site.client().get("/metrics").text
        redis.delete(claim)
