"""Locality-sensitive hash: the signature of an answer, near those of answers that say the same.

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


def answer_signature(vector: Sequence[float]) -> str:
    """The signature in hexadecimal; the same vector always has the same."""
    array = np.asarray(vector, np.float64)
    return np.packbits(array @ _directions(len(array)) > 0).tobytes().hex()


def group_answers(signatures: Sequence[str]) -> list[int]:
    """A group number for each answer: equal where answers say the same. An answer without a
    signature is by itself."""
    leaders: list[tuple[int, int]] = []
    groups = []
    for at, signature in enumerate(signatures):
        group = at
        if signature:
            bits = int(signature, 16)
            near = (leader for other, leader in leaders if (bits ^ other).bit_count() <= _APART)
            group = next(near, at)
            if group == at:
                leaders.append((bits, at))
        groups.append(group)
    return groups


@lru_cache(maxsize=4)
def _directions(dimensions: int) -> NDArray[np.float64]:
    # From a digest: stored signatures compare only if each process and version has the same.
    digest = hashlib.shake_256(b"gist of an answer").digest(dimensions * BITS // 8)
    bits = np.unpackbits(np.frombuffer(digest, np.uint8)).reshape(dimensions, BITS)
    return np.asarray(bits * 2.0 - 1.0, np.float64)
