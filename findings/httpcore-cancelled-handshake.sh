#!/usr/bin/env bash
# httpx's async client leaves the socket open where a request is cancelled during its TLS handshake.
#
# `asyncio.timeout()` around a request, or a cancelled task: the caller is told at once, and the socket stays open, also
# after the client is closed. Only the garbage collector closes it, with a `ResourceWarning`; in a process that
# collects rarely, each try holds a descriptor. httpcore closes the stream of a failed handshake for an `Exception`,
# which a cancellation is not. httpx's own `timeout=` closes it, and so does a cancellation while the headers of the
# response are awaited.
#
# Seen with httpx 0.28.1, httpcore 1.0.9, anyio 4.16.0, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet httpx==0.28.1 httpcore==1.0.9 anyio==4.16.0
cd "$folder"
venv/bin/python -W ignore::ResourceWarning - <<'PY'
import asyncio
import gc
import socket
import sys

import httpx

LIMIT, PATIENCE = 0.3, 2.0


def is_closed(peer):
    """Whether the other side has closed, as its peer sees it."""
    peer.settimeout(PATIENCE)
    try:
        while peer.recv(65_536):
            pass
    except TimeoutError:
        return False
    except ConnectionResetError:
        pass
    return True


async def ask(address, own):
    async with httpx.AsyncClient(timeout=LIMIT if own else None) as client:
        async with asyncio.timeout(None if own else LIMIT):
            await client.get(address)


async def asked(scheme, own):
    """The error, and whether the socket is closed, before and after a garbage collection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        error = None
        try:
            await ask(f"{scheme}://127.0.0.1:{server.getsockname()[1]}/", own)
        except (TimeoutError, httpx.TimeoutException) as exc:
            error = type(exc).__name__
        peer, _ = server.accept()
        with peer:
            closed = await asyncio.to_thread(is_closed, peer)
            gc.collect()
            return error, closed, closed or await asyncio.to_thread(is_closed, peer)


gc.disable()
seen = {}
for own in (False, True):
    for scheme in ("https", "http"):
        name = f"{scheme}, {'timeout= of httpx' if own else 'asyncio.timeout()'}"
        seen[name] = asyncio.run(asked(scheme, own))
        error, closed, after = seen[name]
        print(f"{name:27} {error}: closed {closed}, after a garbage collection {after}")
expected = {
    "https, asyncio.timeout()": ("TimeoutError", False, True),
    "http, asyncio.timeout()": ("TimeoutError", True, True),
    "https, timeout= of httpx": ("ConnectTimeout", True, True),
    "http, timeout= of httpx": ("ReadTimeout", True, True),
}
sys.exit(0 if seen == expected else f"changed: expected {expected}")
PY
