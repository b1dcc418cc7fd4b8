"""Command line: ``python3 -m assistant_site.launcher install|run|test``, called by the Makefile.

Every Python from 3.7 can run this file; the Python in ``.venv`` runs the rest.
"""

from __future__ import annotations

import argparse
import os
import sys

try:
    from assistant_site.launcher.install import ROOT, Installation, InstallFailed
except ImportError:  # no fcntl: Windows
    sys.exit("This needs Linux or macOS; on Windows use WSL, or docker compose up.")


def main() -> None:
    """Install missing packages, then execute pytest or the supervisor in this process."""
    parser = argparse.ArgumentParser(prog="python3 -m assistant_site.launcher")
    parser.add_argument("command", choices=["install", "run", "test"])
    parser.add_argument("--dev", action="store_true", help="install the tools for tests too")
    parser.add_argument("--port", help="of run, as the variable PORT")
    options, rest = parser.parse_known_args()
    if rest and options.command != "test":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if options.port:
        os.environ["PORT"] = options.port
    installation = Installation(ROOT)
    try:
        changed = installation.ensure(dev=options.dev or options.command == "test")
    except InstallFailed as exc:
        sys.exit(f"{exc}")
    if options.command == "install":
        sys.stdout.write("Installed.\n" if changed else "Everything is installed already.\n")
        return
    module = "pytest" if options.command == "test" else "assistant_site.launcher.supervisor"
    os.chdir(ROOT)
    # Each of the processes to come would compile LiteLLM anew, for two seconds, and the tests as well.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.stdout.flush()
    python = str(installation.python)
    os.execv(python, [python, "-m", module, *rest])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
