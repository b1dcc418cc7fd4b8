"""``python -m benchmarks.usage_report [MESSAGES]``: reports of a month of a million messages, timed.

The database is that of DATABASE_URL (``.ci/with_postgres`` makes one), which must be empty; without it, an SQLite
file that is deleted at the end. Each report is read by the sums of past days and by the ledger alone, and both
must be equal. Then ``GET /api/v1/usage/``, every chart of the admin and the page of all charts are asked, as HTTP
requests to this process. Milliseconds, medians. Exit code 1 where one differs, or a request takes more than is allowed.
"""

from __future__ import annotations

import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from statistics import median
from typing import Any

import django

from assistant_site.launcher.redis_server import RedisServer
from benchmarks.chart_rows import MODELS, RULES, fill_charts

ALLOWED_MS = 300.0
MESSAGES, DAYS, ROUNDS = 1_000_000, 30, 5
REPORTS = ("day", "model", "rule", "purpose", "day,model", "user", "key")
_PEOPLE, _KEYS = 1_000, 200

_CHARTS = "/admin/conversations/modelperformance/charts/"

_FILL = """
WITH RECURSIVE numbers(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < {end})
INSERT INTO conversations_ledgerentry (run, place, at, day, "user", key, end_user, groups, requests, purpose,
  model, provider, rule, outcome, input_tokens, output_tokens, cached_tokens, reasoning_tokens, cost, estimated)
SELECT {run}, place, '{day} 12:00:00+00:00', '{day}', 1 + i % {people}, {key}, '', '', 1 - place,
  CASE place WHEN 0 THEN 'classify' ELSE 'chat' END, CASE place WHEN 0 THEN 'claude-haiku' ELSE 'model-' || (i / 7 % {models}) END,
  'openai', 'rule-' || (i / 11 % {rules}), 'ok', 400 + i % 100, 200 + i % 300, 100, 0, 3000000 + i % 1000, {false}
FROM numbers CROSS JOIN (SELECT 0 AS place UNION ALL SELECT 1) AS places
"""


def fill(messages: int) -> None:
    """Fill the ledger and the tables of the charts with a month that ends today."""
    from django.db import connection  # noqa: PLC0415 - after Django
    from django.utils import timezone  # noqa: PLC0415

    from conversations.usage.days import day_of  # noqa: PLC0415

    sqlite, today = connection.vendor == "sqlite", day_of(timezone.now())
    number = "printf('%032x', {})" if sqlite else "lpad(to_hex({}), 32, '0')::uuid"
    fill_charts(messages, timezone.now().date(), DAYS)
    with connection.cursor() as cursor:
        for at in range(DAYS):
            sql = _FILL.format(
                first=messages * at // DAYS,
                end=messages * (at + 1) // DAYS,
                day=today - timedelta(days=DAYS - 1 - at),
                run=number.format("i"),
                key=number.format(f"i % {_KEYS}"),
                people=_PEOPLE,
                models=len(MODELS),
                rules=len(RULES),
                false="0" if sqlite else "false",
            )
            cursor.execute(sql)
        cursor.execute("ANALYZE")


def timed(read: Callable[[], Any]) -> tuple[float, Any]:
    """The median of some rounds in milliseconds, and the last result."""
    times, result = [], None
    for _ in range(ROUNDS):
        began = time.perf_counter()
        result = read()
        times.append((time.perf_counter() - began) * 1000)
    return median(times), result


def reports_hold() -> bool:
    """Print each report's time by sums and by the ledger alone; whether both were equal."""
    from django.utils import timezone  # noqa: PLC0415 - after Django

    from conversations.models import UsageDay  # noqa: PLC0415
    from conversations.usage.days import day_of  # noqa: PLC0415
    from conversations.usage.report import usage_report  # noqa: PLC0415

    last = day_of(timezone.now())
    first = last - timedelta(days=DAYS - 1)
    kept, hold = list(UsageDay.objects.values_list("day", flat=True)), True
    for by in REPORTS:
        for user in (None, 7):

            def read(by: str = by, user: int | None = user) -> Any:
                return usage_report(user=user, by=by.split(","), first=first, last=last)

            took, summed = timed(read)
            UsageDay.objects.update(summed=False)
            began = time.perf_counter()
            equal = read() == summed
            ledger = (time.perf_counter() - began) * 1000
            UsageDay.objects.filter(day__in=kept).update(summed=True)
            hold = hold and equal
            whose, ratio = "one person" if user else "all", ledger / took
            print(
                f"{by:10} {whose:10} {took:8.1f} ms  ledger alone {ledger:8.0f} ms ({ratio:.0f} times)  equal {equal}"
            )
    return hold


def requests_hold() -> bool:
    """Print the time of each request; whether all were fast enough."""
    from django.contrib.auth.models import User  # noqa: PLC0415 - after Django
    from django.test import Client  # noqa: PLC0415
    from rest_framework_simplejwt.tokens import AccessToken  # noqa: PLC0415

    from conversations.admin.money_chart import PICTURES  # noqa: PLC0415

    admin = User.objects.create_superuser("bench")
    client = Client(headers={"Authorization": f"Bearer {AccessToken.for_user(admin)}"}, HTTP_HOST="127.0.0.1")  # fmt: skip
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    paths = [f"/api/v1/usage/?group_by={by}" for by in REPORTS]
    hold = True
    paths += [_CHARTS, *(f"{_CHARTS}{name}.csv" for name in PICTURES)]
    for path in paths:
        took, response = timed(lambda path=path: client.get(path))  # type: ignore[misc]
        # The page has all charts, each of which is held to its own time.
        good = response.status_code == 200 and (took <= ALLOWED_MS or path == _CHARTS)
        hold = hold and good
        print(f"{path:60} {took:8.1f} ms  {'ok' if good else f'NOT OK: {response.status_code}'}")
    return hold


def main() -> None:
    """Fill, sum up, measure."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant_site.settings")
    with tempfile.TemporaryDirectory(prefix="usage-") as folder, RedisServer(Path(folder)) as redis:
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/site.sqlite3")
        os.environ |= {"REDIS_URL": redis.url, "LOG_LEVEL": "WARNING", "SECRET_KEY": secrets.token_urlsafe(48)}  # fmt: skip
        django.setup()
        hold = _measured(int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES)
    sys.exit(0 if hold else 1)


def _measured(messages: int) -> bool:
    from django.core.management import call_command  # noqa: PLC0415 - after Django

    from conversations.models import UsageSum  # noqa: PLC0415
    from conversations.usage.roll_up import roll_up  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    call_command("seed", json=True, stdout=StringIO())
    began = time.perf_counter()
    fill(messages)
    print(f"filled in {time.perf_counter() - began:.0f} s")
    began = time.perf_counter()
    days = 0
    while roll_up():
        days += 1
    each = (time.perf_counter() - began) * 1000 / max(1, days)
    print(f"{days} days summed, {each:.0f} ms each, {UsageSum.objects.count():,} rows")
    return all([reports_hold(), requests_hold()])


if __name__ == "__main__":
    main()
