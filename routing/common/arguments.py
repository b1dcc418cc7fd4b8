"""Arguments of commands: numbers within bounds, for ``argparse``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

N = TypeVar("N", int, float)


def whole(least: int, most: int) -> Callable[[str], int]:
    """The type of an argument that is a whole number from ``least`` to ``most``."""
    return _within(int, "whole number", least, most)


def decimal(least: float, most: float) -> Callable[[str], float]:
    """The type of an argument that is a number from ``least`` to ``most``."""
    return _within(float, "number", least, most)


def _within(convert: Callable[[str], N], kind: str, least: N, most: N) -> Callable[[str], N]:
    def read(text: str) -> N:
        try:
            value = convert(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:  # NaN is in no range
            detail = f"{text[:40]!r} is no {kind} from {least} to {most}"
            raise argparse.ArgumentTypeError(detail)
        return value

    return read
