"""Deterministic embeddings: texts that share words are near each other."""

from __future__ import annotations

import base64
import hashlib
import math
import random
from array import array
from functools import lru_cache
from typing import Literal

from assistant_site.simulator.words import STOPWORDS, stem, words


def embed(text: str, dimensions: int) -> list[float]:
    """A unit vector for ``text``: the sum of its stems' directions, and a little of its own."""
    total = [0.15 * part for part in _direction("text:" + text, dimensions)]
    for word in words(text):
        weight = 0.3 if word in STOPWORDS else 1.0
        for index, part in enumerate(_direction("stem:" + stem(word), dimensions)):
            total[index] += weight * part
    length = math.sqrt(sum(part * part for part in total))
    return [part / length for part in total]


def encoded(vector: list[float], form: Literal["float", "base64"]) -> list[float] | str:
    """As the API sends it: numbers, or little-endian 32-bit floats in base64."""
    if form == "float":
        return vector
    packed = array("f", vector)
    if packed.itemsize != 4:
        raise TypeError("this platform has no 32-bit floats")
    return base64.b64encode(packed.tobytes()).decode()


@lru_cache(maxsize=512)
def _direction(seed: str, dimensions: int) -> tuple[float, ...]:
    digest = hashlib.sha256(seed.encode("utf-8", "replace")).digest()
    draw = random.Random(digest)  # noqa: S311 - the same text must give the same vector
    return tuple(draw.gauss(0, 1) for _ in range(dimensions))
