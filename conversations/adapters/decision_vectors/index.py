"""Verdicts of the classifier in Redis, found by the vector of their question. No word of it is kept.

Each is a hash with an end of its own, under an id that tells neither the message nor the time. A sorted set
holds the ids by their end: beyond ``most`` of them the oldest go. All keys carry one hash tag, so that a
verdict and its place in the set are written at once.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import redis
import redis.asyncio

from conversations.adapters.answer_cache.entries import vector_bytes
from conversations.adapters.answer_cache.index_schema import SearchIndex, tags, vector
from conversations.engine.types import Vector
from routing.domain.rules import StaysTrue
from routing.reuse.model import NEIGHBOURS

_RETURNED = ("rule", "name", "offer", "self_contained", "impersonal", "stays_true", "distance")

READ = 2 * NEIGHBOURS
"""Verdicts read for a question: those of changed rules do not count."""

# KEYS: the verdict, the set of ids, the rules of its offer. ARGV: its end (Unix seconds), now, the most that are
# kept, the prefix of verdicts, its id, the digests of the offer's rules, then its fields.
_WRITE = """
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 7))
redis.call('EXPIREAT', KEYS[1], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[1], ARGV[5])
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[3])
if over > 0 then
  local gone = redis.call('ZPOPMIN', KEYS[2], over)
  for at = 1, #gone, 2 do redis.call('UNLINK', ARGV[4] .. gone[at]) end
end
redis.call('EXPIREAT', KEYS[2], ARGV[1], 'NX')
redis.call('EXPIREAT', KEYS[2], ARGV[1], 'GT')
redis.call('SET', KEYS[3], ARGV[6], 'EXAT', ARGV[1])
"""


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """A verdict: ``rule`` and ``offer`` are digests (``routing.classifier.offer``), ``name`` is the rule's."""

    rule: str
    name: str
    offer: str
    self_contained: bool
    impersonal: bool
    stays_true: StaysTrue
    cosine: float = 1.0

    def fields(self) -> dict[str, str]:
        """As the hash in Redis has it."""
        return {
            "rule": self.rule,
            "name": self.name,
            "offer": self.offer,
            "self_contained": str(int(self.self_contained)),
            "impersonal": str(int(self.impersonal)),
            "stays_true": self.stays_true.value,
        }

    @classmethod
    def read(cls, row: dict[str, str]) -> StoredVerdict | None:
        """``None`` for a row of a hash that is gone, or of a later version's."""
        if not row.keys() >= set(_RETURNED) or row["stays_true"] not in set(StaysTrue):
            return None
        return cls(
            rule=row["rule"],
            name=row["name"],
            offer=row["offer"],
            self_contained=row["self_contained"] == "1",
            impersonal=row["impersonal"] == "1",
            stays_true=StaysTrue(row["stays_true"]),
            cosine=1.0 - float(row["distance"]),
        )


@dataclass(frozen=True, slots=True)
class VerdictKeys:
    """Names of the keys under one prefix."""

    prefix: str

    @property
    def verdicts(self) -> str:
        """The begin of the key of each verdict."""
        return f"{{{self.prefix}:verdicts}}:of:"

    @property
    def ends(self) -> str:
        """The sorted set of ids by their end."""
        return f"{{{self.prefix}:verdicts}}:ends"

    def offer(self, digest: str) -> str:
        """The digests of the rules in an offer."""
        return f"{{{self.prefix}:verdicts}}:offer:{digest}"


def forget_verdicts(client: redis.Redis, prefix: str, ids: Collection[UUID]) -> None:
    """Delete the verdicts of these ids. Raises redis-py's errors."""
    if ids:
        keys = VerdictKeys(prefix)
        client.unlink(*(f"{keys.verdicts}{one}" for one in ids))
        client.zrem(keys.ends, *map(str, ids))


class VerdictIndex:
    """The verdicts under one prefix, with the vectors of one embedder. Raises redis-py's errors."""

    def __init__(
        self, client: redis.asyncio.Redis, *, prefix: str, embedder_name: str, dimensions: int
    ) -> None:
        self._client, self._keys = client, VerdictKeys(prefix)
        model = re.sub(r"[^a-z0-9]+", "_", embedder_name.lower()).strip("_")
        self._vector_field = f"vector_{model}_{dimensions}"
        self._index = SearchIndex(
            client,
            name=f"{prefix}:verdicts:{model}:{dimensions}",
            key_prefix=self._keys.verdicts,
            fields=[*tags("rule"), vector(self._vector_field, dimensions)],
        )
        self.name = self._index.name

    async def nearest(
        self, question: Vector, count: int, rules: Collection[str] | None = None
    ) -> list[StoredVerdict]:
        """The nearest verdicts, or those for the rules with these digests."""
        if rules is not None and not rules:
            return []
        text = _query(tuple(rules or ()), count, self._vector_field)
        query = ("SORTBY", "distance", "RETURN", len(_RETURNED), *_RETURNED, "LIMIT", 0, count)
        _, *flat = await self._index.search(text, {"vector": vector_bytes(question)}, query)
        found = (StoredVerdict.read(_row(fields)) for fields in flat[1::2])
        return [one for one in found if one]

    async def around(
        self, question: Vector, refusing: Collection[str]
    ) -> tuple[list[StoredVerdict], list[StoredVerdict]]:
        """The nearest verdicts, and the nearest one for a rule that refuses."""
        near, refused = await asyncio.gather(
            self.nearest(question, READ), self.nearest(question, 1, refusing)
        )
        return near, refused

    async def offers(self, digests: Sequence[str]) -> dict[str, frozenset[str]]:
        """The rules' digests of these offers, of those that are known still."""
        values: Any = await self._client.mget(list(map(self._keys.offer, digests)))
        known = zip(digests, values, strict=True)
        return {digest: frozenset(value.decode().split()) for digest, value in known if value}

    async def write(
        self,
        identity: UUID,
        verdict: StoredVerdict,
        question: Vector,
        rules: Collection[str],
        *,
        now: float,
        ends: float,
        most: int,
    ) -> None:
        """Store a verdict until ``ends`` (Unix seconds), and the ``rules`` of its offer as long. The first
        query creates the index."""
        fields: dict[str, str | bytes] = verdict.fields() | {
            self._vector_field: vector_bytes(question)
        }
        keys = [
            f"{self._keys.verdicts}{identity}",
            self._keys.ends,
            self._keys.offer(verdict.offer),
        ]
        arguments: list[str | int] = [
            int(ends),
            int(now),
            most,
            self._keys.verdicts,
            str(identity),
            " ".join(rules),
        ]
        flat: list[str | bytes] = [part for pair in fields.items() for part in pair]
        await self._client.eval(_WRITE, len(keys), *keys, *arguments, *flat)

    async def count(self) -> int:
        """How many verdicts there are."""
        found, *_ = await self._index.search("*", {}, ("LIMIT", 0, 0))
        return int(found)


@lru_cache(maxsize=64)
def _query(rules: tuple[str, ...], count: int, vector_field: str) -> str:
    # Digests are hexadecimal: nothing in them need be escaped.
    wanted = f"(@rule:{{{'|'.join(rules)}}})" if rules else "*"
    return f"{wanted}=>[KNN {count} @{vector_field} $vector AS distance]"


def _row(flat: Sequence[Any] | None) -> dict[str, str]:
    """Empty where the hash was gone when its fields were read."""
    flat = flat or ()
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return {name.decode(): value.decode() for name, value in pairs if value is not None}
