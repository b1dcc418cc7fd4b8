"""How the models' sums grow: by what each was paid for, on the day of the answer, never in its way."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse
from prometheus_client import CollectorRegistry

from conversations.adapters.background.answer_workers import StatsWorker
from conversations.adapters.observability.metrics import RunMetrics
from conversations.domain.outcome import RunOutcome
from conversations.engine.types import CacheFacts
from conversations.models import Conversation, Message, ModelPerformance, Uncounted
from conversations.stats import pending
from conversations.stats.pending import add_up, add_up_if_possible, set_aside
from conversations.storage import services, turns
from conversations.storage.turns import StartedTurn
from routing.common.tasks import Background
from routing.domain.llm import Attempt, Usage
from tests.storage.conftest import Ask, ended

pytestmark = pytest.mark.django_db

MS = 1_000_000
PAID = Usage(30, 40, Decimal("0.25"))


def call(model: str, outcome: str = "ok", **fields: Any) -> Attempt:
    """A chat of 2 s whose first word came after 300 ms."""
    values: dict[str, Any] = {
        "operation": "chat", "model": model, "provider": "openai", "outcome": outcome,
        "started_ns": 0, "ended_ns": 2000 * MS, "first_token_ms": 300.4, "usage": PAID, **fields,
    }  # fmt: skip
    return Attempt(**values)


def finish(begun: StartedTurn, outcome: RunOutcome) -> None:
    assert turns.answer_finish(message=begun.message, outcome=outcome)


def sums(model: str) -> ModelPerformance:
    add_up()
    return ModelPerformance.objects.get(model=model, rule="general")


@pytest.fixture(autouse=True)
def _none_yet(db: None) -> None:
    """The tests of the running site leave their rows behind."""
    Uncounted.objects.all().delete()
    ModelPerformance.objects.all().delete()


@pytest.mark.parametrize("status", ["stopped", "failed"])
def test_an_answer_that_was_cut_off_costs_but_is_none(ask: Ask, status: str) -> None:
    finish(ask(), ended(call("gpt", "cancelled"), status=status))

    row = sums("gpt")
    assert (row.answers, row.errors, row.first_token_count, row.total_ms_sum) == (0, 0, 0, 0)
    assert (row.input_tokens, row.output_tokens, row.cost_usd) == (30, 40, Decimal("0.25"))


def test_after_a_failover_each_model_has_its_own_usage_and_times(ask: Ask) -> None:
    broken = call("gpt", "provider_stream_broken", usage=Usage(7, 8, Decimal(1)), first_token_ms=10)
    finish(ask(), ended(broken, call("sonnet"), model="sonnet"))

    first, second = sums("gpt"), sums("sonnet")
    assert (first.answers, first.errors, first.input_tokens, first.cost_usd) == (
        0,
        1,
        7,
        Decimal(1),
    )
    assert (second.answers, second.errors, second.input_tokens) == (1, 0, 30)
    assert (second.first_token_ms_sum, second.first_token_count) == (300, 1)
    assert (first.total_ms_sum, second.total_ms_sum) == (0, 2000)


def test_a_cached_answer_adds_nothing_to_the_times(ask: Ask) -> None:
    finish(ask(), ended(cache=CacheFacts("semantic", 0.95)))

    row = sums("gpt")
    assert (row.answers, row.cache_hits) == (1, 1)
    assert (row.total_ms_sum, row.first_token_count, row.output_tokens) == (0, 0, 0)


def test_a_classification_is_paid_for_but_no_answer(ask: Ask) -> None:
    failed = call("mini", "provider_timeout", operation="classify", usage=Usage())
    finish(ask(), ended(failed, call("haiku", operation="classify"), model=None))

    haiku, mini = sums("haiku"), sums("mini")
    assert (haiku.answers, haiku.output_tokens, haiku.total_ms_sum) == (0, 40, 0)
    assert (mini.answers, mini.errors, mini.cost_usd) == (0, 1, Decimal(0))


def test_a_model_that_classifies_and_answers_has_the_answers_times(ask: Ask) -> None:
    classified = call("gpt", operation="classify", ended_ns=9000 * MS, first_token_ms=None)
    finish(ask(), ended(classified, call("gpt")))

    row = sums("gpt")
    assert (row.answers, row.total_ms_sum, row.first_token_ms_sum) == (1, 2000, 300)
    assert row.output_tokens == 80


def test_answer_and_verdict_count_on_the_day_of_the_message(ask: Ask, person: User) -> None:
    begun = ask()
    yesterday = datetime.now(UTC).replace(hour=23, minute=59) - timedelta(days=1)
    Message.objects.filter(pk=begun.message).update(created_at=yesterday)
    finish(begun, ended(call("gpt")))
    answer = Message.objects.get(pk=begun.message)
    services.feedback_record(user=person.pk, message=answer, verdict="good")

    row = sums("gpt")
    assert (row.day, row.answers, row.feedback_good) == (yesterday.date(), 1, 1)
    services.feedback_delete(user=person.pk, message=answer)
    assert sums("gpt").feedback_good == 0


def test_an_answer_is_counted_once(ask: Ask) -> None:
    begun = ask()
    finish(begun, ended(call("gpt")))

    assert not turns.answer_finish(message=begun.message, outcome=ended(call("gpt")))
    assert sums("gpt").answers == 1


@contextmanager
def _at_each_increase(action: Callable[[], object]) -> Any:
    """Do something after this thread let rows of the sums grow."""

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        if sql.startswith("INSERT") and "modelperformance" in sql:
            action()
        return result

    with connection.execute_wrapper(watch):
        yield


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_cannot_be_counted_is_stored_and_counted_later(ask: Ask) -> None:
    begun = ask()

    def refuse() -> None:
        raise OperationalError("the server closed the connection")

    finish(begun, ended(call("gpt")))
    with _at_each_increase(refuse):
        add_up_if_possible()

    assert Message.objects.get(pk=begun.message).status == "complete"
    assert not ModelPerformance.objects.exists()
    assert sums("gpt").answers == 1


@pytest.mark.django_db(transaction=True)
def test_two_answers_that_fail_over_crosswise_are_both_counted(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "BATCH", 1)
    day = datetime.now(UTC).date()
    for model in ("gpt", "sonnet"):
        ModelPerformance.objects.create(day=day, model=model, rule="general")
    crosswise = [
        (ask(), ended(call("gpt", "provider_timeout"), call("sonnet"), model="sonnet")),
        (ask(), ended(call("sonnet", "provider_timeout"), call("gpt"), model="gpt")),
    ]
    both_hold_a_row = threading.Barrier(2)

    def meet() -> None:
        # Who takes the rows in the same order as the other never meets it here.
        with suppress(threading.BrokenBarrierError):
            both_hold_a_row.wait(timeout=1)

    for begun, outcome in crosswise:
        finish(begun, outcome)

    def work() -> None:
        try:
            with _at_each_increase(meet):
                add_up()
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in crosswise]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {(row.answers, row.errors) for row in ModelPerformance.objects.all()} == {(1, 1)}
    stored = Message.objects.filter(pk__in=[begun.message for begun, _ in crosswise])
    assert {answer.status for answer in stored} == {"complete"}


def test_what_a_deleted_answer_cost_is_counted_all_the_same(ask: Ask) -> None:
    begun = ask()
    finish(begun, ended(call("gpt")))
    Conversation.objects.get(pk=begun.conversation).delete()

    assert sums("gpt").cost_usd == Decimal("0.25")


def test_costs_below_a_cent_s_millionth_add_up(ask: Ask) -> None:
    tiny = Usage(1, 1, Decimal("0.000000015"))
    for _ in range(10):
        finish(ask(), ended(call("gpt", usage=tiny)))

    assert sums("gpt").cost_usd == Decimal("0.00000015")


@pytest.mark.django_db(transaction=True)
def test_many_workers_count_each_answer_once(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pending, "BATCH", 3)
    for _ in range(20):
        finish(ask(), ended(call("gpt")))
    added: list[int] = []

    def work() -> None:
        added.append(add_up())
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    row = sums("gpt")
    # The worker of a site in this process may have added some.
    assert sum(added) <= row.answers == 20
    assert row.total_ms_sum == 20 * 2000


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_ends_adds_up_what_is_left(ask: Ask) -> None:
    finish(ask(), ended(call("gpt")))

    told: list[int] = []

    async def serve() -> None:
        background = Background()
        StatsWorker(background, told.append).start()
        await background.close()

    asyncio.run(serve())

    assert not Uncounted.objects.exists()
    assert ModelPerformance.objects.get(model="gpt").answers == 1
    assert told[-1] == 0


GOOD = ["2026-11-28", "gpt", "general", {"answers": 1}]
POISON: list[Any] = [
    {"models": [[*GOOD[:3], {"input_tokens": -9}]], "versions": []},
    {"models": [[*GOOD[:3], {"input_tokens": 10**19}]], "versions": []},
    {"models": [[*GOOD[:3], {"input_tokens": 10**400}]], "versions": []},
    {"models": [[*GOOD[:3], {"input_tokens": "many"}]], "versions": []},
    {"models": [[*GOOD[:3], {"cost_usd": "NaN"}]], "versions": []},
    {"models": [[*GOOD[:3], {"cost_usd": None}]], "versions": []},
    {"models": [[*GOOD[:3], {"nonsense": 1}]], "versions": []},
    {"models": [[*GOOD[:3], [1]]], "versions": []},
    {"models": [["no day", "gpt", "general", {"answers": 1}]], "versions": []},
    {"models": [GOOD, [1]], "versions": []},
    {"models": [], "versions": [[10**19, "general", {"answers": 1}]]},
    {"models": [GOOD]},
    {"models": 5, "versions": 5},
    [],
    "text",
]
"""Notes that no table takes, as older versions or hands may have left them."""


@pytest.mark.parametrize("poison", POISON, ids=lambda note: repr(note)[:60])
def test_a_note_that_cannot_be_added_is_set_aside(ask: Ask, poison: Any) -> None:
    bad = Uncounted.objects.create(message=UUID(int=0), sums=poison)
    for _ in range(3):
        finish(ask(), ended(call("gpt")))

    assert sums("gpt").answers == 3
    assert [row.pk for row in Uncounted.objects.all()] == [bad.pk]
    bad.refresh_from_db()
    assert bad.failure
    assert set_aside() == 1
    assert add_up() == 0


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL takes JSON alone")
def test_a_note_that_is_not_json_is_set_aside(ask: Ask) -> None:
    finish(ask(), ended(call("gpt")))
    note = Uncounted.objects.create(message=UUID(int=0), sums={})
    with connection.cursor() as cursor, ignored_checks(cursor):
        cursor.execute(
            "UPDATE conversations_uncounted SET sums = '{half' WHERE message = %s", [note.pk.hex]
        )

    assert sums("gpt").answers == 1
    assert set_aside() == 1


@contextmanager
def ignored_checks(cursor: Any) -> Iterator[None]:
    """SQLite without its constraints: a file may come from anywhere."""
    cursor.execute("PRAGMA ignore_check_constraints = ON")
    try:
        yield
    finally:
        cursor.execute("PRAGMA ignore_check_constraints = OFF")


def test_the_pages_open_and_tell_of_it(admin_client: Client) -> None:
    Uncounted.objects.create(message=UUID(int=7), sums=POISON[1])
    for name in ("index", "conversations_modelperformance_changelist"):
        assert admin_client.get(reverse(f"admin:{name}")).status_code == 200
    page = admin_client.get(reverse("admin:conversations_uncounted_changelist"))
    assert str(UUID(int=7)) in page.content.decode()
    row = reverse("admin:conversations_uncounted_change", args=[UUID(int=7)])
    assert "input_tokens" in admin_client.get(row).content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_worker_tells_metrics_and_readiness() -> None:
    Uncounted.objects.create(message=UUID(int=0), sums=POISON[0])
    metrics = RunMetrics(CollectorRegistry())

    async def serve() -> None:
        background = Background()
        StatsWorker(background, metrics.sums_set_aside).start()
        await background.close()

    asyncio.run(serve())

    assert "assistant_statistics_set_aside 1.0" in metrics.render()[0].decode()
    assert "statistics" in metrics.recent_failures.ages()


def test_calls_of_unknown_cost_are_counted_beside_the_sum(ask: Ask) -> None:
    finish(ask(), ended(call("gpt")))
    finish(ask(), ended(call("gpt", usage=Usage(30, 40, None, unpriced=1))))

    row = sums("gpt")
    assert (row.cost_usd, row.unpriced) == (Decimal("0.25"), 1)
