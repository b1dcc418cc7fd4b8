"""What one ``make run`` starts, read from the environment, and what its children are told."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from assistant_site.env import BASE_DIR, env
from assistant_site.launcher import processes

PROVIDERS = ("openai", "anthropic")


@dataclass(frozen=True, slots=True)
class Plan:
    """Decided before anything is started."""

    data_dir: Path
    port: int
    simulated: bool  # neither provider has a key or an address: both are stood in for
    keyed: tuple[str, ...]  # providers that are really asked
    redis_url: str  # empty: the embedded one
    demo_password: str  # empty: unknown to us, unless it is made up in this run

    @property
    def url(self) -> str:
        """The site's root, without a slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def run_dir(self) -> Path:
        """Pid files, ports and logs of what was started."""
        return self.data_dir / "run"


def read_plan() -> Plan:
    """From the environment and ``.env``. Raises ImproperlyConfigured for what can't be read."""
    keyed = tuple(name for name in PROVIDERS if _is_configured(name.upper()))
    return Plan(
        data_dir=Path(env.text("ASSISTANT_DATA_DIR", str(BASE_DIR / "var"))).resolve(),
        port=env.integer("PORT", 8000) or processes.free_port(),
        simulated=not keyed,
        keyed=keyed,
        redis_url=env.text("REDIS_URL"),
        demo_password=env.text("ASSISTANT_DEMO_PASSWORD"),
    )


def _is_configured(provider: str) -> bool:
    return any(env.has(f"{provider}_{what}") for what in ("API_KEY", "BASE_URL", "API_BASE"))


def environment(plan: Plan, redis_url: str, simulators: Mapping[str, str]) -> dict[str, str]:
    """For the children: ours (with ``.env`` in it already) and what was started for them.

    ``simulators`` are the stand-ins' ``host:port`` by provider.
    """
    told = {
        "ASSISTANT_DATA_DIR": str(plan.data_dir),
        "REDIS_URL": redis_url,
        "PYTHONUNBUFFERED": "1",
        "SECRET_KEY": env.text("SECRET_KEY") or _kept_secret(plan.data_dir / "secret_key"),
    }
    if simulators:
        told |= {
            "SIMULATED_PROVIDERS": ",".join(simulators),
            "OPENAI_API_KEY": "simulated",
            "OPENAI_BASE_URL": f"http://{simulators['openai']}/v1",
            "ANTHROPIC_API_KEY": "simulated",
            "ANTHROPIC_BASE_URL": f"http://{simulators['anthropic']}",
        }
    return os.environ | told


def simulator_command(provider: str, port: int) -> list[str]:
    """One side of the provider simulator, in a process of its own."""
    sides = ["--only", provider, f"--{provider}-port", str(port)]
    return [sys.executable, "-m", "assistant_site.simulator", *sides]


def _kept_secret(path: Path) -> str:
    """Made once: sessions and tokens outlive a restart. Nobody else on the machine may read it.

    Linked into place, so that of two containers that start at once on one volume the first wins.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, fresh = tempfile.mkstemp(dir=path.parent)  # mode 600
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(64))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        Path(fresh).unlink()
    return path.read_text()
