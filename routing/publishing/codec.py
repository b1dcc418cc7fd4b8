"""Codec: the stored forms of rule sets, as JSON in the database and as blobs and a pointer in Redis.

``{<prefix>:rules}:version:<n>`` holds the JSON of version n. ``{<prefix>:rules}:current`` names the
release, its stage and its versions by number and digest: ``7 all 12:9f86d081884c7d65``, or
``8 percent:25 12:9f86d081884c7d65 13:60303ae22b998861``. One script writes all of them, so no reader
sees half a publication.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import redis
from pydantic import TypeAdapter

from routing.domain.release import Release, Stage
from routing.domain.rules import RuleSet

_RULE_SET = TypeAdapter(RuleSet)

# The pointer moves to a later release, or away from exactly what the caller saw: of two publishers
# that race the later release wins whoever writes last, and a Redis that outlived its database
# (numbers ahead of it, or other rules under the same number) can still be set right.
PUBLISH = """
local held = redis.call('GET', KEYS[1]) or ''
local number = tonumber(string.match(held, '^%d+') or '-1')
if tonumber(ARGV[1]) <= number and held ~= ARGV[3] then
  return 0
end
for at = 2, #KEYS do
  redis.call('SET', KEYS[at], ARGV[at + 2])
end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""


def ruleset_dump(rules: RuleSet) -> dict[str, Any]:
    """JSON-ready form; decimals become strings."""
    body: dict[str, Any] = _RULE_SET.dump_python(rules, mode="json")
    return body


def ruleset_load(body: Any) -> RuleSet:
    """The rules of ``ruleset_dump``'s form; fields that were unknown when it was stored get their
    defaults. Raises ``ValueError`` on anything else, a field unknown today included."""
    return _RULE_SET.validate_python(body)


@dataclass(frozen=True)
class Blob:
    """A published version as bytes, with the name that the pointer gives it."""

    version: int
    body: bytes

    @classmethod
    def of(cls, rules: RuleSet) -> Blob:
        """The bytes are the same for the same rules."""
        # Sorted: the digest must be the same for the same rules, in each process and version.
        body = json.dumps(ruleset_dump(rules), sort_keys=True, ensure_ascii=False)
        return cls(rules.version, body.encode())

    @cached_property
    def name(self) -> str:
        """Number and digest: a reader sees changed contents even under an old number."""
        return f"{self.version}:{hashlib.sha256(self.body).hexdigest()[:16]}"

    def rules(self) -> RuleSet:
        """Raises ``ValueError`` when the bytes are no rule set."""
        return _RULE_SET.validate_json(self.body)


@dataclass(frozen=True, slots=True)
class Pointer:
    """The value of ``current``, taken apart. ``versions`` are blobs' names: the live one's, then the
    trial's."""

    release: int
    stage: Stage
    percent: int
    versions: tuple[str, ...]

    @classmethod
    def read(cls, value: bytes) -> Self | None:
        """``None`` when it is no pointer of ours."""
        try:
            release, stage, *versions = value.decode().split(" ")
            name, _, percent = stage.partition(":")
            pointer = cls(int(release), Stage(name), int(percent or 0), tuple(versions))
            known = all(number_of(version) for version in versions)
        except ValueError:
            return None
        wanted = 1 if pointer.stage is Stage.ALL else 2
        return pointer if known and len(versions) == wanted else None

    def __bytes__(self) -> bytes:
        stage = f"{self.stage}:{self.percent}" if self.percent else str(self.stage)
        return " ".join((str(self.release), stage, *self.versions)).encode()


@dataclass(frozen=True)
class Publication:
    """A release as it is written to Redis."""

    release: Release

    @cached_property
    def blobs(self) -> tuple[Blob, ...]:
        """The live version's, then the trial's."""
        both = (self.release.live, self.release.trial)
        return tuple(Blob.of(rules) for rules in both if rules)

    @cached_property
    def pointer(self) -> bytes:
        """The value of ``current`` once it is written."""
        made = self.release
        names = tuple(blob.name for blob in self.blobs)
        return bytes(Pointer(made.number, made.stage, made.percent, names))


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

    def publish(self, made: Publication, seen: bytes | None) -> tuple[Any, ...]:
        """Arguments of ``EVAL``: the script, its keys, the release's number, its pointer, the pointer
        seen before, the blobs."""
        keys = [self.current, *(self.version(blob.version) for blob in made.blobs)]
        bodies = (blob.body for blob in made.blobs)
        number = made.release.number
        return PUBLISH, len(keys), *keys, number, made.pointer, seen or b"-", *bodies


def number_of(name: str) -> int:
    """The version's number in a blob's name. Raises ``ValueError`` when it is none."""
    number, _, digest = name.partition(":")
    if not digest:
        raise ValueError(name)
    return int(number)


def read_pointer(client: redis.Redis, prefix: str) -> bytes | None:
    """The pointer as it stands. Raises redis-py's errors."""
    pointer: bytes | None = client.get(Keys(prefix).current)  # type: ignore[assignment]
    return pointer


def write_release(
    client: redis.Redis, prefix: str, made: Publication, *, seen: bytes | None
) -> bool:
    """Write a release's versions and move the pointer to it, unless it points to a later one already.

    ``seen`` is the pointer as it was *before* the release was read from the database; where it still
    stands it may also move backwards. Returns whether it moved. Raises redis-py's errors.
    """
    return bool(client.eval(*Keys(prefix).publish(made, seen)))
