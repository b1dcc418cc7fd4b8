"""Who is measured, and the programs that have to be started for it."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from assistant_site.env import BASE_DIR
from assistant_site.launcher import processes

MODEL, LITELLM_NAME = "gpt-mini", "openai/gpt-5.4-mini"
"""The model as it is published, and as LiteLLM knows it."""
DIRECT, RELAY, PROXY = "direct", "bare relay", "LiteLLM Proxy"
OURS, LIMITED, CLASSIFIED, V1 = "ours", "ours, limited", "ours, classified", "ours, /v1"
AHEAD, KNOWN = "ours, asked ahead", "ours, known kind"
REALISTIC_ALONE = (AHEAD, KNOWN)
"""Processes of their own, which no other measure asks."""
BEFORE, BEFORE_CLASSIFIED = "before", "before, classified"
EARLIER = {OURS: BEFORE, LIMITED: BEFORE, CLASSIFIED: BEFORE_CLASSIFIED}
"""The same of the commit that ``--before`` names."""
ALL = (DIRECT, RELAY, PROXY, OURS, LIMITED, CLASSIFIED, V1, AHEAD, KNOWN)
PATIENCE_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Party:
    """``parts`` are the process ids whose CPU counts; ``outcome`` must be told of every answer."""

    name: str
    port: int
    path: str
    dialect: str
    parts: Mapping[str, int]
    headers: Sequence[str] = ("",)
    body: Mapping[str, Any] = field(default_factory=dict)
    outcome: Mapping[str, str] = field(default_factory=dict)


def compatible(
    name: str, port: int, parts: Mapping[str, int], *, model: str, headers: Sequence[str]
) -> Party:
    """One that speaks OpenAI's API."""
    return Party(
        name, port, "/v1/chat/completions", "openai", parts, headers, body={"model": model}
    )


def bearer(token: str) -> str:
    """The header line that says who asks."""
    return f"authorization: Bearer {token}\r\n"


@dataclass(frozen=True, slots=True)
class Program:
    """A server on a port of its own. ``command`` has ``{port}`` where the port belongs."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    alive: str
    ready: str
    folder: Path
    directory: Path = BASE_DIR
    port: int = field(default_factory=processes.free_port)

    @property
    def log(self) -> Path:
        """Where its lines go."""
        return self.folder / f"{self.name}.log"

    def elsewhere(self) -> Program:
        """The same once more, on another port."""
        return replace(self, name=f"{self.name}-again", port=processes.free_port())

    def start(self) -> subprocess.Popen[bytes]:
        """Start it; it is not awaited."""
        command = [part.format(port=self.port) for part in self.command]
        with self.log.open("ab") as log:
            return processes.start(
                command, env=dict(self.environment), output=log, cwd=self.directory
            )

    def await_answer(self, process: subprocess.Popen[bytes], path: str) -> None:
        """Wait until ``path`` answers with 200."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not answers(f"http://127.0.0.1:{self.port}{path}"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not answer; {self.log} says why")
            time.sleep(0.01)


def answers(url: str, **headers: str) -> bool:
    """Whether it does, with 200."""
    with suppress(OSError, urllib.error.URLError):
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=5) as response:
            return bool(response.status == 200)
    return False
