"""``python -m benchmarks.commands``: processor time of ``manage.py decide``, beside that of ``manage.py check``.

Both are run in turn beside a ``make run`` of its own, and the medians of the same run are compared: what comes on top
of Django's start is LiteLLM's import and the local embedder. Exit code 1 where that is more than allowed.
"""

from __future__ import annotations

import json
import resource
import secrets
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.screenshots import ROOT, environment_of, own_site

COMMANDS = {"check": ["check"], "decide": ["decide", "What is a fjord?"]}
ROUNDS, ALLOWED = 4, 4.0


def seconds(arguments: list[str], environment: dict[str, str]) -> float:
    """Processor time of one command, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "manage.py", *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure and print; the exit code."""
    took: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        environment = environment_of(Path(folder), secrets.token_urlsafe(12))
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        with own_site(environment, Path(folder)):
            for _ in range(ROUNDS):
                for name, arguments in COMMANDS.items():
                    took[name].append(seconds(arguments, environment))
    # The first of each writes byte code.
    found = {name: round(statistics.median(times[1:]), 2) for name, times in took.items()}
    ratio = round(found["decide"] / found["check"], 2)
    sys.stdout.write(json.dumps({**found, "ratio": ratio}) + "\n")
    return 0 if ratio <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
