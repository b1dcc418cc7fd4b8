"""Append-only tables: triggers by which the database refuses to change or delete rows."""

from __future__ import annotations

from collections.abc import Sequence

_SQLITE = """CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"""
_FUNCTION = """CREATE OR REPLACE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"""
_POSTGRES = """CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
FOR EACH ROW EXECUTE FUNCTION {table}_refuse()"""
VERBS = "update", "delete"


def make_triggers(vendor: str, table: str) -> Sequence[str]:
    """Statements that make a table append-only, for ``sqlite`` or ``postgresql``."""
    form = _SQLITE if vendor == "sqlite" else _POSTGRES
    triggers = [form.format(table=table, verb=verb) for verb in VERBS]
    return triggers if vendor == "sqlite" else [_FUNCTION.format(table=table), *triggers]


def drop_triggers(vendor: str, table: str) -> Sequence[str]:
    """Statements that undo it."""
    on = "" if vendor == "sqlite" else f" ON {table}"
    return [f"DROP TRIGGER IF EXISTS {table}_no_{verb}{on}" for verb in VERBS]
