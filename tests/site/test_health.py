"""Readiness while the database answers reads but takes no writes, and while pictures have no folder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import InternalError, OperationalError, ProgrammingError, connection
from django.db.backends.signals import connection_created

from conversations.adapters.background import write_probe
from conversations.bootstrap import container
from conversations.db import access, faults
from conversations.storage import selectors
from tests.live_site import LiveSite


class Cause(Exception):
    def __init__(self, sqlstate: str) -> None:
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("words", "sqlstate", "reason"),
    [
        ("database or disk is full", None, "full"),
        ("disk I/O error", None, "full"),
        ("attempt to write a readonly database", None, "read-only"),
        ("database is locked", None, "locked"),
        ("unable to open database file", None, "down"),
        ("could not extend file", "53100", "full"),
        ("cannot execute INSERT", "25006", "read-only"),
        ("permission denied for table", "42501", "read-only"),
        ("canceling statement", "55P03", "locked"),
        ("server closed the connection", "08006", "down"),
    ],
)
def test_a_failed_write_is_told_as_what_it_is(
    words: str, sqlstate: str | None, reason: str
) -> None:
    error = OperationalError(words)
    if sqlstate:
        error.__cause__ = Cause(sqlstate)

    assert faults.reason_of(error) == reason


@contextmanager
def pragma(name: str, value: int) -> Iterator[None]:
    """Every new connection has this setting in the block, and the writing thread has a new one."""

    def put(connection: Any, **_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA {name} = {value}")

    connection_created.connect(put)
    asyncio.run(access.written(close))
    try:
        yield
    finally:
        connection_created.disconnect(put)
        asyncio.run(access.written(close))


def close() -> None:
    connection.close()


def vacuum() -> None:
    """Free pages would be room."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")


@pytest.fixture
def now_due(site: LiveSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_probe, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(write_probe, "AGAIN_SECONDS", 0.0)
    container().write_probe._due = 0.0


@pytest.mark.usefixtures("now_due")
@pytest.mark.parametrize(
    ("name", "value", "state", "code"),
    [
        ("query_only", 1, "read-only", "database_read_only"),
        ("max_page_count", 1, "full", "database_full"),
    ],
)
def test_a_database_without_writes_is_not_ready_until_it_takes_them(
    site: LiveSite, name: str, value: int, state: str, code: str
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the settings are SQLite's")
    http, person = site.client(), site.person()
    before = http.get("/readyz")
    asyncio.run(access.written(vacuum))
    with pragma(name, value):
        unready = http.get("/readyz")
        metrics = http.get("/metrics").text
        refused = person.post_prompt("Hello " * 4_000)
    after = http.get("/readyz")

    assert before.status_code == after.status_code == 200
    assert unready.status_code == 503
    assert unready.json()["checks"]["database"]["state"] == state
    assert "assistant_database_writable 0.0" in metrics
    assert (refused.status_code, refused.json()["code"]) == (503, code)
    assert refused.headers["retry-after"] == "5"
    assert person.ask("Hello")["status"] == "complete"


@pytest.mark.usefixtures("now_due")
def test_a_media_folder_without_writes_is_named(
    site: LiveSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setitem(default_storage.__dict__, "location", str(tmp_path / "file"))
    ready = site.client().get("/readyz")

    assert ready.status_code == 200
    assert "image_storage" in ready.json()["degraded"]


@pytest.mark.parametrize(
    ("state", "kind", "code"),
    [
        ("53100", OperationalError, "database_full"),
        ("25006", InternalError, "database_read_only"),
        ("42501", ProgrammingError, "database_read_only"),
        ("57P03", OperationalError, "database_unavailable"),
    ],
)
def test_a_refusal_of_postgresql_is_told_on_every_path(
    site: LiveSite, monkeypatch: pytest.MonkeyPatch, state: str, kind: type[Exception], code: str
) -> None:
    person = site.person()
    message = person.ask("Tell me about rivers.")

    def refuse(*_: object, **__: object) -> None:
        raise kind("no") from Cause(state)

    monkeypatch.setattr(selectors, "message_body", refuse)
    monkeypatch.setattr("conversations.api.conversations.ConversationList.get_queryset", refuse)
    for path in (f"messages/{message['id']}/", "conversations/"):
        response = person.http.get(f"/api/v1/{path}")
        assert (response.status_code, response.json()["code"]) == (503, code), response.text


def test_a_faulty_statement_is_no_missing_right() -> None:
    with pytest.raises(ProgrammingError), access.rights_missed():
        raise ProgrammingError("no such column") from Cause("42703")
