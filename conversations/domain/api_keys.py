"""API keys: the text of a key, and the rights that it grants. Pure.

``sk-ac-`` + 30 random base62 characters + 6 base62 characters, the CRC-32 of those 30 (the scheme of
GitHub's tokens): a mistyped key is refused without a look into any store, and scanners for leaked
secrets recognise a real one.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from conversations.domain.errors import MissingScope, TokenNotValid
from routing.common.translatable import Translatable
from routing.domain.access import release_within
from routing.domain.errors import ModelUnknown
from routing.domain.release import Release
from routing.domain.rules import plain_name

PREFIX = "sk-ac-"
_RANDOM, _CHECKSUM = 30, 6
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
LENGTH = len(PREFIX) + _RANDOM + _CHECKSUM
"""Characters of a key."""
_FORM = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{_RANDOM}}})([0-9A-Za-z]{{{_CHECKSUM}}})")
ROUTED = "assistant"
"""The name that stands for the model which the published rules choose."""


class Scope(StrEnum):
    """One right of a key."""

    CHAT = "chat"
    IMAGES = "images"
    EMBEDDINGS = "embeddings"
    CONVERSATIONS = "conversations"
    FEEDBACK = "feedback"
    USAGE = "usage"
    KEYS = "keys"


DEFAULT_SCOPES = (Scope.CHAT, Scope.IMAGES, Scope.EMBEDDINGS)


@dataclass(frozen=True, slots=True)
class Grant:
    """The rights of one key. ``models`` are plain names that it may ask for; ``None`` stands for all that
    are published. ``end_users``: the ids of end users that the caller sends are trusted. ``lenient``:
    unknown parameters are dropped instead of refused."""

    key: UUID
    scopes: frozenset[str]
    models: frozenset[str] | None = None
    end_users: bool = False
    lenient: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """The person behind a request. ``grant`` is ``None`` after sign-in: a person has all rights over
    what is its own, a key those that were granted to it."""

    user: int
    grant: Grant | None = None

    @property
    def key(self) -> UUID | None:
        """The API key of the request."""
        return self.grant.key if self.grant else None

    def require_scope(self, *scopes: Scope) -> None:
        """Raises ``MissingScope`` for a key that has none of ``scopes``; no scope is needed where none
        is named."""
        if scopes and self.grant and not self.grant.scopes.intersection(scopes):
            raise MissingScope(*scopes)

    def require_person(self) -> None:
        """Raises ``MissingScope`` for every key."""
        if self.grant:
            raise MissingScope

    def require_model(self, name: str) -> None:
        """Check a model's name, where empty stands for the rules' choice. Raises ``ModelUnknown``,
        as for a model that does not exist."""
        models = self.grant.models if self.grant else None
        if models is not None and plain_name(name or ROUTED) not in models:
            raise ModelUnknown(name or ROUTED, "No published model that answers has this name.")

    def narrowed(self, release: Release, name: str) -> Release:
        """The rules by which a named model answers: its fallbacks, too, are among those that the key may ask
        for. A key that may have the rules choose has all of theirs."""
        models = self.grant.models if self.grant else None
        return release_within(release, models) if models is not None and name else release


def generate_key() -> str:
    """A new key."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return f"{PREFIX}{body}{_checksum(body)}"


def key_digest(key: str) -> str:
    """SHA-256 of a key, in hex: the only form in which it is stored. A slow hash is for passwords: a
    key has 178 random bits. Raises ``TokenNotValid`` for a malformed key or a wrong checksum."""
    if not is_key(key):
        raise TokenNotValid(NOT_VALID)
    return hashlib.sha256(key.encode()).hexdigest()


def is_key(text: str) -> bool:
    """Whether the text is a well-formed key with the right checksum."""
    match = _FORM.fullmatch(text)
    return match is not None and secrets.compare_digest(_checksum(match[1]), match[2])


NOT_VALID = Translatable("The API key is not valid.")
"""One text for malformed, unknown, expired and revoked keys: it tells a guesser nothing."""


def key_hint(key: str) -> str:
    """The part of a key that may be shown: its first 10 and last 4 characters."""
    return f"{key[:10]}…{key[-4:]}"


def is_subset(wanted: Collection[str] | None, granted: Collection[str] | None) -> bool:
    """Whether ``wanted`` is no more than ``granted``; ``None`` is everything."""
    return granted is None or (wanted is not None and set(wanted) <= set(granted))


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECKSUM):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
