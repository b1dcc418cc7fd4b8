"""Rows of the charts for a month of many messages: daily sums, verdicts of people, and checked reuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from itertools import product
from typing import Any

RULES = [f"rule-{at}" for at in range(8)]
MODELS = [f"model-{at}" for at in range(5)]
_BUCKETS = range(28, 56)  # of the time to the first token: 0.1 to 16 seconds
_VERDICTS, _REUSES = 10, 3
"""One verdict for so many messages, and one logged reuse; a tenth of the reuses was checked."""

_NUMBERS = "WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i + 1 < {count})"
_FEEDBACK = f"""{_NUMBERS}
INSERT INTO conversations_feedback (id, message_id, user_id, verdict, reason, comment, correction, created_at, updated_at)
SELECT {{id}}, {{id}}, 1 + i % 1000, CASE WHEN i % 5 < 2 THEN 'bad' ELSE 'good' END,
  CASE i % 7 WHEN 0 THEN 'wrong' WHEN 1 THEN 'outdated' WHEN 2 THEN 'unhelpful' ELSE '' END, '', '',
  '{{day}} 12:00:00+00:00', '{{day}} 12:00:00+00:00'
FROM numbers"""
_REUSE = f"""{_NUMBERS}
INSERT INTO conversations_reuse (message_id, served, shared, probability, cut, audited, created_at)
SELECT {{id}}, {{true}}, {{true}}, 0.8 + (i % 200) / 1000.0, 0.8, CASE WHEN i % 10 = 0 THEN {{true}} END,
  '{{day}} 12:00:00+00:00'
FROM numbers"""


def fill_charts(messages: int, today: date, days: int) -> None:
    """Fill all tables that charts read, but the ledger, for these days and as many before them."""
    _fill_sums(messages, [today - timedelta(days=back) for back in range(2 * days)], days)
    for back in range(days):
        day = today - timedelta(days=back)
        _fill_rows(_FEEDBACK, messages // _VERDICTS // days, day)
        _fill_rows(_REUSE, messages // _REUSES // days, day)


def _fill_sums(messages: int, every: list[date], days: int) -> None:
    from conversations.models import (  # noqa: PLC0415 - after Django
        DailyCost,
        DailyOutcome,
        FirstTokenCount,
        ModelPerformance,
        VersionPerformance,
    )

    places = [
        {"day": day, "rule": rule, "model": model}
        for day, rule, model in product(every, RULES, MODELS)
    ]
    each = messages // days // len(RULES) // len(MODELS)
    tables: dict[Any, Iterator[Any]] = {
        DailyOutcome: (
            DailyOutcome(outcome=outcome, count=each // 6, **place)
            for place in places
            for outcome in ("new", "exact", "semantic", "refused", "stopped", "failed")
        ),
        DailyCost: (
            DailyCost(purpose=purpose, calls=each, failed=each // 50, cost_usd=2, **place)
            for place in places
            for purpose in ("classify", "chat", "judge", "audit")
        ),
        ModelPerformance: (
            ModelPerformance(
                answers=each, feedback_good=each // 20, feedback_bad=each // 30, **place
            )
            for place in places
        ),
        FirstTokenCount: (
            FirstTokenCount(day=day, model=model, bucket=bucket, count=each // 4)
            for day, model, bucket in product(every, MODELS, _BUCKETS)
        ),
        VersionPerformance: (
            VersionPerformance(ruleset=number, rule=rule, answers=each)
            for number, rule in product((1, 2), RULES)
        ),
    }
    for table, rows in tables.items():
        table.objects.bulk_create(rows, batch_size=2000)


def _fill_rows(sql: str, count: int, day: date) -> None:
    """Rows of one day, whose ids begin with its milliseconds."""
    from django.db import connection  # noqa: PLC0415 - after Django

    sqlite = connection.vendor == "sqlite"
    noon = int(datetime.combine(day, time(12), UTC).timestamp() * 1000)
    number = f"printf('{noon:012x}%020x', i)" if sqlite else f"('{noon:012x}' || lpad(to_hex(i), 20, '0'))::uuid"  # fmt: skip
    with _without_messages(), connection.cursor() as cursor:
        cursor.execute(sql.format(count=count, id=number, day=day, true="1" if sqlite else "true"))


@contextmanager
def _without_messages() -> Iterator[None]:
    """No foreign key is checked: no chart reads a message."""
    from django.db import connection  # noqa: PLC0415 - after Django

    if connection.vendor == "sqlite":
        with connection.constraint_checks_disabled():
            yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        yield
        cursor.execute("SET session_replication_role = DEFAULT")
