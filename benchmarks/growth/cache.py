"""``python -m benchmarks.growth.cache``: the answer cache by how many entries it holds, and a window.

Fills a Redis of its own step by step; at each size asks questions it has near, and reads what Redis says
of its memory. Ratios between the sizes of one run count.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any
from uuid import UUID

import django

from assistant_site.launcher.redis_server import RedisServer

if TYPE_CHECKING:
    from benchmarks.cache_stage import CacheStage

SIZES = (1_000, 10_000, 100_000)
ASKED = 200
SETTLED_SECONDS = 300.0
NEARLY = 0.9
"""The stage draws some questions twice."""


def main() -> None:
    """Measure once and print."""
    options = _options()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "assistant_site.settings")
    with (
        tempfile.TemporaryDirectory(prefix="growth-") as folder,
        RedisServer(Path(folder)) as redis,
    ):
        os.environ["REDIS_URL"] = redis.url
        django.setup()
        told = asyncio.run(_measured(redis, options.sizes))
    print(json.dumps(told, indent=1))
    if options.json:
        options.json.write_text(json.dumps(told, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth.cache", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of entries")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    return parser.parse_args()


async def _measured(redis: RedisServer, sizes: list[int]) -> dict[str, Any]:
    from benchmarks.cache_lookup import sentences  # noqa: PLC0415 - Django is set up by now
    from benchmarks.cache_stage import CacheStage  # noqa: PLC0415

    told: list[dict[str, Any]] = []
    async with CacheStage.opened(redis.url) as stage:
        texts = list(sentences())
        vectors = await stage.embedder.embed_many(texts)
        window = await _window_bytes(stage)
        empty = await _memory(stage)
        for size in sizes:
            await stage.client.flushdb()
            await stage.cache.state()
            started = time.perf_counter()
            await stage.fill(texts, vectors, size)
            index = await _settled(stage, size)
            filled = time.perf_counter() - started
            held = await _memory(stage) - empty
            told.append(
                {
                    "entries": size,
                    "filled_s": round(filled, 1),
                    "bytes an entry": round(held / size),
                    "of these the index": round(index / size),
                    **await _asked(stage, texts),
                }
            )
            print(json.dumps(told[-1]), flush=True)
    # It reads its log and builds the index anew before it answers.
    redis.stop()
    started = time.perf_counter()
    redis.start()
    loaded = time.perf_counter() - started
    return {"sizes": told, "restart_s": round(loaded, 1), "bytes of a full window": window}


async def _asked(stage: CacheStage, texts: list[str]) -> dict[str, float]:
    """Milliseconds of the same words, and of a similar question without its embedding."""
    from benchmarks.cache_stage import RULES  # noqa: PLC0415
    from conversations.engine.types import Turn  # noqa: PLC0415
    from conversations.models import new_id  # noqa: PLC0415

    exact, similar = [], []
    for text in [one.replace("How do I", "How can I") for one in texts[:: len(texts) // ASKED]]:
        turn = Turn(1, new_id(), new_id(), new_id(), text, True, "")
        vector = await stage.embedder.embed(text)
        started = time.perf_counter()
        await stage.cache.lookup_exact(turn, RULES)
        between = time.perf_counter()
        await stage.cache.lookup_similar(turn, RULES, vector)
        exact.append((between - started) * 1000)
        similar.append((time.perf_counter() - between) * 1000)
    return {
        "same words p50 ms": round(median(exact), 2),
        "same words p95 ms": round(quantiles(exact, n=20)[-1], 2),
        "similar p50 ms": round(median(similar), 2),
        "similar p95 ms": round(quantiles(similar, n=20)[-1], 2),
    }


async def _memory(stage: CacheStage) -> int:
    info: Any = await stage.client.info("memory")
    return int(info["used_memory"])


async def _settled(stage: CacheStage, size: int) -> float:
    """Wait until the index has all entries; bytes that it takes."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while time.monotonic() < deadline:
        raw: Any = await stage.client.execute_command("FT.INFO", stage.index.name)  # type: ignore[no-untyped-call]
        info = dict(zip(raw[::2], raw[1::2], strict=True))
        if int(info[b"num_docs"]) >= NEARLY * size and not int(info[b"indexing"]):
            parts = ("vector_index_sz_mb", "tag_overhead_sz_mb", "inverted_sz_mb", "doc_table_size_mb", "sortable_values_size_mb", "key_table_size_mb", "offset_vectors_sz_mb")  # fmt: skip
            return sum(float(info.get(part.encode(), 0)) for part in parts) * 2**20
        await asyncio.sleep(0.1)
    raise RuntimeError("the index does not get ready")


async def _window_bytes(stage: CacheStage) -> int:
    """Redis' memory of one conversation whose window is as full as the settings let it be."""
    from django.conf import settings  # noqa: PLC0415

    from benchmarks.cache_stage import PREFIX  # noqa: PLC0415
    from conversations.adapters.memory import RedisMemory, window_keys  # noqa: PLC0415
    from conversations.models import new_id  # noqa: PLC0415
    from routing.common.redis.clients import Breaker  # noqa: PLC0415
    from routing.domain.llm import ChatMessage  # noqa: PLC0415

    said = [ChatMessage("user", "Why? " * 20), ChatMessage("assistant", "Because it is so. " * 45)]

    async def load(_: UUID) -> list[ChatMessage]:
        return said * 50

    async def count(_: UUID) -> int:
        return 50

    thread = new_id()
    memory = RedisMemory(
        stage.client, Breaker(), prefix=PREFIX, budget_tokens=settings.MEMORY_TOKENS,
        ttl_seconds=60, load=load, count=count,
    )  # fmt: skip
    await memory.recall(thread)
    sizes = [await stage.client.memory_usage(key, samples=0) for key in window_keys(PREFIX, thread)]
    return sum(size or 0 for size in sizes)


if __name__ == "__main__":
    main()
