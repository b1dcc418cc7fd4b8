"""Verdict weighting: the sums of people's verdicts on a stored answer, and its penalty. Pure.

A verdict weighs up to 1. A person with many bad verdicts weighs less, and less still after overruling
reviews. People without any other question count together: the second weighs half, the third a third.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PRIOR_VERDICTS = 5.0
"""Verdicts on other answers from which a person's habits begin to matter."""
OVERRULED = 3.0
"""How much more a verdict counts against its person when a review overruled it."""

BAR = 1.5
"""Weight of bad verdicts that quarantines an answer without praise: two regular users, or
two people without any other question."""
PRAISE = 0.5
"""How much a good verdict of weight 1 raises the bar."""
QUIET_USES = 10
"""Uses from which on further ones without a complaint raise the bar."""
QUIET = 0.02


@dataclass(frozen=True, slots=True)
class PersonalVerdict:
    """One person's latest verdict on an answer, with the person's habits elsewhere: numbers of answers
    called good and bad, and of bad verdicts overruled. ``passing``: the person asked nothing else.
    ``counts`` is false for verdicts from before the last decision of a review."""

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
        fair = self.others_good + PRIOR_VERDICTS
        return fair / (fair + self.others_bad + OVERRULED * self.overruled)


@dataclass(frozen=True, slots=True)
class VerdictWeights:
    """``good`` and ``bad`` are sums of weights, ``penalty`` is in [0, 1], ``hidden_from`` are the
    people with a bad verdict: the answer is never served to them."""

    good: float
    bad: float
    penalty: float
    hidden_from: tuple[int, ...]

    @property
    def condemned(self) -> bool:
        """Whether the answer is quarantined until a review."""
        return self.penalty >= 1


def weigh_verdicts(verdicts: Iterable[PersonalVerdict], uses: int) -> VerdictWeights:
    """Weigh verdicts, the oldest first; ``uses`` is the number of times that the answer was served."""
    verdicts = list(verdicts)
    good = _sum(verdict for verdict in verdicts if not verdict.bad)
    bad = _sum(verdict for verdict in verdicts if verdict.bad and verdict.counts)
    bar = BAR + PRAISE * good + QUIET * max(0, uses - QUIET_USES)
    return VerdictWeights(
        good=round(good, 4),
        bad=round(bad, 4),
        penalty=round(min(1.0, bad / bar), 4),
        hidden_from=tuple(verdict.user for verdict in verdicts if verdict.bad),
    )


def _sum(verdicts: Iterable[PersonalVerdict]) -> float:
    # In order of time: each further passing person adds less than the one before.
    total, passing = 0.0, 0
    for verdict in verdicts:
        passing += verdict.passing
        total += verdict.weight / (passing if verdict.passing else 1)
    return total
