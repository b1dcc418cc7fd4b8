"""``python -m benchmarks.picture_memory``: the memory of a process around a picture of 39 MiB.

A server in a process of its own sends the reply; the table has the resident memory (MiB) of the process
that reads it: before, at its peak, after, and after the allocator gave back what is free. Linux alone.
"""

from __future__ import annotations

import asyncio
import base64
import multiprocessing
import os
import re
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from multiprocessing.connection import Connection
from pathlib import Path

import django

PICTURE_BYTES = 29 * 1024 * 1024
ROUNDS = 3


class _Reply(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """A picture, as OpenAI's API sends it."""
        self.rfile.read(int(self.headers["content-length"]))
        head, tail = b'{"created": 1, "data": [{"b64_json": "', b'"}]}'
        body = base64.b64encode(b"\x89PNG" + bytes(PICTURE_BYTES))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(head) + len(body) + len(tail)))
        self.end_headers()
        self.wfile.writelines([head, body, tail])

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _serve(ready: Connection) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Reply)
    ready.send(server.server_port)
    server.serve_forever()


def memory_mib(field: str) -> float:
    """``VmRSS``, or ``VmHWM``, the peak since it was set back."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


async def measure(port: int) -> None:
    """Read the reply a few times and print the table."""
    from routing.common.memory import give_back  # noqa: PLC0415 - after Django
    from routing.domain.actions import ModelKind  # noqa: PLC0415
    from routing.domain.rules import ModelRef  # noqa: PLC0415
    from routing.llm.providers.client import Credential, ProviderClient  # noqa: PLC0415

    client = ProviderClient({"openai": Credential("sk-none", f"http://127.0.0.1:{port}/v1")})
    model = ModelRef("draws", "openai/gpt-image-1", "openai", ModelKind.IMAGE)
    print(
        "| round | before | peak | after | given back | ms |\n| --- | --- | --- | --- | --- | --- |"
    )
    for number in range(1, ROUNDS + 1):
        _forget_peak()
        before = memory_mib("VmRSS")
        picture = await client.image(model, "A lake", {})
        size = len(picture.data)
        del picture
        peak, after = memory_mib("VmHWM"), memory_mib("VmRSS")
        begun = time.perf_counter()
        await asyncio.to_thread(give_back)
        took = (time.perf_counter() - begun) * 1000
        left = memory_mib("VmRSS")
        print(f"| {number} | {before:.0f} | {peak:.0f} | {after:.0f} | {left:.0f} | {took:.1f} |")
        assert size > PICTURE_BYTES
    await client.aclose()


def main() -> None:
    """Measure."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant_site.settings")
    django.setup()
    receiver, sender = multiprocessing.Pipe(duplex=False)
    server = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(sender,), daemon=True
    )
    server.start()
    try:
        asyncio.run(measure(receiver.recv()))
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
