"""``python -m benchmarks.growth``: how long the database takes, by how many messages it holds.

Fills a database of its own step by step, and at each size times what people and administrators do.
Ratios between the sizes of one run count, not milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import django

from assistant_site.launcher.redis_server import RedisServer
from benchmarks.stage.postgres import Postgres

if TYPE_CHECKING:
    from benchmarks.growth.ways import Way

SIZES = (1_000, 10_000, 100_000, 1_000_000)
CALLS, SECONDS = 20, 2.0
"""A way is called so often, or for so long, whichever is over first; three times at least."""


def main() -> None:
    """Measure once and print a table."""
    options = _options()
    with _database(options.database) as folder:
        django.setup()
        told = _grown(options, folder)
    _print(told)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(told, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of messages")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    return parser.parse_args()


@contextmanager
def _database(kind: str) -> Iterator[Path]:
    """An empty database and Redis, named in the environment."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="growth-")))
        folder.chmod(0o755)  # PostgreSQL runs as another user
        os.environ["REDIS_URL"] = stack.enter_context(RedisServer(folder / "redis")).url
        os.environ["DATABASE_URL"] = f"sqlite:///{folder / 'growth.sqlite3'}"
        if kind == "postgresql":
            database = Postgres(folder / "postgres")
            stack.callback(database.end)
            database.create()
            os.environ["DATABASE_URL"] = database.url
        os.environ |= {"LOG_LEVEL": "ERROR", "ASSISTANT_DATA_DIR": str(folder), "DJANGO_SETTINGS_MODULE": "assistant_site.settings"}  # fmt: skip
        yield folder


def _grown(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    from django.core.management import call_command  # noqa: PLC0415 - Django is set up by now

    from benchmarks.growth.history import History  # noqa: PLC0415
    from routing.publishing.default_rules import seed_defaults  # noqa: PLC0415
    from routing.publishing.services import ruleset_publish  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    seed_defaults()
    ruleset_publish()
    history, told = History(), []
    for size in options.sizes:
        started = time.perf_counter()
        history.grow(size)
        filled = time.perf_counter() - started
        told.append({"messages": size, "filled_s": round(filled, 1), **_at_this_size(folder, size)})
        print(json.dumps(told[-1]), flush=True)
    return {"database": options.database, "sizes": told}


def _at_this_size(folder: Path, size: int) -> dict[str, Any]:
    from benchmarks.growth.plans import scanned  # noqa: PLC0415
    from benchmarks.growth.ways import Ways  # noqa: PLC0415

    _settle()
    ways, figures = Ways(), {}
    for way in [*ways.people(), *ways.desk()]:
        p50 = _timed(way)
        way.before()
        figures[way.name] = {"p50_ms": p50, "scans": scanned(way.call)}
    return {"bytes": {**_bytes(folder), "whole": _whole_bytes(folder)}, "ways": figures}


def _settle() -> None:
    """What a database does by itself in time: PostgreSQL statistics for its planner, SQLite none."""
    from django.db import connection  # noqa: PLC0415

    postgresql = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if postgresql else "PRAGMA wal_checkpoint(TRUNCATE)")


def _timed(way: Way) -> float:
    taken: list[float] = []
    way.before()
    way.call()  # warm
    until = time.perf_counter() + SECONDS
    while len(taken) < 3 or (len(taken) < CALLS and time.perf_counter() < until):
        way.before()
        started = time.perf_counter()
        way.call()
        taken.append((time.perf_counter() - started) * 1000)
    return round(median(taken), 2)


def _whole_bytes(folder: Path) -> int:
    """Bytes of the database."""
    from django.db import connection  # noqa: PLC0415

    if connection.vendor == "sqlite":
        return (folder / "growth.sqlite3").stat().st_size
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def _bytes(folder: Path) -> dict[str, int]:
    """Bytes of the messages' table and of its indexes."""
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            return {}
        cursor.execute("SELECT pg_table_size('conversations_message'), pg_indexes_size('conversations_message')")  # fmt: skip
        table, indexes = cursor.fetchone()
    return {"messages": table, "their indexes": indexes}


def _print(told: dict[str, Any]) -> None:
    sizes = told["sizes"]
    print(
        f"\n{told['database']}, p50 in ms by messages kept; x: last over first; *: reads a whole table"
    )
    print(f"{'':44}" + "".join(f"{each['messages']:>11,}" for each in sizes) + f"{'x':>8}")
    for name in sizes[0]["ways"]:
        ways = [each["ways"][name] for each in sizes]
        ratio = ways[-1]["p50_ms"] / max(ways[0]["p50_ms"], 0.01)
        mark = " *" if ways[-1]["scans"] else ""
        print(
            f"{name + mark:44}"
            + "".join(f"{way['p50_ms']:>11,.2f}" for way in ways)
            + f"{ratio:>8.1f}"
        )
    print(
        f"{'bytes of a message, with all that hangs on it':44}"
        + "".join(f"{each['bytes']['whole'] // each['messages']:>11,}" for each in sizes)
    )


if __name__ == "__main__":
    main()
