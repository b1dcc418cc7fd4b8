#!/usr/bin/env bash
# A retry of tenacity or backoff around a stream of tokens never tries again, and does not say so.
#
# An answer that streams is an async generator in Python. Guessed before: a retry that is put on it tries again when it
# fails before its first item, as stamina's does, or refuses to decorate it. Seen: tenacity decorates the making of the generator, which never
# fails: the error of the first item goes to the caller after one try. So it is with plain generators, and with backoff's.
#
# Seen with tenacity 9.2.1, backoff 2.2.1, stamina 26.1.0, Python 3.11. Installs them into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tenacity==9.2.1 backoff==2.2.1 stamina==26.1.0
"$folder/venv/bin/python" - <<'PY'
import asyncio
import logging
import sys

import backoff
import stamina
import tenacity

logging.disable(logging.CRITICAL)
RETRIES = {
    "tenacity": tenacity.retry(stop=tenacity.stop_after_attempt(3)),
    "backoff": backoff.on_exception(backoff.constant, ConnectionError, max_tries=3, interval=0),
    "stamina": stamina.retry(on=ConnectionError, attempts=3, wait_initial=0, wait_jitter=0),
}


def tries_of(retry):
    counted = {"coroutine": 0, "async generator": 0, "generator": 0}

    @retry
    async def whole():
        counted["coroutine"] += 1
        raise ConnectionError

    @retry
    async def tokens():
        counted["async generator"] += 1
        raise ConnectionError
        yield "token"

    @retry
    def lines():
        counted["generator"] += 1
        raise ConnectionError
        yield "line"

    async def read():
        async for _ in tokens():
            pass

    for call in (lambda: asyncio.run(whole()), lambda: asyncio.run(read()), lambda: list(lines())):
        try:
            call()
        except (ConnectionError, tenacity.RetryError):
            pass
    return counted


seen = {name: tries_of(retry) for name, retry in RETRIES.items()}
for name, tries in seen.items():
    print(f"{name}, of 3 tries: {tries}")
once = {"coroutine": 3, "async generator": 1, "generator": 1}
expected = {"tenacity": once, "backoff": once, "stamina": dict.fromkeys(once, 3)}
sys.exit(0 if seen == expected else f"changed: {seen}, expected {expected}")
PY
