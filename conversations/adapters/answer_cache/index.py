"""The answer cache's index and queries: the one place that knows redisvl, which makes the index.

The queries are texts of parameters, made once: redisvl's are built and parsed anew each time. Its
``SemanticCache`` is left aside: it prolongs every match's life, so that a popular answer, once wrong,
never dies. The query engine's distance is the cosine's, 0 to 2.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import redis.asyncio
from redis.exceptions import RedisError, ResponseError
from redisvl.exceptions import RedisVLError
from redisvl.index import AsyncSearchIndex
from redisvl.schema import IndexSchema

from conversations.adapters.answer_cache.entries import (
    CURATED,
    LIVE,
    SERVED,
    SHARED,
    Hit,
    entry_key,
    own,
    vector_bytes,
)
from conversations.adapters.answer_cache.visibility import FILTERED, Servable
from conversations.engine.types import Vector
from routing.reuse.neighbours import NEIGHBOURS

CANDIDATES = NEIGHBOURS
"""Entries looked at for each question: the next one may be served where the nearest may not, and what
the others say counts."""

WEIGHED = ("question", "scope", "penalty", "says")
"""An entry's fields that a candidate is weighed by."""
FIELDS = (*SERVED, "fingerprint", *WEIGHED)
"""Those that an entry is shown by."""

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
class CacheStats:
    """Entries in the index: all, the operator's own, those that are quarantined or withdrawn."""

    entries: int
    curated: int
    withheld: int


class AnswerIndex:
    """The index of one embedder over the entries under ``key_prefix``.

    Every method raises redis-py's errors. Where Redis has no such index (it is new, or was emptied) it
    is made, over what is there by then, and this once nothing is found.
    """

    def __init__(
        self, client: redis.asyncio.Redis, *, prefix: str, embedder_name: str, dimensions: int
    ) -> None:
        model = re.sub(r"[^a-z0-9]+", "_", embedder_name.lower()).strip("_")
        self._client, self._prefix, self._seen = client, prefix, False
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

    async def made(self) -> None:
        """Make the index where this process has not yet seen it."""
        if not self._seen:
            await self._create()
            self._seen = True

    async def same(self, asked: str, among: Servable) -> list[Hit]:
        """Entries of the question with this hash, the newest first."""
        query = ("SORTBY", "created_at", "DESC", *_returning((*FIELDS, "created_at")))
        text = f"@question_hash:{{$asked}} {_filter(len(among.languages))}"
        found = await self._found(text, {"asked": asked, **_values(among)}, query)
        return [self._hit(key, held, 1.0) for key, held in found]

    async def nearest(
        self, vector: Vector, among: Servable, fields: Sequence[str] = WEIGHED
    ) -> list[Hit]:
        """Entries of similar questions, the nearest first."""
        return await self._near(vector, _filter(len(among.languages)), _values(among), fields)

    async def around(self, vector: Vector) -> list[Hit]:
        """Entries of similar questions, whoever they are for, with what the filter reads; the nearest
        first."""
        return await self._near(vector, "*", {}, (*FIELDS, *FILTERED))

    async def count(self) -> CacheStats:
        """How many entries there are."""
        texts = ("*", f"@fingerprint:{{{CURATED}}}", f"-@state:{{{LIVE}}}")
        counts = [await self._search(text, {}, ("LIMIT", 0, 0)) for text in texts]
        return CacheStats(*(count[0] for count in counts))

    async def _near(
        self, vector: Vector, among: str, values: Mapping[str, Any], fields: Sequence[str]
    ) -> list[Hit]:
        text = f"({among})=>[KNN {CANDIDATES} @{self.vector_field} $vector AS distance]"
        query = ("SORTBY", "distance", *_returning((*fields, "distance")))
        found = await self._found(text, {"vector": vector_bytes(vector), **values}, query)
        return [self._hit(key, held, 1.0 - float(held.pop("distance"))) for key, held in found]

    async def _found(
        self, text: str, values: Mapping[str, Any], query: Sequence[str | int]
    ) -> list[tuple[str, dict[str, str]]]:
        """Keys, and the fields asked for that are there."""
        _, *rows = await self._search(text, values, (*query, "LIMIT", 0, CANDIDATES))
        return [
            (key.decode(), _decoded(flat)) for key, flat in zip(rows[::2], rows[1::2], strict=True)
        ]

    async def _search(
        self, text: str, values: Mapping[str, Any], query: Sequence[str | int]
    ) -> list[Any]:
        """As the query engine replies; nothing when the index had to be made for the next one."""
        flat = [part for pair in values.items() for part in pair]
        given = ("PARAMS", len(flat), *flat) if flat else ()
        try:
            return await self._client.execute_command(  # type: ignore[no-untyped-call,no-any-return] # redis-py
                "FT.SEARCH", self.name, text, *given, *query, "DIALECT", 2
            )
        except ResponseError as exc:
            if not _is_missing_index(exc):
                raise
        await self._create()
        return [0]

    async def _create(self) -> None:
        try:
            await self._index.create(overwrite=False)
        except RedisVLError as exc:
            if "already exists" not in str(exc):  # another worker was quicker
                raise _redis_error(exc) from exc

    def _hit(self, key: str, held: dict[str, str], similarity: float) -> Hit:
        return Hit(
            entry=UUID(key.removeprefix(self.key_prefix)),
            similarity=round(min(1.0, max(-1.0, similarity)), 6),
            fields=held,
        )


@cache
def _filter(languages: int) -> str:
    """``Servable`` as a query, of parameters alone; see ``Servable.objections``."""
    among = "|".join(f"$language{at}" for at in range(languages))
    return (
        f"(@scope:{{$own|{SHARED}}} @language:{{{among}}} @fingerprint:{{$fingerprint|{CURATED}}}"
        f" @system:{{$system|{CURATED}}} @state:{{{LIVE}}} -@hidden:{{$user}} @expires_at:[($now +inf])"
    )


def _values(among: Servable) -> dict[str, Any]:
    """What the parameters of ``_filter`` stand for."""
    return {
        "own": own(among.user),
        "fingerprint": among.fingerprint,
        "system": among.system,
        "user": str(among.user),
        "now": among.now,
        **{f"language{at}": language for at, language in enumerate(among.languages)},
    }


def _returning(fields: Sequence[str]) -> tuple[str | int, ...]:
    return ("RETURN", len(fields), *fields)


def _decoded(flat: Sequence[bytes]) -> dict[str, str]:
    return {
        name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)
    }


def _redis_error(exc: RedisVLError) -> RedisError | OSError:
    cause = exc.__cause__
    return cause if isinstance(cause, RedisError | OSError) else RedisError(str(exc))


def _is_missing_index(exc: ResponseError) -> bool:
    told = str(exc).lower()
    return "no such index" in told or "unknown index name" in told


def _fields(vector_field: str, dimensions: int) -> list[dict[str, Any]]:
    """HNSW, because the shared entries grow without a bound and a flat index compares all of them.

    A person's own are few: there the query engine compares each one by itself, and misses none. With ``m``
    over 10 it does so with all that pass the filter in every index of up to 30,000 entries: 6 ms at 10,000
    instead of 0.8. Recall was the same.
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
            "m": 10,
            "ef_construction": 200,
            "ef_runtime": 64,
        },
    }
    return [*tags, *numbers, created, vector]
