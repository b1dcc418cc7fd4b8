"""Entries in Redis: found by words through pointers, by meaning through vectors, within a filter.

By words: a pointer names the newest entry for one question, in one scope, under one set of rules and
one system prompt, and expires with that entry. A query would take ten times as long. The operator's
entries need no pointer: the question makes their id. A pointer proves nothing: the fields of the entry
say whether it may be served.

By meaning: the queries are texts of parameters, made once; redisvl's are built and parsed anew each
time. The query engine's distance is the cosine's, 0 to 2.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from uuid import UUID

import redis.asyncio

from conversations.adapters.answer_cache.entries import (
    CURATED,
    LIVE,
    SERVED,
    SHARED,
    CacheEntry,
    Hit,
    LookupKey,
    entry_key,
    vector_bytes,
)
from conversations.adapters.answer_cache.index_schema import SearchIndex, tags, vector
from conversations.engine.types import Vector
from routing.reuse.linking import Known
from routing.reuse.model import NEIGHBOURS

CANDIDATES = NEIGHBOURS
"""Entries read for each question: the second may be served where the nearest may not, and the others
are evidence."""

SPARE = 4
"""Entries read beyond them: some may be gone by the time their fields are read. Redis' clock may be
ahead of ours, and it deletes late what it has expired."""

FILTERED = ("scope", "fingerprint", "system", "language", "state", "hidden", "expires_at")
"""Fields of an entry that ``Visibility`` reads."""
WEIGHED = ("question", "scope", "penalty", "says", "group", "apart")
"""Fields of an entry that a candidate is weighed by."""
COMPARED = ("question", "scope", "answer", "group")
"""Fields of an entry that its links are made by."""
FIELDS = (*SERVED, "fingerprint", *WEIGHED)
"""Fields of an entry that it is shown by."""
_NEEDED = frozenset({"question", "scope", "distance"})
"""Fields without which a row is no entry: a hash that is gone still has a row."""
_EXACT = ("question_hash", *SERVED, *FILTERED)
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

# KEYS: the operator's entry, then pointers.
_READ = f"""
local found = {{}}
for at, key in ipairs(KEYS) do
  local entry = redis.call(at > 1 and 'GET' or 'EXISTS', key)
  if at == 1 then entry = entry == 1 and key end
  found[at] = entry and {{entry, redis.call('HMGET', entry, '{"', '".join(_EXACT)}')}}
end
return found
"""
# KEYS: an entry. ARGV: the signature of its answer. A deleted entry must not come back without an end.
_SIGN = """
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'says', ARGV[1]) end
"""
# KEYS: entries. ARGV: a name for the group of each. Returns the group that each has now; none without entry.
_GROUP = """
local groups = {}
for at, key in ipairs(KEYS) do
  groups[at] = false
  if redis.call('EXISTS', key) == 1 then
    redis.call('HSETNX', key, 'group', ARGV[at])
    groups[at] = redis.call('HGET', key, 'group')
  end
end
return groups
"""
# KEYS: an entry. ARGV: its group, and those that differ.
_LINK = """
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HSET', KEYS[1], 'group', ARGV[1], 'apart', ARGV[2])
end
"""


@dataclass(frozen=True, slots=True)
class Visibility:
    """Visibility rules: which entries a user may be served, beside which no similarity counts.

    ``user`` is a primary key, ``fingerprint`` and ``system`` are the digests of the rules and of the
    system prompt, ``now`` is in Unix seconds. ``contextual``: the prompt came among other messages, under
    which the operator's answers do not hold.
    """

    key: LookupKey
    user: int
    fingerprint: str
    system: str
    now: float
    contextual: bool = False

    def objections(self, fields: Mapping[str, Any]) -> tuple[str, ...]:
        """Names of the rules that keep an entry with these fields from the user."""
        fits = {
            "scope": fields.get("scope") in self.key.scopes,
            "language": fields.get("language") in self.key.languages,
            "rules": fields.get("fingerprint") in {self.fingerprint, CURATED},
            "system prompt": fields.get("system")
            in {self.system, self.system if self.contextual else CURATED},
            "state": fields.get("state") == LIVE,
            "hidden": str(self.user) not in str(fields.get("hidden") or "").split(","),
            "expired": _number(fields.get("expires_at")) > self.now,
        }
        return tuple(name for name, fit in fits.items() if not fit)

    def query(self) -> tuple[str, dict[str, Any]]:
        """The same rules as a query, and the values of its parameters."""
        languages = self.key.languages
        return _filter(len(languages), contextual=self.contextual), {
            "own": self.key.scopes[0],
            "fingerprint": self.fingerprint,
            "system": self.system,
            "user": str(self.user),
            "now": self.now,
            **{f"language{at}": language for at, language in enumerate(languages)},
        }


@cache
def _filter(languages: int, *, contextual: bool) -> str:
    """``Visibility.objections`` as a query, of parameters alone."""
    curated = "" if contextual else f"|{CURATED}"
    alternatives = "|".join(f"$language{at}" for at in range(languages))
    return (
        f"(@scope:{{$own|{SHARED}}} @language:{{{alternatives}}}"
        f" @fingerprint:{{$fingerprint|{CURATED}}} @system:{{$system{curated}}}"
        f" @state:{{{LIVE}}} -@hidden:{{$user}} @expires_at:[($now +inf])"
    )


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Numbers of entries in the index: all, the operator's, quarantined or withdrawn ones."""

    entries: int
    curated: int
    withheld: int


class AnswerIndex:
    """The entries under one prefix, with the vectors of one embedder. Raises redis-py's errors.

    The name of the index and the vector's field tell the embedder and its ``dimensions``: another
    embedder has an index of its own over the same entries.
    """

    def __init__(
        self, client: redis.asyncio.Redis, *, prefix: str, embedder_name: str, dimensions: int
    ) -> None:
        self.client, self.prefix = client, prefix
        model = re.sub(r"[^a-z0-9]+", "_", embedder_name.lower()).strip("_")
        self.embedding = f"{model}_{dimensions}"
        self.vector_field = f"vector_{self.embedding}"
        self.key_prefix = entry_key(prefix, "")
        self._index = SearchIndex(
            client,
            name=f"{prefix}:answers:{model}:{dimensions}",
            key_prefix=self.key_prefix,
            fields=[
                *tags(*_TAGS),
                {"name": "expires_at", "type": "numeric"},
                {"name": "created_at", "type": "numeric", "attrs": {"sortable": True}},
                vector(self.vector_field, dimensions),
            ],
        )
        self.name, self._created = self._index.name, False

    def key(self, entry: UUID) -> str:
        """The entry's key; the same for every embedder."""
        return f"{self.key_prefix}{entry}"

    async def ensure(self) -> None:
        """Create the index, once in this process."""
        if not self._created:
            await self._index.create()
            self._created = True

    async def by_words(self, visible: Visibility) -> tuple[list[Hit], bool]:
        """The operator's entry, the user's own and the shared one of this question, in one round trip;
        and whether a pointer led elsewhere: then older entries may be left."""
        asked = visible.key
        # In the order of serving: the operator's, the user's own, the shared one.
        keys = [self.key(asked.curated)] + [
            self._pointer(scope, visible.fingerprint, visible.system, asked.hash)
            for scope in asked.scopes
        ]
        replies = await self.client.eval_ro(_READ, len(keys), *keys)
        entries = [(key.decode(), _named(values)) for key, values in filter(None, replies)]
        hits = [
            Hit(UUID(key.rpartition(":")[2]), 1.0, fields)
            for key, fields in entries
            if fields.get("question_hash") == asked.hash and not visible.objections(fields)
        ]
        return hits, len(hits) < len(entries)

    async def same(self, visible: Visibility) -> list[Hit]:
        """All visible entries of the question's words, the newest first."""
        visibility, values = visible.query()
        query = ("SORTBY", "created_at", "DESC", *_returning((*FIELDS, "created_at")))
        text, values["asked"] = f"@question_hash:{{$asked}} {visibility}", visible.key.hash
        rows = await self._rows(text, values, query)
        return [self._hit(key, fields, 1.0) for key, fields in rows]

    async def nearest(
        self, vector: Vector, visible: Visibility, fields: Sequence[str] = WEIGHED
    ) -> list[Hit]:
        """Entries of similar questions, the nearest first."""
        return await self._near(vector, *visible.query(), fields)

    async def around(self, vector: Vector, now: float) -> list[Hit]:
        """Entries of similar questions in any scope that have not expired by ``now`` (Unix seconds), with
        the filtered fields; the nearest first."""
        alive = "@expires_at:[($now +inf]"
        return await self._near(vector, alive, {"now": now}, (*FIELDS, *FILTERED))

    async def read(self, hit: Hit, visible: Visibility) -> Hit | None:
        """The hit with its answer; ``None`` where the entry is gone, or not visible any more."""
        fields = _named(await self.client.hmget(self.key(hit.entry), list(_EXACT)))
        if "answer" not in fields or visible.objections(fields):
            return None
        return replace(hit, fields={**hit.fields, **fields})

    async def write(self, entry: CacheEntry) -> None:
        """Store an entry, all or nothing, and then its pointer; neither without an end."""
        key, expires = self.key(entry.id), int(entry.expires_at) + 1
        pointer = ""
        if entry.fingerprint != CURATED:
            pointer = self._pointer(entry.scope, entry.fingerprint, entry.system, entry.asked)
        fields = {**entry.fields(self.vector_field, self.embedding), "words": pointer}
        async with self.client.pipeline(transaction=True) as pipe:
            # Fields that an older entry of this id has must not stay.
            pipe.delete(key)
            pipe.hset(key, mapping=fields)
            pipe.expireat(key, expires)
            await pipe.execute()
        if pointer:  # it may lie in another slot; without it the entry is found by meaning
            await self.client.set(pointer, key, exat=expires)

    async def sign(self, entry: UUID, signature: str) -> None:
        """Add the signature of its answer to an entry, if it exists."""
        await self.client.eval(_SIGN, 1, self.key(entry), signature)

    async def group(self, entries: Sequence[UUID]) -> list[str | None]:
        """The group of each entry, of answers that say the same; one without gets one of its own. ``None``
        where the entry is gone."""
        # A group has a name of chance: it tells nothing of the entries in it, also when these are gone.
        names = [secrets.token_hex(8) for _ in entries]
        found = await self.client.eval(
            _GROUP, len(entries), *(self.key(entry) for entry in entries), *names
        )
        return [each and each.decode() for each in found]

    async def link(self, entry: UUID, known: Known[str]) -> None:
        """Put an entry into its group and apart from others, if it exists."""
        apart = " ".join(sorted(known.apart))
        await self.client.eval(_LINK, 1, self.key(entry), known.group, apart)

    async def count(self) -> CacheStats:
        """Count the entries."""
        texts = ("*", f"@fingerprint:{{{CURATED}}}", f"-@state:{{{LIVE}}}")
        counts = [await self._index.search(text, {}, ("LIMIT", 0, 0)) for text in texts]
        return CacheStats(*(count[0] for count in counts))

    def _pointer(self, scope: str, fingerprint: str, system: str, question_hash: str) -> str:
        # The key of a pointer: a digest, which tells nothing of the question.
        text = f"{scope}\0{fingerprint}\0{system}\0{question_hash}"
        return f"{self.prefix}:words:{hashlib.sha256(text.encode()).hexdigest()[:32]}"

    async def _near(
        self, vector: Vector, query_filter: str, values: Mapping[str, Any], fields: Sequence[str]
    ) -> list[Hit]:
        text = (
            f"({query_filter})=>[KNN {CANDIDATES + SPARE} @{self.vector_field} $vector AS distance]"
        )
        query = ("SORTBY", "distance", *_returning((*fields, "distance")))
        rows = await self._rows(text, {"vector": vector_bytes(vector), **values}, query)
        return [self._hit(key, row, 1.0 - float(row.pop("distance"))) for key, row in rows]

    async def _rows(
        self, text: str, values: Mapping[str, Any], query: Sequence[str | int]
    ) -> list[tuple[str, dict[str, str]]]:
        """Keys, and those of the returned fields that exist; without entries that are gone."""
        limit = ("LIMIT", 0, CANDIDATES + SPARE)
        _, *flat = await self._index.search(text, values, (*query, *limit))
        rows = ((key.decode(), _fields(fields)) for key, fields in _pairs(flat))
        needed = _NEEDED.intersection(query)
        return [row for row in rows if needed <= row[1].keys()][:CANDIDATES]

    def _hit(self, key: str, fields: dict[str, str], similarity: float) -> Hit:
        return Hit(
            entry=UUID(key.removeprefix(self.key_prefix)),
            similarity=round(min(1.0, max(-1.0, similarity)), 6),
            fields=fields,
        )


def _returning(fields: Sequence[str]) -> tuple[str | int, ...]:
    return ("RETURN", len(fields), *fields)


def _pairs(flat: Sequence[Any]) -> zip[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _fields(flat: Sequence[Any] | None) -> dict[str, str]:
    """None where the hash was gone when its fields were read; a field may be gone too."""
    return {
        name.decode(): value.decode() for name, value in _pairs(flat or ()) if value is not None
    }


def _number(text: Any) -> float:
    """0 for what is none: it expired long ago."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return 0.0


def _named(values: Sequence[Any]) -> dict[str, str]:
    fields = zip(_EXACT, values, strict=True)
    return {name: value.decode() for name, value in fields if value is not None}
