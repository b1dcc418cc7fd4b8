"""Records of answers that no conversation keeps follow their ends: all of them, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError

from conversations.domain.booking import Account, Booking
from conversations.models import LedgerEntry, Uncounted
from conversations.runs import write_behind
from conversations.runs.write_behind import TOGETHER, WriteBehind
from conversations.storage import turns
from conversations.storage.turns import EndedChat
from routing.common.tasks import Background
from routing.domain.llm import Attempt, Usage
from tests.live_site import LiveSite
from tests.runs.test_database_away import locked
from tests.storage.conftest import ended as outcome_of
from tests.usage.conftest import Make, program  # noqa: F401 - a fixture

CHAT = Attempt("chat", "gpt", "openai", 0, 1, "ok", Usage(30, 40))
CLASSIFY = Attempt("classify", "claude-haiku", "anthropic", 0, 1, "ok", Usage(9, 2))


def chat_of(user: User, run: UUID | None = None) -> EndedChat:
    now = datetime.now(UTC)
    outcome = outcome_of(CLASSIFY, CHAT, booking=Booking(Account(user.pk), now))
    return EndedChat(run or uuid4(), outcome, now)


def stored(site: LiveSite, chats: Sequence[EndedChat]) -> None:
    async def write() -> None:
        background = Background()
        records = WriteBehind(background)
        for chat in chats:
            records.put(chat)
        await background.close()

    site.run(write())


def rows_of(chats: Sequence[EndedChat]) -> dict[UUID, int]:
    runs = [chat.message for chat in chats]
    found = LedgerEntry.objects.filter(run__in=runs).values_list("run", flat=True)
    return {run: list(found).count(run) for run in runs}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records each transaction had."""
    sizes: list[int] = []
    finish = turns.chats_finish

    def noted(ended: Sequence[EndedChat]) -> None:
        sizes.append(len(ended))
        finish(ended)

    monkeypatch.setattr(turns, "chats_finish", noted)
    return sizes


def test_answers_that_end_together_are_stored_together(site: LiveSite, counted: list[int]) -> None:
    people = site.user(), site.user()
    chats = [chat_of(people[at % 2]) for at in range(TOGETHER + 8)]
    stored(site, chats)

    assert counted == [TOGETHER, 8]
    assert set(rows_of(chats).values()) == {2}


def test_one_that_is_stored_already_keeps_no_other_from_it(
    site: LiveSite, counted: list[int]
) -> None:
    user = site.user()
    chats = [chat_of(user) for _ in range(3)]
    earlier = chats[1]
    turns.chat_finish(message=earlier.message, outcome=earlier.outcome, started=earlier.started)
    Uncounted.objects.filter(message=earlier.message).delete()  # added up meanwhile
    stored(site, chats)

    assert counted == [3]
    assert set(rows_of(chats).values()) == {2}
    assert not Uncounted.objects.filter(message=earlier.message).exists()


def test_one_that_cannot_be_stored_holds_no_other_up(
    site: LiveSite, caplog: pytest.LogCaptureFixture
) -> None:
    user = site.user()
    chats = [chat_of(user) for _ in range(3)]
    odd = replace(chats[1].outcome, total_ms=object())  # type: ignore[arg-type]
    bad = replace(chats[1], outcome=odd)
    stored(site, [chats[0], bad, chats[2]])

    assert rows_of(chats) == {chats[0].message: 2, bad.message: 0, chats[2].message: 2}
    assert "answer not stored" in caplog.text


def test_records_wait_while_the_database_is_away(
    site: LiveSite, monkeypatch: pytest.MonkeyPatch, counted: list[int]
) -> None:
    monkeypatch.setattr(write_behind, "FIRST_PAUSE", 0.01)
    failures = iter([OperationalError("gone"), OperationalError("gone")])
    finish = turns.chats_finish

    def failing(ended: Sequence[EndedChat]) -> None:
        if error := next(failures, None):
            raise error
        finish(ended)

    monkeypatch.setattr(turns, "chats_finish", failing)
    chats = [chat_of(site.user()) for _ in range(2)]
    stored(site, chats)

    assert counted == [2]
    assert set(rows_of(chats).values()) == {2}


def test_what_an_erased_person_spent_is_booked_for_nobody(site: LiveSite) -> None:
    user, gone = site.user(), site.user()
    chats = [chat_of(user), chat_of(gone)]
    gone.delete()
    stored(site, chats)

    assert list(rows_of(chats).values()) == [2, 0]
    assert not LedgerEntry.objects.filter(user=chats[1].outcome.booking.account.user).exists()  # type: ignore[union-attr]


def test_a_chat_ends_while_nobody_can_write(program: Make) -> None:  # noqa: F811
    client = program()
    with locked():
        answer = client.chat()
    (row,) = client.booked()

    assert answer.status_code == 200
    assert answer.json()["choices"][0]["finish_reason"] == "stop"
    assert row.run.hex == answer.json()["id"].removeprefix("chatcmpl-")
