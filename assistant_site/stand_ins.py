"""Stand-ins: the simulators of a ``make run`` on this machine, for commands without a provider's key.

Commands find them by the files that the launcher keeps while they run, as they find its Redis. Without
them ``manage.py decide`` would ask providers that it has no key for.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from assistant_site.env import Environment
from routing.llm.providers.registry import PROVIDERS

SIMULATED = ("openai", "anthropic")
"""Providers that have a simulator."""


def running_stand_ins(env: Environment, data_dir: Path) -> dict[str, str]:
    """``host:port`` of the simulators that run, by provider; none where a provider has a key or an
    address of its own."""
    if any(is_configured(env, name) for name in PROVIDERS):
        return {}
    return dict(_running(data_dir / "run"))


def is_configured(env: Environment, provider: str) -> bool:
    """Whether the environment has a key or an address of the provider."""
    row = PROVIDERS[provider]
    variables = (row.key_variable, row.url_variable, f"{provider.upper()}_API_BASE")
    return any(map(env.has, variables))


def stand_in_variables(simulators: Mapping[str, str]) -> dict[str, str]:
    """The providers' variables for simulators at these addresses."""
    variables: dict[str, str] = {}
    for name, address in simulators.items():
        row = PROVIDERS[name]
        variables[row.key_variable] = "simulated"
        variables[row.url_variable] = f"http://{address}{row.url_suffix}"
    return variables


def _running(run_dir: Path, providers: Iterable[str] = SIMULATED) -> Iterator[tuple[str, str]]:
    for name in providers:
        # No file, an empty one, or a process that is gone: there is no simulator.
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((run_dir / f"simulator-{name}.pid").read_text()), 0)
            yield name, f"127.0.0.1:{int((run_dir / f'simulator-{name}.port').read_text())}"
