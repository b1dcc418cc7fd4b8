"""Arguments of commands: numbers within bounds, for ``argparse``."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def whole(least: int, most: int) -> Callable[[str], int]:
    """The type of an argument that is a whole number from ``least`` to ``most``."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"{text[:40]!r} is no whole number from {least} to {most}"
            )
        return value

    return read


def decimal(least: float, most: float) -> Callable[[str], float]:
    """The type of an argument that is a number from ``least`` to ``most``."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:  # NaN is in no range
            raise argparse.ArgumentTypeError(
                f"{text[:40]!r} is no number from {least:g} to {most:g}"
            )
        return value

    return read
