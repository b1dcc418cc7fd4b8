"""Installation of the clients from their lock files: four Python environments, and Node with the packages
of clients and of an identity provider.

``python -m tests.clients.install FOLDER`` leaves ``FOLDER/newest``, ``FOLDER/oldest``, ``FOLDER/older_agents``,
``FOLDER/generated``, ``FOLDER/node`` and ``FOLDER/identity_provider``. A second call takes milliseconds.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

HERE = Path(__file__).parent
UV = str(Path(sys.executable).with_name("uv"))


def install(home: Path) -> None:
    """Install what is missing or was locked anew."""
    home.mkdir(parents=True, exist_ok=True)
    for name in ("newest", "oldest", "older_agents", "generated"):
        _once(home / name, [HERE / "python" / f"{name}.txt"], _python)
    for name in ("node", "identity_provider"):
        _once(home / name, [HERE / name / f"package{part}.json" for part in ("", "-lock")], _node)


def _once(
    folder: Path, locks: Sequence[Path], make: Callable[[Path, Sequence[Path]], None]
) -> None:
    digest = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()
    stamp = folder / "installed"
    if stamp.is_file() and stamp.read_text() == digest:
        return
    shutil.rmtree(folder, ignore_errors=True)
    make(folder, locks)
    stamp.write_text(digest)


def _python(folder: Path, locks: Sequence[Path]) -> None:
    _run([UV, "venv", "--quiet", "--python", sys.executable, str(folder)])
    python = str(folder / "bin" / "python")
    packages = ["--require-hashes", "-r", str(locks[0])]
    _run([UV, "pip", "install", "--quiet", "--python", python, *packages])


def _node(folder: Path, locks: Sequence[Path]) -> None:
    # Node itself is one of the packages; any npm will do to install them.
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("The clients of JavaScript need npm.")
    folder.mkdir()
    for lock in locks:
        shutil.copy(lock, folder)
    _run([npm, "ci", "--no-audit", "--no-fund", "--loglevel", "error"], cwd=folder)


def _run(command: Sequence[str], *, cwd: Path | None = None) -> None:
    subprocess.run(command, cwd=cwd, check=True)


if __name__ == "__main__":
    install(Path(sys.argv[1]))
