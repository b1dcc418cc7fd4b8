"""Key makers: the chain of API keys that made a key. Its spending counts for all of them, too."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from conversations.models import APIKey

GENERATIONS = 5
"""Of keys that were made by keys, the one that a person made included."""


def makers_of(key: UUID) -> tuple[UUID, ...]:
    """The keys that made a key, the nearest first. They never change."""
    found: list[UUID] = []
    maker = _maker_of(key)
    while maker is not None:
        found.append(maker)
        maker = _maker_of(maker)
    return tuple(found)


def keys_under(key: UUID) -> Sequence[UUID]:
    """A key, and all that it and those that it made have made."""
    found, newest = [key], [key]
    while newest:
        newest = list(APIKey.objects.filter(maker__in=newest).values_list("pk", flat=True))
        found += newest
    return found


def _maker_of(key: UUID) -> UUID | None:
    return APIKey.objects.filter(pk=key).values_list("maker", flat=True).first()
