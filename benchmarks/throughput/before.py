"""Another commit of this repository, installed aside, so that it is measured in the same rounds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from assistant_site.env import BASE_DIR

INSTALL_SECONDS = 900.0
_CHECKOUTS = BASE_DIR / "var" / "bench" / "commits"


class NotInstalled(RuntimeError):
    """There is no such commit, or it could not be installed; the message is for a person."""


def installed(revision: str, checkouts: Path = _CHECKOUTS, repository: Path = BASE_DIR) -> Path:
    """The folder of the commit that ``revision`` names, with its own environment in ``.venv``. It is kept for the
    next run. Raises ``NotInstalled``."""
    named = [
        "git",
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        f"{revision}^{{commit}}",
    ]
    commit = _run(named, repository, f"{revision} names no commit.").strip()
    folder = checkouts / commit[:12]
    stamp = folder / "var" / "installed-for-bench"
    if not stamp.is_file():
        print(f"Installing {commit[:12]} into {folder} …", flush=True)
        _check_out(commit, folder, repository)
        command = [sys.executable, "-m", "assistant_site.launcher", "install"]
        _run(command, folder, f"{commit[:12]} could not be installed.")
        stamp.parent.mkdir(exist_ok=True)
        stamp.touch()
    return folder


def python(folder: Path) -> str:
    """The interpreter of its environment."""
    return str(folder / ".venv" / "bin" / "python")


def _check_out(commit: str, folder: Path, repository: Path) -> None:
    """Its files alone: no branch and no work tree is left in the repository."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder.with_suffix(".tar")
    fault = f"{commit[:12]} could not be written."
    _run(["git", "archive", "--output", str(archive), commit], repository, fault)
    _run(["tar", "-x", "-f", str(archive), "-C", str(folder)], folder, fault)
    archive.unlink()


def _run(command: list[str], folder: Path, fault: str) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=True, timeout=INSTALL_SECONDS
        )
    except subprocess.CalledProcessError as exc:
        raise NotInstalled(f"{fault} {exc.stderr[-500:]}".strip()) from exc
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise NotInstalled(fault) from exc
    return done.stdout
