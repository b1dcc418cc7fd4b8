"""LiteLLM Proxy in an environment of its own, with the settings that its makers advise for production.

Source: LiteLLM's documentation, "Production best practices".
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from assistant_site.env import BASE_DIR
from benchmarks.throughput.parties import LITELLM_NAME, MODEL, PROXY, Program

KEY = "sk-benchmark"
INSTALL_SECONDS = 900.0
_ENVIRONMENT = BASE_DIR / "var" / "bench" / "proxy-env"
_LOCKED = BASE_DIR / "requirements" / "proxy.txt"


class ProxyNotInstalled(RuntimeError):
    """It could not be installed; the message is for a person."""


def installed(environment: Path = _ENVIRONMENT, locked: Path = _LOCKED) -> Path:
    """The folder of its programs, after installing what is missing. Raises ``ProxyNotInstalled``."""
    digest = hashlib.sha256(locked.read_bytes() + sys.version.encode()).hexdigest()
    stamp = environment / "installed"
    if not stamp.is_file() or stamp.read_text() != digest:
        print(f"Installing LiteLLM Proxy into {environment} (a minute or two) …", flush=True)
        python = str(environment / "bin" / "python")
        _uv("venv", "--clear", "--python", sys.executable, str(environment))
        _uv("pip", "install", "--python", python, "--require-hashes", "-r", str(locked))
        stamp.write_text(digest)
    return environment / "bin"


def _uv(*arguments: str) -> None:
    command = [sys.executable, "-m", "uv", arguments[0], "--quiet", *arguments[1:]]
    kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    try:
        subprocess.run(command, check=True, env=kept, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.SubprocessError) as exc:
        raise ProxyNotInstalled(f"This failed: {' '.join(command)}") from exc


def version(programs: Path) -> str:
    """LiteLLM's."""
    asked = "import importlib.metadata as found; print(found.version('litellm'))"
    done = subprocess.run(
        [str(programs / "python"), "-c", asked], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def program(programs: Path, folder: Path, provider: str) -> Program:
    """One worker, without a database, that asks ``provider``."""
    config = folder / "proxy.json"
    config.write_text(json.dumps(_config(provider)))  # JSON is YAML too
    serve = [str(programs / "litellm"), "--config", str(config), "--host", "127.0.0.1"]
    return Program(
        PROXY.replace(" ", "-").lower(),
        [*serve, "--port", "{port}", "--num_workers", "1"],
        {**os.environ, **SETTINGS},
        alive="/health/liveliness",
        ready="/health/readiness",
        folder=folder,
    )


SETTINGS: Mapping[str, str] = {
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it waits for a price list from the internet
    "AIOHTTP_CONNECTOR_LIMIT": "0",  # else it opens 500 connections to a provider at most
    "AIOHTTP_CONNECTOR_LIMIT_PER_HOST": "0",
}


def _config(provider: str) -> dict[str, object]:
    model = {"model": LITELLM_NAME, "api_base": f"{provider}/v1", "api_key": "sk-any"}
    return {
        "model_list": [{"model_name": MODEL, "litellm_params": model}],
        "litellm_settings": {"request_timeout": 600, "set_verbose": False, "json_logs": True, "telemetry": False},
        "general_settings": {"master_key": KEY},
    }  # fmt: skip
