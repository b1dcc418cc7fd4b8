"""What the database does to answer a query: which big tables it reads from end to end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

BIG = ("conversations_message", "conversations_conversation", "conversations_feedback", "conversations_reuse", "conversations_shadowdecision")  # fmt: skip
"""The tables that grow with what people say."""

_SCAN = re.compile(r"^SCAN (\w+)")
_INNERMOST = re.compile(r"\([^()]*\)")
_READS = ("SELECT", "UPDATE", "DELETE")


def scanned(call: Callable[[], object]) -> list[str]:
    """The big tables that any query of ``call`` reads from end to end, whether it filters them, sorts
    them or only counts them."""
    with CaptureQueriesContext(connection) as captured:
        call()
    found = (scans(query["sql"]) for query in captured.captured_queries)
    return sorted({table for tables in found for table in tables})


def scans(sql: str) -> list[str]:
    """The big tables that this statement reads from end to end."""
    if not sql.lstrip().startswith(_READS):
        return []
    read = _sqlite if connection.vendor == "sqlite" else _postgresql
    return sorted(set(read(sql)))


def _sqlite(sql: str) -> Iterator[str]:
    """A scan that stops at a LIMIT is none, and SQLite does not tell: it is taken for one where nothing
    limits it, where rows are left out on the way, or where they are sorted afterwards."""
    with connection.cursor() as cursor:
        steps = [row[3] for row in cursor.connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
    outer = _without_brackets(sql)
    stops = " LIMIT " in outer and " WHERE " not in outer
    sorts = any("TEMP B-TREE" in step for step in steps)
    for step in steps:
        named = _SCAN.match(step)
        if named and _table(named[1], sql) in BIG and (sorts or not stops):
            yield _table(named[1], sql)


def _without_brackets(sql: str) -> str:
    while (shorter := _INNERMOST.sub("", sql)) != sql:
        sql = shorter
    return sql


def _table(alias: str, sql: str) -> str:
    real = re.search(rf'"(\w+)" (?:AS )?"?{alias}"?\b', sql)
    return real[1] if alias not in BIG and real else alias


def _postgresql(sql: str) -> Iterator[str]:
    """Of tables, or of indexes without a condition; not what a LIMIT cuts short, unless rows are left
    out on the way."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
        told = cursor.fetchone()[0]
    plans = json.loads(told) if isinstance(told, str) else told
    yield from _whole(plans[0]["Plan"], limited=False)


def _whole(node: dict[str, Any], *, limited: bool) -> Iterator[str]:
    kind = node["Node Type"]
    limited = (limited or kind == "Limit") and kind not in _TAKES_ALL
    stops = limited and "Filter" not in node
    if kind in _SCANS and "Index Cond" not in node and not stops and node["Relation Name"] in BIG:
        yield node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from _whole(child, limited=limited)


_SCANS = {"Seq Scan", "Index Scan", "Index Only Scan"}
_TAKES_ALL = {"Sort", "Aggregate", "Hash", "WindowAgg", "Incremental Sort", "Materialize"}
"""Steps that take all that is under them, whatever limits what is over them."""
