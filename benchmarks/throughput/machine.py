"""Where and with what a run was made."""

from __future__ import annotations

import os
import platform
import re
import resource
import subprocess
from importlib.metadata import version
from pathlib import Path

from assistant_site.env import BASE_DIR

_LIBRARIES = (
    "django",
    "uvicorn",
    "uvloop",
    "httptools",
    "aiohttp",
    "langgraph",
    "litellm",
    "redis",
)


def facts() -> dict[str, object]:
    """The machine, its load just now, and the versions in use."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "commit": _commit(),
        "versions": {name: version(name) for name in _LIBRARIES},
    }


def raise_descriptor_limit() -> None:
    """A thousand streams are two thousand sockets; children inherit the limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _processor() -> str:
    found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _commit() -> str:
    """Empty outside a checkout; with a plus where files were changed."""
    try:
        named = _git("rev-parse", "--short=12", "HEAD")
        return named + "+" * bool(_git("status", "--porcelain"))
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=BASE_DIR, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
