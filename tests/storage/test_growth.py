"""What people do takes no longer when there is more history: an index leads to the rows."""

from __future__ import annotations

import pytest
from django.db import connection

from benchmarks.growth.history import History
from benchmarks.growth.plans import scanned, scans
from benchmarks.growth.ways import Ways
from routing.publishing.default_rules import seed_defaults
from routing.publishing.services import ruleset_publish

# Sums up the latest labels of all; docs/scaling.md says how long that takes.
GROWING = {"what reuse learned"}
DESK = {
    f"admin: {page}"
    for page in (
        "messages",
        "messages of a version",
        "messages that failed",
        "messages by id",
        "conversations",
        "conversation",
    )
}


@pytest.fixture
def grown(db: None) -> Ways:
    """A little history. PostgreSQL would read so little of it from end to end: it may not."""
    seed_defaults()
    ruleset_publish()
    History(per_person=50).grow(500)
    _forbid_scans()
    return Ways()


def _forbid_scans() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
            for way in ("seqscan", "hashjoin", "mergejoin"):
                cursor.execute(f"SET LOCAL enable_{way} = off")


def test_no_call_reads_a_table_from_end_to_end(grown: Ways) -> None:
    ways = [way for way in grown.people() if way.name not in GROWING]
    ways += [way for way in grown.desk() if way.name in DESK]
    assert len(ways) >= 18
    found = {}
    for way in ways:
        way.before()
        found[way.name] = scanned(way.call)
    assert {name: tables for name, tables in found.items() if tables} == {}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT COUNT(*) FROM conversations_message",
        "SELECT id FROM conversations_message WHERE reason = 'x' ORDER BY id LIMIT 1",
        "SELECT id FROM conversations_message ORDER BY content LIMIT 1",
    ],
)
def test_a_table_read_from_end_to_end_is_found(db: None, sql: str) -> None:
    _forbid_scans()
    assert scans(sql) == ["conversations_message"]


def test_a_row_found_by_its_id_is_no_scan(db: None) -> None:
    _forbid_scans()
    assert scans("SELECT id FROM conversations_message WHERE id = NULL") == []
    assert scans("SELECT id FROM conversations_message ORDER BY id LIMIT 1") == []
