"""Who is measured: processes of their own, each behind a port, and how each is asked."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MODEL, LITELLM_NAME = "gpt-mini", "openai/gpt-5.4-mini"
"""The model as it is published, and as LiteLLM knows it."""
PATIENCE_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Party:
    """``parts`` are the process ids whose CPU counts; ``facts`` must be told of every answer."""

    name: str
    port: int
    path: str
    dialect: str
    parts: Mapping[str, int]
    headers: Sequence[str] = ("",)
    body: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


def compatible(name: str, port: int, parts: Mapping[str, int], *, model: str, key: str) -> Party:
    """One that speaks OpenAI's API."""
    headers = (f"authorization: Bearer {key}\r\n",)
    body = {"model": model}
    return Party(name, port, "/v1/chat/completions", "openai", parts, headers, body)


def await_answer(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until ``url`` answers with 200."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not answers(url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{url} does not answer; {log} says why")
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Whether it does, with 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def await_file(path: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The JSON that a process leaves when it is ready."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{path} was not written")
        time.sleep(0.02)
    told: dict[str, Any] = json.loads(path.read_text())
    return told
