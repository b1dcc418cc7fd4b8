"""What an answer says, in a few bytes: the gists of answers that say the same are near each other.

The signs of an answer's vector along 256 random directions (Charikar 2002): the share of bits that
differ tells the angle between two vectors. Pure.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

BITS = 256
ALIKE = 0.77
"""Cosine from which two answers say the same. With the local embedder answers of several models to
one question have some 0.9, to different questions of one field 0.4 to 0.5."""

_APART = math.acos(ALIKE) / math.pi * BITS


def gist(vector: Sequence[float]) -> str:
    """In hexadecimal, from the answer's vector; the same vector always has the same."""
    held = np.asarray(vector, np.float64)
    return np.packbits(held @ _directions(len(held)) > 0).tobytes().hex()


def groups(gists: Sequence[str]) -> list[int]:
    """A number for each: equal where the answers say the same. One without a gist is by itself."""
    leaders: list[tuple[int, int]] = []
    found = []
    for at, one in enumerate(gists):
        bits = int(one, 16) if one else None
        group = at if bits is None else _group(bits, leaders)
        if group is None:
            group = at
            leaders.append((int(one, 16), at))
        found.append(group)
    return found


def _group(bits: int, leaders: Sequence[tuple[int, int]]) -> int | None:
    near = (group for held, group in leaders if (bits ^ held).bit_count() <= _APART)
    return next(near, None)


@lru_cache(maxsize=4)
def _directions(dimensions: int) -> NDArray[np.float64]:
    """Made of a digest, so that they are the same in every process and version."""
    digest = hashlib.shake_256(b"gist of an answer").digest(dimensions * BITS // 8)
    bits = np.unpackbits(np.frombuffer(digest, np.uint8)).reshape(dimensions, BITS)
    return np.asarray(bits * 2.0 - 1.0, np.float64)
