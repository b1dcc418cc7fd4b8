"""Reindex: after a switch of the embedder, stored answers get its vectors beside those of the one before.

Idempotent and resumable: an entry that has a vector is passed by. Each keeps its id, end, group and
verdicts; the older vector stays until the entry ends, so that a switch back costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from conversations.adapters.answer_cache.entries import vector_bytes
from conversations.adapters.answer_cache.index import AnswerIndex
from routing.embeddings.port import Embedder

BATCH = 16
"""Entries embedded together."""
_SCANNED = 500

Sign = Callable[[str], Awaitable[str]]
"""The signature of an answer, by the embedder."""

# KEYS: an entry. ARGV: its vector's field, the vector, the embedding's name, the answer's signature. What was
# written meanwhile stays, and a deleted entry must not come back without an end.
_ADD = """
if redis.call('HEXISTS', KEYS[1], 'question') == 0 or redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2], 'embedding', ARGV[3], 'says', ARGV[4])
return 1
"""


@dataclass(frozen=True, slots=True)
class _Missing:
    key: str
    question: str
    answer: str
    signed: bool


class Reindexer:
    """Raises redis-py's errors and ``EmbedderUnavailable``; finished batches stay."""

    def __init__(self, index: AnswerIndex, embedder: Embedder, sign: Sign) -> None:
        self._index, self._embedder, self._sign = index, embedder, sign

    async def steps(self, *, dry_run: bool = False) -> AsyncGenerator[Counter[str], None]:
        """After each batch the entries so far: ``known`` had a vector, ``new`` got one, or would get one in a
        ``dry_run``. To be closed."""
        await self._index.ensure()
        done: Counter[str] = Counter()
        async with aclosing(self._batches()) as batches:
            async for keys in batches:
                missing = await self._missing(keys)
                done["known"] += len(keys) - len(missing)
                for start in range(0, len(missing), BATCH):
                    batch = missing[start : start + BATCH]
                    done["new"] += len(batch) if dry_run else await self._add(batch)
                    yield done
                yield done

    async def _batches(self) -> AsyncGenerator[list[str], None]:
        """Keys of entries, by Redis' own cursor: one may come twice, none is left out."""
        keys: list[str] = []
        found = self._index.client.scan_iter(match=f"{self._index.key_prefix}*", count=_SCANNED)
        async for key in found:
            keys.append(key.decode())
            if len(keys) == _SCANNED:
                yield keys
                keys = []
        if keys:
            yield keys

    async def _missing(self, keys: list[str]) -> list[_Missing]:
        async with self._index.client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hexists(key, self._index.vector_field)
                pipe.hmget(key, ["question", "answer", "says"])
            replies = await pipe.execute()
        return [
            _Missing(key, row[0].decode(), (row[1] or b"").decode(), bool(row[2]))
            for key, has, row in zip(keys, replies[::2], replies[1::2], strict=True)
            if not has and row[0] is not None
        ]

    async def _add(self, batch: list[_Missing]) -> int:
        """How many were written."""
        vectors = await self._embedder.embed_many([each.question for each in batch])
        added = 0
        for each, vector in zip(batch, vectors, strict=True):
            # Signatures compare only with those of the same embedder.
            says = await self._sign(each.answer) if each.signed else ""
            values = (self._index.vector_field, vector_bytes(vector), self._index.embedding, says)
            added += int(await self._index.client.eval(_ADD, 1, each.key, *values))
        return added
