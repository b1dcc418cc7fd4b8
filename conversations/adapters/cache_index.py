"""The answer cache's index and queries: the one place that knows redisvl.

redisvl's ``SemanticCache`` is left aside: it prolongs every match's life, so that a popular answer,
once wrong, never dies. Its ``vector_distance`` is the cosine distance, 0 to 2.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis.asyncio
from redis.exceptions import RedisError, ResponseError
from redisvl.exceptions import RedisVLError
from redisvl.index import AsyncSearchIndex
from redisvl.query import CountQuery, FilterQuery, VectorQuery
from redisvl.query.filter import Num, Tag
from redisvl.query.query import BaseQuery
from redisvl.schema import IndexSchema

from conversations.adapters.cache_entries import (
    CURATED,
    LIVE,
    SHARED,
    Hit,
    entry_key,
    own,
    vector_bytes,
)
from conversations.adapters.languages import readable_by
from conversations.engine.ports import Vector
from routing.reuse.company import NEIGHBOURS

CANDIDATES = NEIGHBOURS
"""Entries looked at for each question: the next one may be served where the nearest may not, and what
the others say counts."""

_FIELDS = (
    "answer", "provider", "model", "rule", "ruleset", "scope", "fingerprint", "question", "penalty",
    "says",
)  # fmt: skip
_FILTERED = ("system", "language", "state", "hidden", "expires_at")
_TAGS = (
    "scope",
    "fingerprint",
    "system",
    "language",
    "embedding",
    "question_hash",
    "state",
    "hidden",
)


@dataclass(frozen=True, slots=True)
class Servable:
    """Who asks (a person's primary key), in which language, under which rules and which system prompt
    (their digests), when (Unix seconds)."""

    user: int
    language: str
    fingerprint: str
    system: str
    now: float

    def filter(self) -> Any:
        """What may be served to them: theirs or everybody's, in their language, made under these rules
        and this system prompt or holding under any, not hidden from them, not quarantined, not
        expired."""
        return (
            (Tag("scope") == [own(self.user), SHARED])
            & (Tag("language") == readable_by(self.language))
            & (Tag("fingerprint") == [self.fingerprint, CURATED])
            & (Tag("system") == [self.system, CURATED])
            & (Tag("state") == LIVE)
            & (Tag("hidden") != str(self.user))
            & (Num("expires_at") > self.now)
        )

    def objections(self, held: Mapping[str, Any]) -> tuple[str, ...]:
        """Which parts of the filter keep an entry with these fields from them."""
        fits = {
            "scope": held["scope"] in {own(self.user), SHARED},
            "language": held["language"] in readable_by(self.language),
            "rules": held["fingerprint"] in {self.fingerprint, CURATED},
            "system prompt": held["system"] in {self.system, CURATED},
            "state": held["state"] == LIVE,
            "hidden": str(self.user) not in str(held.get("hidden") or "").split(","),
            "expired": float(held["expires_at"]) > self.now,
        }
        return tuple(name for name, fit in fits.items() if not fit)


class AnswerIndex:
    """The index of one embedder over the entries under ``key_prefix``.

    Every method raises redis-py's errors. Where Redis has no such index (it is new, or was emptied) it
    is made, over what is there by then, and this once nothing is found.
    """

    def __init__(
        self, client: redis.asyncio.Redis, *, prefix: str, embedder_name: str, dimensions: int
    ) -> None:
        model = re.sub(r"[^a-z0-9]+", "_", embedder_name.lower()).strip("_")
        self._prefix = prefix
        self.embedding = f"{model}_{dimensions}"
        self.key_prefix = entry_key(prefix, "")
        self.vector_field = f"vector_{self.embedding}"
        fields = _fields(self.vector_field, dimensions)
        # Named after its fields too: another version of them is another index, not a broken one.
        layout = hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:8]
        self.name = f"{prefix}:answers:{model}:{dimensions}:{layout}"
        index = {"name": self.name, "prefix": self.key_prefix, "storage_type": "hash"}
        schema = IndexSchema.from_dict({"index": index, "fields": fields})
        self._index = AsyncSearchIndex(schema, redis_client=client)

    def key(self, entry: UUID) -> str:
        """The entry's key; the same for every embedder."""
        return entry_key(self._prefix, entry)

    async def same(self, question_hash: str, among: Servable) -> list[Hit]:
        """Entries of the same question, the newest first."""
        query = FilterQuery(
            (Tag("question_hash") == question_hash) & among.filter(),
            return_fields=[*_FIELDS, "created_at"],
            num_results=CANDIDATES,
            sort_by=("created_at", "DESC"),
        )
        return [self._hit(found, 1.0) for found in await self._found(query)]

    async def nearest(self, vector: Vector, among: Servable) -> list[Hit]:
        """Entries of similar questions, the nearest first."""
        query = VectorQuery(
            vector_bytes(vector),
            self.vector_field,
            return_fields=list(_FIELDS),
            filter_expression=(Tag("embedding") == self.embedding) & among.filter(),
            num_results=CANDIDATES,
        )
        return await self._near(query)

    async def around(self, vector: Vector) -> list[Hit]:
        """Entries of similar questions, whoever they are for, with what the filter reads; the nearest
        first."""
        query = VectorQuery(
            vector_bytes(vector),
            self.vector_field,
            return_fields=[*_FIELDS, *_FILTERED],
            filter_expression=Tag("embedding") == self.embedding,
            num_results=CANDIDATES,
        )
        return await self._near(query)

    async def count(self) -> tuple[int, int, int]:
        """How many entries there are, of these curated ones, and ones nobody is given."""
        curated, withheld = Tag("fingerprint") == CURATED, Tag("state") != LIVE
        counts = [await self._query(CountQuery(what)) for what in (None, curated, withheld)]
        return counts[0] or 0, counts[1] or 0, counts[2] or 0

    async def _near(self, query: VectorQuery) -> list[Hit]:
        return [
            self._hit(found, 1.0 - float(found["vector_distance"]))
            for found in await self._found(query)
        ]

    async def _found(self, query: BaseQuery) -> list[dict[str, Any]]:
        return await self._query(query) or []

    async def _query(self, query: BaseQuery) -> Any:
        """The query's answer; ``None`` when the index had to be made for the next one."""
        try:
            return await self._index.query(query)
        except RedisVLError as exc:
            if not _is_missing_index(exc.__cause__):
                raise _redis_error(exc) from exc
        await self._create()
        return None

    async def _create(self) -> None:
        try:
            await self._index.create(overwrite=False)
        except RedisVLError as exc:
            if "already exists" not in str(exc):  # another worker was quicker
                raise _redis_error(exc) from exc

    def _hit(self, found: dict[str, Any], similarity: float) -> Hit:
        return Hit(
            entry=UUID(str(found["id"]).removeprefix(self.key_prefix)),
            similarity=round(min(1.0, max(-1.0, similarity)), 6),
            fields=found,
        )


def _redis_error(exc: RedisVLError) -> RedisError | OSError:
    cause = exc.__cause__
    return cause if isinstance(cause, RedisError | OSError) else RedisError(str(exc))


def _is_missing_index(cause: BaseException | None) -> bool:
    told = str(cause).lower()
    return isinstance(cause, ResponseError) and (
        "no such index" in told or "unknown index name" in told
    )


def _fields(vector_field: str, dimensions: int) -> list[dict[str, Any]]:
    """HNSW, because the shared entries grow without a bound and a flat index compares all of them.

    A person's own are few: there the query engine compares each one by itself, and misses none.
    """
    tags: list[dict[str, Any]] = [{"name": name, "type": "tag"} for name in _TAGS]
    numbers = [{"name": name, "type": "numeric"} for name in ("expires_at",)]
    created = {"name": "created_at", "type": "numeric", "attrs": {"sortable": True}}
    vector = {
        "name": vector_field,
        "type": "vector",
        "attrs": {
            "algorithm": "hnsw",
            "dims": dimensions,
            "distance_metric": "cosine",
            "datatype": "float32",
            "m": 16,
            "ef_construction": 200,
            "ef_runtime": 64,
        },
    }
    return [*tags, *numbers, created, vector]
