"""Both simulated providers in a process of their own, steered over their desk."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from assistant_site.launcher import processes

_START_SECONDS = 60.0


class Providers:
    """Started by ``start``; ``kept`` requests are remembered."""

    def __init__(
        self,
        folder: Path,
        *,
        first_token_ms: float = 0,
        token_ms: float = 0,
        kept: int = 20_000,
    ) -> None:
        self._folder = folder
        self._pace = [
            "--first-token-delay-ms",
            str(first_token_ms),
            "--token-delay-ms",
            str(token_ms),
        ]
        self._kept = kept
        self.urls: dict[str, str] = {}

    def start(self) -> None:
        """Start it and wait until both sides listen."""
        ready = self._folder / "providers.json"
        ports = ["--openai-port", "0", "--anthropic-port", "0"]
        kept = ["--keep-requests", str(self._kept), "--ready-file", str(ready)]
        command = [sys.executable, "-m", "assistant_site.simulator", *ports, *self._pace, *kept]
        with (self._folder / "providers.log").open("ab") as log:
            self._process = processes.start(command, output=log)
        deadline = time.monotonic() + _START_SECONDS
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the simulated providers do not start")
            time.sleep(0.05)
        told = json.loads(ready.read_text())
        self.urls = {name: told[name] for name in ("openai", "anthropic")}

    def end(self) -> None:
        """End it."""
        processes.end(self._process)

    @property
    def ports(self) -> set[int]:
        """Where both sides listen."""
        return {int(url.removesuffix("/v1").rsplit(":", 1)[1]) for url in self.urls.values()}

    def set_side(self, side: str, *, up: bool) -> None:
        """Take one provider away, or bring it back."""
        self._call("POST", f"sides/{side}", {"up": up}, of=_other(side))

    def fault(self, **fields: Any) -> None:
        """Script a fault."""
        self._call("POST", "faults", fields)

    def clear(self) -> None:
        """Forget faults and requests."""
        self._call("DELETE", "faults")
        self._call("DELETE", "requests")

    def requests(self) -> list[dict[str, Any]]:
        """Every request so far, oldest first."""
        found: list[dict[str, Any]] = self._call("GET", "requests")["requests"]
        return found

    def _call(self, method: str, path: str, body: Any = None, of: str = "openai") -> Any:
        url = f"{self.urls[of].removesuffix('/v1')}/_simulator/{path}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, method=method)
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.loads(response.read() or b"null")


def _other(side: str) -> str:
    """The side that can be asked to take ``side`` away: its own port would be gone."""
    return "anthropic" if side == "openai" else "openai"
