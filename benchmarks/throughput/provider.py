"""``python -m benchmarks.throughput.provider``: a provider that is much faster than whoever asks it.

One asyncio protocol without a framework, which writes prebuilt bytes. It speaks OpenAI's chat completions
and Anthropic's messages, streamed or not, and answers what the service asks beside the question:
which rule fits, and whether a stored answer does.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from pathlib import Path
from typing import cast

import orjson
import uvloop

from benchmarks.throughput import wire
from benchmarks.throughput.workloads import Workload, asked

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MODEL = re.compile(rb'"model": ?"([^"]+)"')
_STREAM = re.compile(rb'"stream": ?true')
_USAGE = re.compile(rb'"include_usage": ?true')
_DEFAULT_RULE = re.compile(rb'fits well, choose \\"([^"\\]+)\\"')
_TOOL = b"json_tool_call"
_JUDGES = b"stored answer may be given"
_SIDE_TOKENS = 30


class Wire(asyncio.Protocol):
    """One connection, kept alive; one request at a time."""

    def __init__(self) -> None:
        self._held = b""
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one by shape only

    def connection_lost(self, exc: Exception | None) -> None:
        """A paced answer ends with its connection."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Answer once the request is whole."""
        self._held += data
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            return
        found = _LENGTH.search(self._held, 0, end)
        whole = end + 4 + (int(found[1]) if found else 0)
        if len(self._held) < whole:
            return
        path, body = self._held[: self._held.index(b"\r\n")], self._held[end + 4 : whole]
        self._held = self._held[whole:]
        self._answer(path, body)

    def _answer(self, line: bytes, body: bytes) -> None:
        reply = _reply(line, body)
        if isinstance(reply, bytes):
            decides = _DEFAULT_RULE.search(body) is not None
            self._loop.call_later(asked(body).decided_ms / 1000 * decides, self._write, reply)
            return
        workload, streamed = reply
        if not workload.is_paced:
            self._write(streamed.whole)
            return
        self._write(streamed.head)
        first = self._loop.time() + workload.first_ms / 1000
        self._loop.call_at(first, self._next, first, workload.between_ms / 1000, streamed.paced)

    def _next(self, due: float, between: float, parts: tuple[bytes, ...], at: int = 0) -> None:
        """Write the part that is due; the next one is due by the clock, however late this one is."""
        if self._transport is None:
            return
        self._transport.write(parts[at])
        due, at = due + between, at + 1
        if at < len(parts):
            self._loop.call_at(due, self._next, due, between, parts, at)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


def _reply(line: bytes, body: bytes) -> bytes | tuple[Workload, wire.Streamed]:
    """All bytes at once, or a stream."""
    found = _MODEL.search(body)
    model = found[1].decode() if found else "unknown"
    openai = b"/chat/completions " in line
    if not openai and b"/messages " not in line:
        return wire.refusal(404, "There is no such call here.")
    if not _STREAM.search(body):
        return _whole(body, model, openai=openai)
    workload = asked(body)
    if openai:
        usage = bool(_USAGE.search(body))
        return workload, wire.openai_stream(workload, model, usage=usage)
    return workload, wire.anthropic_stream(workload, model)


def _whole(body: bytes, model: str, *, openai: bool) -> bytes:
    if rule := _DEFAULT_RULE.search(body):
        text, tokens = _verdict(rule[1].decode()), _SIDE_TOKENS
    elif _JUDGES in body:
        text, tokens = "no", 1
    else:
        workload = asked(body)
        text, tokens = workload.text, workload.tokens
    if openai:
        return wire.openai_whole(text, model, tokens)
    tool = _TOOL.decode() if rule and _TOOL in body else ""
    return wire.anthropic_whole(text, model, tokens, tool)


def _verdict(rule: str) -> str:
    """What the service's classifier is to be told: the rule, and that the answer may be kept."""
    told = {
        "rule": rule,
        "reason": "An everyday question.",
        "self_contained": True,
        "impersonal": True,
        "stays_true": "months",
        "standalone": "",
        "suggestions": [],
    }
    return orjson.dumps(told).decode()


async def listening() -> tuple[asyncio.Server, int]:
    """The provider on a free port of this machine, in the running loop."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Wire, "127.0.0.1", 0, backlog=4096)
    return server, server.sockets[0].getsockname()[1]


async def _serve(ready: Path) -> None:
    server, port = await listening()
    partial = ready.with_suffix(".part")
    partial.write_text(json.dumps({"port": port}))
    partial.rename(ready)
    await server.serve_forever()


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready-file", type=Path, required=True, help="gets the port as JSON")
    uvloop.run(_serve(parser.parse_args().ready_file))


if __name__ == "__main__":
    main()
