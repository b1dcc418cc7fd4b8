"""What people's verdicts on a stored answer come to: weights, a bar, and how far the answer is lowered.

Pure. A verdict weighs up to 1. It weighs less from somebody who calls most things bad, and less
still where the review desk overruled them; and people who never asked anything but this question count
like a crowd, not like its members: the second half, the third a third.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PATIENCE = 5.0
"""Verdicts on other answers until somebody's habits begin to tell."""
OVERRULED = 3.0
"""How much more a verdict counts against its giver that the desk has overruled."""

BAR = 1.5
"""Weight of bad verdicts that quarantines an answer nobody praised: two people's who use the service,
or two who only came for this one."""
PRAISE = 0.5
"""How much a good verdict of weight 1 raises the bar."""
QUIET_USES = 10
"""Uses from which on further ones without a complaint raise the bar."""
QUIET = 0.02


@dataclass(frozen=True, slots=True)
class Verdict:
    """One person's latest verdict on an answer, and their habits elsewhere: answers they called good
    and bad, and how many of these bad verdicts the desk overruled. ``passing``: they asked nothing
    else. ``counts`` is false for what the desk has seen already."""

    user: int
    bad: bool
    others_good: int = 0
    others_bad: int = 0
    overruled: int = 0
    passing: bool = False
    counts: bool = True

    @property
    def weight(self) -> float:
        """In (0, 1]."""
        fair = self.others_good + PATIENCE
        return fair / (fair + self.others_bad + OVERRULED * self.overruled)


@dataclass(frozen=True, slots=True)
class Standing:
    """``good`` and ``bad`` are sums of weights, ``penalty`` is in [0, 1], ``hidden_from`` are the people
    who are not given the answer, whatever others say."""

    good: float
    bad: float
    penalty: float
    hidden_from: tuple[int, ...]

    @property
    def condemned(self) -> bool:
        """Whether nobody is to be given it until somebody has looked."""
        return self.penalty >= 1


def standing(verdicts: Iterable[Verdict], uses: int) -> Standing:
    """Add up, the oldest verdict first; ``uses`` is how often the answer was given."""
    given = list(verdicts)
    good = _weighed(verdict for verdict in given if not verdict.bad)
    bad = _weighed(verdict for verdict in given if verdict.bad and verdict.counts)
    bar = BAR + PRAISE * good + QUIET * max(0, uses - QUIET_USES)
    return Standing(
        good=round(good, 4),
        bad=round(bad, 4),
        penalty=round(min(1.0, bad / bar), 4),
        hidden_from=tuple(verdict.user for verdict in given if verdict.bad),
    )


def _weighed(verdicts: Iterable[Verdict]) -> float:
    total, passing = 0.0, 0
    for verdict in verdicts:
        passing += verdict.passing
        total += verdict.weight / (passing if verdict.passing else 1)
    return total
