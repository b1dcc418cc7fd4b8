"""Entries by the very words of their question: by key, where a query would take ten times as long.

A pointer names the newest entry for one question, in one scope, under one set of rules and one system
prompt, and ends when that entry does. The operator's own need none: the question makes their id. No
pointer is believed: the entry's own fields say whether it may be served, and it goes with its entry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import redis.asyncio

from conversations.adapters.answer_cache.entries import (
    CURATED,
    SERVED,
    SHARED,
    Entry,
    Hit,
    curated_id_of,
    entry_key,
    own,
)
from conversations.adapters.answer_cache.visibility import FILTERED, Servable

_FIELDS = ("question_hash", *SERVED, *FILTERED)

# KEYS: the operator's entry, then pointers.
_READ = f"""
local found = {{}}
for at, key in ipairs(KEYS) do
  local entry = redis.call(at > 1 and 'GET' or 'EXISTS', key)
  if at == 1 then entry = entry == 1 and key end
  found[at] = entry and {{entry, redis.call('HMGET', entry, '{"', '".join(_FIELDS)}')}}
end
return found
"""

# An entry that was deleted meanwhile must not come back as a hash without an end.
SIGN = """
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'says', ARGV[1]) end
"""
"""A script. KEYS: an entry. ARGV: the signature of its answer."""


@dataclass(frozen=True, slots=True)
class Pointed:
    """``hits`` may be served: the operator's, the person's own, everybody's. ``astray`` where a pointer
    led to nothing, or to what may not be served: then there may be older ones."""

    hits: Sequence[Hit]
    astray: bool


def _pointer_key(prefix: str, scope: str, fingerprint: str, system: str, asked: str) -> str:
    """Where the pointer lies; ``asked`` is the question's hash. It tells none of them."""
    told = f"{scope}\0{fingerprint}\0{system}\0{asked}"
    return f"{prefix}:words:{hashlib.sha256(told.encode()).hexdigest()[:32]}"


def _pointer_to(prefix: str, entry: Entry) -> str:
    """The pointer that names this entry from now on; the operator's own have none."""
    if entry.fingerprint == CURATED:
        return ""
    return _pointer_key(prefix, entry.scope, entry.fingerprint, entry.system, entry.asked)


async def read_words(
    client: redis.asyncio.Redis, prefix: str, asked: str, among: Servable
) -> Pointed:
    """What is kept for these words, in one round trip. Raises redis-py's errors."""
    scopes = own(among.user), SHARED
    keys = [
        entry_key(prefix, curated_id_of(asked)),
        *(_pointer_key(prefix, scope, among.fingerprint, among.system, asked) for scope in scopes),
    ]
    led = await client.eval_ro(_READ, len(keys), *keys)
    known = [(key.decode(), _named(values)) for key, values in filter(None, led)]
    hits = [
        Hit(UUID(key.rpartition(":")[2]), 1.0, fields)
        for key, fields in known
        if fields.get("question_hash") == asked and not among.objections(fields)
    ]
    return Pointed(hits, astray=len(hits) < len(known))


async def read_entry(
    client: redis.asyncio.Redis, key: str, hit: Hit, among: Servable
) -> Hit | None:
    """The same with its answer; ``None`` where it has gone, or is not theirs any more. Raises redis-py's
    errors."""
    values = await client.hmget(key, list(_FIELDS))
    fields = _named(values)
    if "answer" not in fields or among.objections(fields):
        return None
    return replace(hit, fields={**hit.fields, **fields})


async def keep_entry(
    client: redis.asyncio.Redis, prefix: str, entry: Entry, fields: Mapping[Any, Any]
) -> None:
    """Keep it, all or nothing, and then its pointer; neither without an end. Raises redis-py's errors."""
    key, pointer = entry_key(prefix, entry.id), _pointer_to(prefix, entry)
    ends = int(entry.expires_at) + 1
    async with client.pipeline(transaction=True) as pipe:
        pipe.delete(key)
        pipe.hset(key, mapping={**fields, "words": pointer})
        pipe.expireat(key, ends)
        await pipe.execute()
    if pointer:  # it may lie in another slot; without it the entry is found by meaning
        await client.set(pointer, key, exat=ends)


def _named(values: Sequence[Any]) -> dict[str, str]:
    fields = zip(_FIELDS, values, strict=True)
    return {name: value.decode() for name, value in fields if value is not None}
