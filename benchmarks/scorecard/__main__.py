"""``python -m benchmarks.scorecard``: kill everything once under load, and tell what was lost.

Exit code 1 when an invariant was violated. Everything that is started is ended, also when it is
interrupted.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import django

from assistant_site.launcher.redis_server import RedisServer
from benchmarks.stage.postgres import Postgres
from benchmarks.stage.providers import Providers
from benchmarks.stage.site import Site, told

if TYPE_CHECKING:
    from benchmarks.scorecard.report import Card


def main() -> None:
    """Play once, print the card, and exit."""
    options = _options()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    folder = Path(tempfile.mkdtemp(prefix="scorecard-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user
    try:
        with ExitStack() as stack:
            card = _played(options, folder, stack)
    except KeyboardInterrupt:
        sys.exit(f"Ended before its end. Logs: {folder}")
    _told(card, options.json)
    if not card.holds:
        sys.exit(f"Logs: {folder}")
    shutil.rmtree(folder)


def _played(options: argparse.Namespace, folder: Path, stack: ExitStack) -> Card:
    redis = stack.enter_context(RedisServer(folder / "redis"))
    providers = Providers(folder, first_token_ms=200, token_ms=options.token_ms)
    providers.start()
    stack.callback(providers.end)
    database: Postgres | Path = folder / "assistant.sqlite3"
    if options.database == "postgresql":
        database = Postgres(folder / "postgres")
        stack.callback(database.end)
        database.create()
    url = database.url if isinstance(database, Postgres) else f"sqlite:///{database}"
    environment = told(database=url, redis=redis.url, providers=providers.urls, data=folder)
    _prepare(environment)
    site = Site(environment, workers=options.workers, log=folder / "site.log")
    stack.callback(site.end)
    site.start()

    # After the settings know where everything is.
    from benchmarks.scorecard.kills import Stage  # noqa: PLC0415
    from benchmarks.scorecard.play import play  # noqa: PLC0415

    return play(
        Stage(site, redis, providers, database),
        database=options.database,
        clients=options.clients,
        seconds=options.seconds,
        seed=options.seed,
    )


def _prepare(environment: dict[str, str]) -> None:
    """Migrate and seed in this process, which reads the same database afterwards."""
    os.environ.update(environment, DJANGO_SETTINGS_MODULE="assistant_site.settings")
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=0)
    call_command("seed", json=True, stdout=StringIO())


def _told(card: Card, path: Path | None) -> None:
    from benchmarks.scorecard.report import print_card, write_card  # noqa: PLC0415

    print_card(card)
    if path:
        write_card(card, path)


def _interrupted(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # what was started is being ended
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scorecard", description=__doc__)
    add = parser.add_argument
    add("--database", choices=("sqlite", "postgresql"), default="sqlite")
    add("--seconds", type=float, default=200, help="no kill begins later")
    add("--clients", type=int, default=16, help="people who ask at the same time")
    add("--workers", type=int, default=2)
    add("--token-ms", type=float, default=30, help="pace of the simulated models")
    add("--seed", type=int, default=secrets.randbelow(2**31), help="of the people's dice")
    add("--json", type=Path, help="write the card here, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
