"""An operator's endpoint for webhooks: it notes the calls and answers as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass(frozen=True)
class Call:
    """One call as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The body as JSON."""
        event: dict[str, Any] = orjson.loads(self.body)
        return event


@dataclass
class Hook:
    """``statuses`` are the answers of the next calls; 200 after them. ``held``: calls wait for it."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    held: threading.Event | None = None

    def wait(self, count: int) -> list[Call]:
        """The calls, once there are so many."""
        deadline = time.monotonic() + 20
        while len(self.calls) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return list(self.calls)


@contextmanager
def listening() -> Iterator[Hook]:
    """An endpoint on a free port of loopback."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            hook.calls.append(Call(self.path, headers, body))
            if hook.held:
                hook.held.wait(30)
            self.send_response(hook.statuses.pop(0) if hook.statuses else 200)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the base's name

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        hook.url = f"http://127.0.0.1:{server.server_port}/hook"
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()
