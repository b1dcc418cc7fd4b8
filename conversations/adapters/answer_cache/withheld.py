"""Whether somebody must not be given a stored answer, as the database knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import UUID

from django.db import Error as DatabaseError

from routing.domain.errors import CacheUnavailable

Withheld = Callable[[UUID, int], Awaitable[bool]]
"""Says it of an entry, or of the answer that it was made from, and of a person, by primary key. Raises
Django's database errors."""


async def is_withheld(ask: Withheld, entry: UUID, user: int) -> bool:
    """Raises ``CacheUnavailable`` where the database cannot say."""
    try:
        return await ask(entry, user)
    except DatabaseError as exc:
        raise CacheUnavailable(f"database: {exc}") from exc
