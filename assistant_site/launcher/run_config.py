"""Run configuration: which processes ``make run`` starts, and the environment of these processes."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assistant_site import variables
from assistant_site.env import BASE_DIR, env
from assistant_site.launcher import processes
from assistant_site.stand_ins import is_configured, stand_in_variables
from routing.llm.providers.registry import PROVIDERS


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Read from the environment before any process starts."""

    data_dir: Path
    port: int
    simulated: bool  # no provider has a key or an address: simulators replace both
    keyed: tuple[str, ...]  # real providers
    redis_url: str  # empty: the embedded one
    demo_password: str  # empty: unknown, unless this run creates it
    https: bool = False  # plain requests are redirected

    @property
    def url(self) -> str:
        """The site's root, without a slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def run_dir(self) -> Path:
        """Pid files, ports and logs of the processes."""
        return self.data_dir / "run"


def read_run_config() -> RunConfig:
    """From the environment and ``.env``. Raises ImproperlyConfigured for an unreadable value."""
    keyed = tuple(name for name in PROVIDERS if is_configured(env, name))
    return RunConfig(
        data_dir=variables.folder("ASSISTANT_DATA_DIR", BASE_DIR / "var").resolve(),
        port=variables.integer("PORT") or processes.free_port(),
        simulated=not keyed,
        keyed=keyed,
        redis_url=variables.text("REDIS_URL"),
        demo_password=variables.text("ASSISTANT_DEMO_PASSWORD"),
        https=variables.flag("HTTPS"),
    )


def environment(config: RunConfig, redis_url: str, simulators: Mapping[str, str]) -> dict[str, str]:
    """The environment of child processes: ours (with ``.env``), Redis and simulators.

    ``simulators``: ``host:port`` by provider.
    """
    own = {
        "ASSISTANT_DATA_DIR": str(config.data_dir),
        "REDIS_URL": redis_url,
        "PYTHONUNBUFFERED": "1",
        "SECRET_KEY": variables.text("SECRET_KEY")
        or _stored_secret(config.data_dir / "secret_key"),
    }
    if simulators:
        own["SIMULATED_PROVIDERS"] = ",".join(simulators)
    return os.environ | own | stand_in_variables(simulators)


def simulator_command(provider: str, port: int) -> list[str]:
    """Command line of the simulator of one provider."""
    sides = ["--only", provider, f"--{provider}-port", str(port)]
    return [sys.executable, "-m", "assistant_site.simulator", *sides]


def _stored_secret(path: Path) -> str:
    # Create the secret once, readable by its owner only: sessions and tokens outlive a restart.
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, fresh = tempfile.mkstemp(dir=path.parent)  # mode 600
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(64))
        # A link is atomic: of two containers that start at once on one volume, the first wins.
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        Path(fresh).unlink()
    return path.read_text()
