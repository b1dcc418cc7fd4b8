"""``python -m benchmarks.cache_lookup``: what a lookup takes beside embedding and a raw vector search.

Fills a Redis of its own, asks it questions it has near, and compares medians of one run: the machine's
noise is in both. Exit code 1 where the lookup is slower than allowed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median, quantiles

import django

from assistant_site.launcher.redis_server import RedisServer

ALLOWED_MS, ALLOWED_RATIO = 15.0, 1.3
THINGS = [
    "invoice",
    "parcel",
    "password",
    "account",
    "card",
    "contract",
    "invitation",
    "report",
    "camera",
    "printer",
    "licence",
]
DEEDS = [
    "cancel",
    "change",
    "download",
    "share",
    "print",
    "renew",
    "export",
    "archive",
    "translate",
    "replace",
]
WHEN = ("today", "before the deadline", "twice", "on a phone", "abroad", "for a colleague", "again")
FORMS = (
    "How do I {deed} my {thing} {when}?",
    "What does it cost to {deed} a {thing} {when}?",
    "Why can nobody {deed} the {thing} {when}?",
)


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one way."""

    name: str
    taken: Sequence[float]

    @property
    def p50(self) -> float:
        """The median."""
        return median(self.taken)

    @property
    def p95(self) -> float:
        """What 19 of 20 stay under."""
        return quantiles(self.taken, n=20)[-1]


def main() -> None:
    """Measure once, print, and exit."""
    options = _options()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant_site.settings")
    with (
        tempfile.TemporaryDirectory(prefix="lookup-") as folder,
        RedisServer(Path(folder)) as redis,
    ):
        os.environ["REDIS_URL"] = redis.url
        django.setup()
        timings = asyncio.run(_measured(redis.url, options))
    found = {one.name: {"p50": round(one.p50, 2), "p95": round(one.p95, 2)} for one in timings}
    whole, raw = found["lookup"]["p50"], found["embedding and raw search"]["p50"]
    told = {"entries": options.entries, "ms": found, "ratio": round(whole / raw, 3)}
    print(json.dumps(told, indent=2))
    if options.json:
        options.json.write_text(json.dumps(told, indent=2) + "\n")
    sys.exit(0 if whole <= ALLOWED_MS and whole <= ALLOWED_RATIO * raw else 1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--lookups", type=int, default=200)
    parser.add_argument("--json", type=Path, help="also write the figures here")
    return parser.parse_args()


def sentences() -> Iterator[str]:
    """Some two thousand different questions."""
    for form, deed, thing, when in product(FORMS, DEEDS, THINGS, WHEN):
        yield form.format(deed=deed, thing=thing, when=when)


async def _measured(url: str, options: argparse.Namespace) -> list[Timing]:
    from benchmarks.cache_stage import CacheStage  # noqa: PLC0415 - Django is set up by now

    async with CacheStage.opened(url) as stage:
        texts = list(sentences())
        vectors = await stage.embedder.embed_many(texts)
        await stage.fill(texts, vectors, options.entries)
        asked = [text.replace("How do I", "How can I") + " Please" for text in texts]
        step = max(1, len(asked) // options.lookups)
        chosen = asked[::step][: options.lookups]
        for text in chosen[:10]:  # warm
            await stage.lookup(text)
        return await _timed(
            chosen,
            {
                "embedding": stage.embed,
                "embedding and raw search": stage.raw,
                "lookup": stage.lookup,
            },
        )


async def _timed(
    texts: Sequence[str], ways: dict[str, Callable[[str], Awaitable[object]]]
) -> list[Timing]:
    """Every text by every way, one after the other, in changing order."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    names = list(ways)
    for at, text in enumerate(texts):
        for name in names[at % len(names) :] + names[: at % len(names)]:
            started = time.perf_counter()
            # another text each time: nothing is read from a cache of the process
            await ways[name](f"{text} {name[:3]}{at}")
            taken[name].append((time.perf_counter() - started) * 1000)
    return [Timing(name, values) for name, values in taken.items()]


if __name__ == "__main__":
    main()
