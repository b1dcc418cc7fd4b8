"""Classification of database errors: the reason for which a write failed, in one word."""

from __future__ import annotations

from collections.abc import Mapping

FULL, READ_ONLY, LOCKED, DOWN = "full", "read-only", "locked", "down"

_STATES: Mapping[str, str] = {
    "53100": FULL,
    "25006": READ_ONLY,
    "42501": READ_ONLY,
    "55P03": LOCKED,
}
"""By PostgreSQL's SQLSTATE: disk full, read-only transaction, insufficient privilege, lock not available."""

_PHRASES: Mapping[str, str] = {
    "disk is full": FULL,
    # SQLite's words for a quota or a limit of the file's size.
    "disk i/o error": FULL,
    "no space left": FULL,
    "readonly database": READ_ONLY,
    "read-only": READ_ONLY,
    "is locked": LOCKED,
}
"""By the words of SQLite, and of drivers that tell no SQLSTATE."""


def reason_of(error: BaseException) -> str:
    """``full``, ``read-only`` or ``locked``; ``down`` for every other reason."""
    cause = error.__cause__ or error
    if known := _STATES.get(getattr(cause, "sqlstate", None) or ""):
        return known
    words = str(error).lower()
    return next((reason for phrase, reason in _PHRASES.items() if phrase in words), DOWN)
