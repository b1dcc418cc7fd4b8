"""What a published rule set looks like in Redis: one immutable blob a version, one pointer.

``{<prefix>:rules}:version:<n>`` holds the JSON of version n, ``{<prefix>:rules}:current`` its number and
digest, as ``12:9f86d081884c7d65``. Both are written by one script, so nobody sees half a publication.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import redis

from routing.domain import RuleSet

# The pointer moves to a higher number, or away from exactly what the caller saw: of two publishers
# that race the later version wins whoever writes last, and a Redis that outlived its database
# (numbers ahead of it, or other rules under the same number) can still be set right.
PUBLISH = """
local held = redis.call('GET', KEYS[2]) or ''
local number = tonumber(string.match(held, '^%d+') or '-1')
if tonumber(ARGV[1]) <= number and held ~= ARGV[4] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[3])
redis.call('SET', KEYS[2], ARGV[2])
return 1
"""


@dataclass(frozen=True, slots=True)
class Blob:
    """A published version as bytes, with the pointer that names it."""

    version: int
    body: bytes

    @classmethod
    def of(cls, rules: RuleSet) -> Blob:
        """The bytes are the same for the same rules."""
        body = json.dumps(rules.to_dict(), sort_keys=True, ensure_ascii=False)
        return cls(rules.version, body.encode())

    @property
    def pointer(self) -> bytes:
        """Number and digest: a reader sees a changed content even under an old number."""
        return f"{self.version}:{hashlib.sha256(self.body).hexdigest()[:16]}".encode()

    def rules(self) -> RuleSet:
        """Raises ``ValueError`` when the bytes are no rule set."""
        try:
            return RuleSet.from_dict(json.loads(self.body))
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise ValueError(f"version {self.version} is not readable: {exc}") from exc


@dataclass(frozen=True, slots=True)
class Keys:
    """Names of the keys under one prefix; the braces keep them on one node of a cluster."""

    prefix: str

    @property
    def current(self) -> str:
        """The pointer."""
        return f"{{{self.prefix}:rules}}:current"

    def version(self, number: int) -> str:
        """The blob of one version."""
        return f"{{{self.prefix}:rules}}:version:{number}"

    def publish(self, blob: Blob, seen: bytes | None) -> tuple[Any, ...]:
        """Arguments of ``EVAL``: the script, its keys, number, pointer, body, the pointer seen before."""
        keys = self.version(blob.version), self.current
        return PUBLISH, 2, *keys, blob.version, blob.pointer, blob.body, seen or b"-"


def pointed_version(pointer: bytes) -> int | None:
    """The number in a pointer; ``None`` when it is no pointer of ours."""
    number, _, digest = pointer.partition(b":")
    return int(number) if number.isdigit() and digest else None


def read_pointer(client: redis.Redis, prefix: str) -> bytes | None:
    """The pointer as it stands. Raises redis-py's errors."""
    pointer: bytes | None = client.get(Keys(prefix).current)  # type: ignore[assignment]
    return pointer


def publish_blob(client: redis.Redis, prefix: str, blob: Blob, *, seen: bytes | None) -> bool:
    """Write a version and move the pointer to it, unless it points to a later one already.

    ``seen`` is the pointer as it was *before* the version was read from the database; where it still
    stands it may also move backwards. Returns whether it moved. Raises redis-py's errors.
    """
    return bool(client.eval(*Keys(prefix).publish(blob, seen)))
