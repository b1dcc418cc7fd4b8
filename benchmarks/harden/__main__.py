"""``python -m benchmarks.harden``: hostile clients against a server process on loopback.

Exit code 1 when an answer was not the one it must be, when others had to wait, or when something was
left of a client. Everything that is started is ended.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from io import StringIO
from pathlib import Path

import django

from assistant_site.launcher.redis_server import RedisServer
from benchmarks.harden.bystander import Bystander
from benchmarks.harden.cases import ADDRESS_CONNECTIONS, CASES, STALLED_SECONDS, Case
from benchmarks.harden.client import Server
from benchmarks.harden.report import Result, markdown, with_table
from benchmarks.stage import proc
from benchmarks.stage.site import Site, told

SPARE_DESCRIPTORS = 10
"""A server may hold so many more open files after the clients than before: pools grow."""

MOST_TEMPORARY_BYTES = 100_000
"""Libraries leave a note there; a body that is spooled has more."""

CALM_SECONDS = 3.0


def main() -> None:
    """Play all cases once, print the table, and exit."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="harden-"))
    with ExitStack() as stack:
        site, token = _started(folder, stack, options.http)
        results, faults = _played(site, token, folder / "tmp")
    print(markdown(results))
    for path in options.into:
        path.write_text(with_table(path.read_text(), results))
    if options.json:
        rows = [{"row": each.row(), "faults": each.faults} for each in results]
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    faults += [f"{each.row()[0]}: {fault}" for each in results for fault in each.faults]
    if faults:
        sys.exit("\n".join([*faults, f"Logs: {folder}"]))
    shutil.rmtree(folder)


def _started(folder: Path, stack: ExitStack, protocol: str) -> tuple[Site, str]:
    """One worker on an empty database, and a token for it. No provider is asked."""
    (folder / "tmp").mkdir()
    environment = told(
        database=f"sqlite:///{folder / 'assistant.sqlite3'}",
        redis=stack.enter_context(RedisServer(folder / "redis")).url,
        providers={"openai": "http://127.0.0.1:9", "anthropic": "http://127.0.0.1:9"},
        data=folder,
        TMPDIR=str(folder / "tmp"),
        CONNECTIONS_PER_ADDRESS=str(ADDRESS_CONNECTIONS),
        STALLED_CLIENT_SECONDS=str(STALLED_SECONDS),
    )
    token = _prepared(environment)
    site = Site(environment, workers=1, log=folder / "site.log", options=["--http", protocol])
    stack.callback(site.end)
    site.start()
    return site, token


def _prepared(environment: dict[str, str]) -> str:
    os.environ.update(environment, DJANGO_SETTINGS_MODULE="assistant_site.settings")
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - Django is set up by now
    from rest_framework_simplejwt.tokens import AccessToken  # noqa: PLC0415

    call_command("migrate", interactive=False, verbosity=0)
    call_command("seed", json=True, stdout=StringIO())
    token = AccessToken()
    token["user_id"] = "1"
    return str(token)


def _played(site: Site, token: str, temporary: Path) -> tuple[list[Result], list[str]]:
    """All cases, the slow ones of a group at the same time; and what was wrong besides."""
    server = Server(site.port, token)
    files = proc.descriptors(site.supervisor)
    with Bystander(site.port, temporary) as bystander, ThreadPoolExecutor(len(CASES)) as threads:
        time.sleep(CALM_SECONDS)
        calm, _ = bystander.since(0)
        quick = [_result(case, server, bystander, calm) for case in CASES if not case.is_slow]
        slow = threads.map(
            # Each from an address of its own: one address has a limit of connections.
            lambda case: _result(case, _elsewhere(server, case), bystander, calm),
            [case for case in CASES if case.is_slow],
        )
        results = sorted([*quick, *slow], key=lambda result: CASES.index(result.case))
        time.sleep(CALM_SECONDS)
    left = proc.descriptors(site.supervisor) - files
    faults = [f"a bystander was not served: {fault}" for fault in bystander.faults]
    if left > SPARE_DESCRIPTORS:
        faults.append(f"{left} open files are left")
    if bystander.bytes_on_disk > MOST_TEMPORARY_BYTES:
        faults.append(f"{bystander.bytes_on_disk} bytes came to the temporary folder")
    return results, faults


def _elsewhere(server: Server, case: Case) -> Server:
    return replace(server, source=f"127.0.1.{CASES.index(case) + 1}")


def _result(case: Case, server: Server, bystander: Bystander, calm: float) -> Result:
    mark, started = bystander.mark(), time.perf_counter()
    answer = case.act(server)
    seconds = time.perf_counter() - started
    usual, longest = bystander.since(mark)
    print(f"{case.group}: {case.name}: {answer}", file=sys.stderr, flush=True)
    return Result(case, answer, seconds, usual / calm, longest)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.harden", description=__doc__)
    add = parser.add_argument
    add("--http", choices=("auto", "h11"), default="auto", help="uvicorn's protocol")
    add(
        "--into", type=Path, nargs="+", default=[], help="Markdown files with <!-- harden --> marks"
    )
    add("--json", type=Path, help="also write the table here")
    return parser.parse_args()


if __name__ == "__main__":
    main()
