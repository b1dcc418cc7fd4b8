"""The guard's verdict. Pure: standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class GuardReport:
    """The guard's verdict on a prompt.

    ``verdict`` is ``pass``, ``flag`` (goes on, marked) or ``block`` (no provider sees it).
    ``score`` in [0, 1] is the estimated probability of an injection; ``signals`` are short codes.
    """

    verdict: Literal["pass", "flag", "block"]
    score: float = 0.0
    signals: tuple[str, ...] = ()
