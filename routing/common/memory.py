"""Memory that the allocator keeps after a large reply, given back to the system."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache


@cache
def _trim() -> Callable[[int], int] | None:
    """glibc's ``malloc_trim``; none with another C library."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None


def give_back() -> None:
    """Give free memory back, where the C library can: milliseconds, without the interpreter's lock."""
    if trim := _trim():
        trim(0)
