"""Ids of shared answers (format-preserving encryption): they tell neither the person nor the time.

A message's id is of version 7 and begins with the time. A shared entry has it shuffled under the
site's key, as version 8: only with the key is the message found again.
"""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

_HALF = 61
_MASK = (1 << _HALF) - 1
_ROUNDS = 6
_VERSION = 8
_CHAT_VERSION = 4


class EntryIds:
    """The two directions under one key; a balanced Feistel network over the 122 bits that a UUID's
    version and variant leave free (Luby and Rackoff, 1988: four rounds suffice)."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"shared answers' ids\0" + secret.encode()).digest()

    def shared(self, message: UUID) -> UUID:
        """The id under which the answer in ``message`` is shared."""
        bits = _free_bits(message)
        left, right = bits >> _HALF, bits & _MASK
        for turn in range(_ROUNDS):
            left, right = right, left ^ self._mixed(turn, right)
        return _uuid(left << _HALF | right, _VERSION)

    def message(self, entry: UUID) -> UUID | None:
        """The message that an entry was made from; ``None`` for the operator's own, which have none."""
        if entry.version == 7:
            return entry
        if entry.version != _VERSION:
            return None
        bits = _free_bits(entry)
        left, right = bits >> _HALF, bits & _MASK
        for turn in reversed(range(_ROUNDS)):
            left, right = right ^ self._mixed(turn, left), left
        return _uuid(left << _HALF | right, 7)

    def of_chat(self, message: UUID) -> UUID:
        """The id of an entry made from an answer that no conversation keeps: no message is found by it."""
        shared = self.shared(message)
        return _uuid(_free_bits(shared), _CHAT_VERSION)

    def both(self, message: UUID) -> tuple[UUID, UUID]:
        """The ids of all entries that can have been made from a message: its own, and the shared."""
        return message, self.shared(message)

    def every(self, message: UUID) -> tuple[UUID, ...]:
        """The same for an answer of which it is unknown whether a conversation keeps it."""
        return (*self.both(message), self.of_chat(message))

    def _mixed(self, turn: int, half: int) -> int:
        given = bytes([turn]) + half.to_bytes(8, "big")
        digest = hmac.digest(self._key, given, "sha256")
        return int.from_bytes(digest[:8], "big") & _MASK


def _free_bits(uuid: UUID) -> int:
    """RFC 9562: 48 bits, the version, 12 bits, the variant (2), 62 bits."""
    value = uuid.int
    return (value >> 80) << 74 | (value >> 64 & 0xFFF) << 62 | value & ((1 << 62) - 1)


def _uuid(bits: int, version: int) -> UUID:
    low = bits & ((1 << 62) - 1)
    return UUID(
        int=(bits >> 74) << 80 | version << 76 | (bits >> 62 & 0xFFF) << 64 | 0b10 << 62 | low
    )
