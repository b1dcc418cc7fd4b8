"""Database access of a turn: threads with lasting connections, and statements compiled once.

Measured: to open a SQLite connection costs 1.1 ms of CPU, three times the two writes of a turn. So its
threads keep theirs; PostgreSQL's connections are the pool's, and go back to it after each call. The ORM
compiles each statement anew, 0.3 to 0.6 ms of CPU apiece where SQLite takes 0.03 to execute it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import cache, partial
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import (
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
    connections,
)
from django.db.models import Field, Model

from conversations.db.faults import READ_ONLY, reason_of

P = ParamSpec("P")
T = TypeVar("T")
Prepare = Callable[[Any, Any], Any]
"""A field's value as the connection's driver takes it."""

AWAY = (OperationalError, InterfaceError, InternalError)
"""What Django raises when a database is gone, locked, full or read-only."""

SQLITE_READERS = 4
"""Threads that read a SQLite file: more of them would only wait for the interpreter."""

INCREASED_ROWS = 32
"""Rows that one upsert lets grow: a statement is kept for each number of them."""

_failed = False

_abandoned: ContextVar[threading.Event | None] = ContextVar("abandoned", default=None)


@contextmanager
def rights_missed() -> Iterator[None]:
    """Raise a missing right, which PostgreSQL's driver takes for a faulty statement, as one of ``AWAY``."""
    try:
        yield
    except ProgrammingError as exc:
        if reason_of(exc) != READ_ONLY:
            raise
        raise OperationalError(str(exc)) from exc.__cause__


async def in_database(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``call`` in a thread that has a connection.

    Raises ``OperationalError`` after DATABASE_SECONDS: a database that hangs must not hang its callers.
    The thread waits on; a transaction must call ``still_awaited`` before it ends.
    """
    return await _done_by(_threads(), partial(call, *args, **kwargs))


async def written(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """``in_database`` for short writes: on SQLite they take turns.

    SQLite has one writer. A thread that finds its lock taken looks again after up to 100 ms of sleep,
    and may never find it free while many write.
    """
    global _failed  # noqa: PLW0603 - one database a process
    try:
        result = await _done_by(_writers(), partial(call, *args, **kwargs))
    except AWAY:
        _failed = True
        raise
    _failed = False
    return result


def last_write_failed() -> bool:
    """Whether the last short write of this process failed for want of the database, room or right."""
    return _failed


async def _done_by(threads: Executor, work: Callable[[], T]) -> T:
    abandoned, context, patience = threading.Event(), copy_context(), settings.DATABASE_SECONDS
    context.run(_abandoned.set, abandoned)
    try:
        async with asyncio.timeout(patience):
            running = asyncio.get_running_loop()
            return await running.run_in_executor(threads, context.run, _connected, work)
    except TimeoutError as exc:
        _replace_writer(threads)
        raise OperationalError(f"no answer from the database in {patience:g} s") from exc
    finally:
        abandoned.set()


def _replace_writer(threads: Executor) -> None:
    # A writer that hangs is replaced, so that no other call waits for it; its thread ends by itself.
    if threads is _writers() is not _threads():
        _writers.cache_clear()


def still_awaited() -> None:
    """Called last in a transaction: rolls it back, by ``OperationalError``, when its caller was told
    already that it failed."""
    abandoned = _abandoned.get()
    if abandoned and abandoned.is_set():
        raise OperationalError("nobody waits for this any more")


def _connected(work: Callable[[], T]) -> T:
    try:
        with rights_missed():
            return work()
    finally:
        for each in connections.all(initialized_only=True):
            if each.vendor != "sqlite" or each.errors_occurred:
                each.close()


@cache
def _threads() -> ThreadPoolExecutor:
    # As many as there are connections: one more would only wait for one, and fail sooner.
    size = SQLITE_READERS if connection.vendor == "sqlite" else settings.DATABASE_POOL_SIZE
    return ThreadPoolExecutor(size, thread_name_prefix="database")


@cache
def _writers() -> ThreadPoolExecutor:
    if connection.vendor == "sqlite":
        return ThreadPoolExecutor(1, thread_name_prefix="database writer")
    return _threads()


class Insert:
    """Insert statement, made from the fields of ``model``: it follows the table, sends no signal and
    calls no ``auto_now``. A row gives ``columns``, by their fields' ``attname``, in this order; the
    other columns take their default."""

    def __init__(self, model: type[Model], *columns: str) -> None:
        self._model, self._columns = model, columns

    def __call__(self, *rows: Sequence[Any]) -> None:
        """Insert them in one statement. Raises what the ORM would."""
        sql, prepare, constants = _insert(connection.vendor, self._model, self._columns, len(rows))
        values: list[Any] = []
        for row in rows:
            values += [each(value, connection) for each, value in zip(prepare, row, strict=True)]
            values += constants
        _execute(sql, values)


class Update:
    """Update statement, made likewise, for the rows whose columns ``where`` have the values of a call."""

    def __init__(self, model: type[Model], *where: str) -> None:
        self._model, self._where = model, where

    def __call__(self, values: Mapping[str, Any], *where: Any) -> int:
        """Set ``values``, by their fields' ``attname``. Returns how many rows there were."""
        sql, prepare = _update(connection.vendor, self._model, tuple(values), self._where)
        pairs = zip(prepare, (*values.values(), *where), strict=True)
        return _execute(sql, [each(value, connection) for each, value in pairs])


class Exists:
    """Existence query, made likewise: whether a row's columns ``where`` have the values of a call."""

    def __init__(self, model: type[Model], *where: str) -> None:
        self._model, self._where = model, where

    def __call__(self, *where: Any) -> bool:
        sql, prepare = _exists(connection.vendor, self._model, self._where)
        with connection.cursor() as cursor:
            cursor.execute(
                sql, [each(value, connection) for each, value in zip(prepare, where, strict=True)]
            )
            return cursor.fetchone() is not None


class Increase:
    """Upsert statement, made likewise: rows of ``model``, one for each combination of the columns ``keys``,
    grow by the numbers of a call; a missing row begins with zeros."""

    def __init__(self, model: type[Model], *keys: str) -> None:
        self._model, self._keys = model, keys

    def __call__(self, changes: Mapping[tuple[Any, ...], Mapping[str, Any]]) -> None:
        """Let the rows grow, in the order of ``changes``. Raises what the ORM would, and ``KeyError`` for
        a column that is not there."""
        rows = list(changes.items())
        for at in range(0, len(rows), INCREASED_ROWS):
            some = rows[at : at + INCREASED_ROWS]
            columns = tuple(sorted({name for _, sums in some for name in sums}))
            sql, prepare, constants = _increase(
                connection.vendor, self._model, self._keys, columns, len(some)
            )
            values: list[Any] = []
            for key, sums in some:
                row = (*key, *(sums.get(name, 0) for name in columns))
                values += [
                    each(value, connection) for each, value in zip(prepare, row, strict=True)
                ]
                values += constants
            _execute(sql, values)


@cache
def _increase(
    vendor: str, model: type[Model], keys: tuple[str, ...], columns: tuple[str, ...], count: int
) -> tuple[str, list[Prepare], list[Any]]:
    insert, prepare, constants = _insert(vendor, model, (*keys, *columns), count)
    names = [_quoted(field.column) for field in _fields(model, columns)]
    unique = ", ".join(_quoted(field.column) for field in _fields(model, keys))
    grown = ", ".join(f"{name} = {_table(model)}.{name} + excluded.{name}" for name in names)
    sql = (insert, f"ON CONFLICT ({unique}) DO UPDATE SET", grown)
    return " ".join(sql), prepare, constants


@cache
def _insert(
    _vendor: str, model: type[Model], columns: tuple[str, ...], count: int
) -> tuple[str, list[Prepare], list[Any]]:
    named = _fields(model, columns)
    # A column that may be null, and is by default, need not be named.
    own = [
        field
        for field in _all_fields(model)
        if field not in named and not field.primary_key and field.get_default() is not None
    ]
    names = ", ".join(_quoted(field.column) for field in (*named, *own))
    row = f"({', '.join(['%s'] * (len(named) + len(own)))})"
    sql = ("INSERT INTO", _table(model), f"({names}) VALUES", ", ".join([row] * count))
    constants = [field.get_db_prep_save(field.get_default(), connection) for field in own]
    return " ".join(sql), [field.get_db_prep_save for field in named], constants


@cache
def _update(
    _vendor: str, model: type[Model], values: tuple[str, ...], where: tuple[str, ...]
) -> tuple[str, list[Prepare]]:
    changed, known = _fields(model, values), _fields(model, where)
    assignments = ", ".join(f"{_quoted(field.column)} = %s" for field in changed)
    sql = ("UPDATE", _table(model), "SET", assignments, "WHERE", _condition(known))
    return " ".join(sql), [field.get_db_prep_save for field in (*changed, *known)]


@cache
def _exists(_vendor: str, model: type[Model], where: tuple[str, ...]) -> tuple[str, list[Prepare]]:
    known = _fields(model, where)
    sql = ("SELECT 1 FROM", _table(model), "WHERE", _condition(known))
    return " ".join(sql), [field.get_db_prep_save for field in known]


def _condition(known: Sequence[Field[Any, Any]]) -> str:
    return " AND ".join(f"{_quoted(field.column)} = %s" for field in known)


def _fields(model: type[Model], names: Sequence[str]) -> list[Field[Any, Any]]:
    by_name = {field.attname: field for field in _all_fields(model)}
    return [by_name[name] for name in names]


def _all_fields(model: type[Model]) -> Sequence[Field[Any, Any]]:
    return model._meta.concrete_fields  # noqa: SLF001 - Django's documented name


def _table(model: type[Model]) -> str:
    return _quoted(model._meta.db_table)  # noqa: SLF001 - Django's documented name


def _quoted(name: str | None) -> str:
    return connection.ops.quote_name(name or "")


def _execute(sql: str, values: Sequence[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)
