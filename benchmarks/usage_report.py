"""``python -m benchmarks.usage_report [MESSAGES]``: reports of a month of a million messages, timed.

The database is that of DATABASE_URL (``.ci/with_postgres`` makes one), which must be empty. Each report
is read by the sums of past days and by the ledger alone, and both must be equal. Milliseconds.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

MESSAGES, DAYS, ROUNDS = 1_000_000, 30, 5
REPORTS = ("day", "model", "rule", "purpose", "day,model", "user", "key")
_MODELS, _RULES, _PEOPLE, _KEYS = 5, 8, 1_000, 200

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
    """Fill the ledger with a month that ends today."""
    from django.db import connection  # noqa: PLC0415 - after Django
    from django.utils import timezone  # noqa: PLC0415

    from conversations.usage.days import day_of  # noqa: PLC0415

    sqlite, today = connection.vendor == "sqlite", day_of(timezone.now())
    number = "printf('%032x', {})" if sqlite else "lpad(to_hex({}), 32, '0')::uuid"
    with connection.cursor() as cursor:
        for at in range(DAYS):
            sql = _FILL.format(
                first=messages * at // DAYS,
                end=messages * (at + 1) // DAYS,
                day=today - timedelta(days=DAYS - 1 - at),
                run=number.format("i"),
                key=number.format(f"i % {_KEYS}"),
                people=_PEOPLE,
                models=_MODELS,
                rules=_RULES,
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
    return statistics.median(times), result


def measure() -> None:
    """Print the table."""
    from django.utils import timezone  # noqa: PLC0415

    from conversations.models import UsageDay  # noqa: PLC0415
    from conversations.usage.days import day_of  # noqa: PLC0415
    from conversations.usage.report import usage_report  # noqa: PLC0415

    last = day_of(timezone.now())
    first = last - timedelta(days=DAYS - 1)
    kept = list(UsageDay.objects.values_list("day", flat=True))
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
            whose = "one person" if user else "all"
            print(
                f"{by:10} {whose:10} {took:8.1f} ms  ledger alone {ledger:8.0f} ms  equal {equal}"
            )


def main() -> None:
    """Fill, sum up, measure."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant_site.settings")
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from conversations.models import UsageSum  # noqa: PLC0415
    from conversations.usage.roll_up import roll_up  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    fill(int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES)
    began = time.perf_counter()
    days = 0
    while roll_up():
        days += 1
    each = (time.perf_counter() - began) * 1000 / max(1, days)
    print(f"{days} days summed, {each:.0f} ms each, {UsageSum.objects.count():,} rows")
    measure()


if __name__ == "__main__":
    main()
