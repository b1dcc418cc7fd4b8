"""``python -m assistant_site.simulator``: the same as ``manage.py simulate_providers``, without Django's start."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from assistant_site.simulator import Pace, Simulator
from assistant_site.simulator.call import KEPT
from assistant_site.simulator.chat import PROVIDERS, Provider
from routing.common.arguments import decimal, whole

_NAMES: dict[str, str] = {"openai": "OpenAI", "anthropic": "Anthropic"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command line: addresses, pace, and files for the launcher."""
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--openai-port", type=whole(0, 65_535), default=9101, help="0 takes a free one")
    add("--anthropic-port", type=whole(0, 65_535), default=9102, help="0 takes a free one")
    add("--only", choices=PROVIDERS, help="serve one side only")
    add("--token-delay-ms", type=decimal(0, 3_600_000), default=15)
    add("--first-token-delay-ms", type=decimal(0, 3_600_000), default=250)
    add("--keep-requests", type=whole(0, 1_000_000), default=KEPT, help="how many are remembered")
    add("--pid-file", type=Path, help="written while it serves")
    add("--ready-file", type=Path, help="JSON with pid and URLs, once it serves")


def run(options: argparse.Namespace, say: Callable[[str], object]) -> None:
    """Serve until SIGINT or SIGTERM. Raises ``OSError`` when a port is taken."""
    sides: tuple[Provider, ...] = (options.only,) if options.only else PROVIDERS
    simulator = Simulator(
        host=options.host,
        openai_port=options.openai_port,
        anthropic_port=options.anthropic_port,
        sides=sides,
        pace=Pace(options.first_token_delay_ms, options.token_delay_ms),
        kept=options.keep_requests,
    )
    try:
        asyncio.run(_serve(simulator, options, say))
    finally:
        for path in (options.pid_file, options.ready_file):
            if path:
                path.unlink(missing_ok=True)
    say("The provider simulator has ended.")


async def _serve(
    simulator: Simulator, options: argparse.Namespace, say: Callable[[str], object]
) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with simulator:
        urls = simulator.urls
        for side, url in urls.items():
            say(f"Simulated {_NAMES[side]} API (no real model): {url}")
        if options.pid_file:
            _write(options.pid_file, f"{os.getpid()}\n")
        if options.ready_file:
            _write(options.ready_file, json.dumps({"pid": os.getpid(), **urls}) + "\n")
        say("Faults, requests and sides: /_simulator/ on either port.")
        await ended.wait()


def _write(path: Path, text: str) -> None:
    # Put ``text`` there at once: a reader sees all of it or nothing.
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m assistant_site.simulator", description=__doc__)
    add_arguments(parser)
    try:
        run(parser.parse_args(), _say)
    except OSError as exc:
        sys.exit(f"The simulator cannot listen: {exc.strerror or exc}")


if __name__ == "__main__":
    main()
