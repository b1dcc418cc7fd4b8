"""Release: the version that is live for all users, and perhaps another one on trial.

Pure: standard library only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from routing.domain.rules import RuleSet

# Users are told apart to a hundredth of a percent.
_STEPS = 10_000


class Stage(StrEnum):
    """How far a version is released."""

    ALL = "all"
    SHADOW = "shadow"
    PERCENT = "percent"


@dataclass(frozen=True, slots=True)
class Release:
    """The versions in force. ``trial`` is there in the stages ``SHADOW`` and ``PERCENT`` only;
    ``percent`` of the users, 1 to 99, are answered by it in the latter."""

    number: int
    live: RuleSet
    trial: RuleSet | None = None
    stage: Stage = Stage.ALL
    percent: int = 0

    def rules_for(self, user: int) -> RuleSet:
        """The rules that decide for a person: the same ones as long as the release stands, and
        the trial's still when its share grows."""
        if self.trial is None or self.stage is not Stage.PERCENT:
            return self.live
        chosen = share_of(user, self.trial.version) * 100 < self.percent
        return self.trial if chosen else self.live

    @property
    def shadow(self) -> RuleSet | None:
        """The rules that decide too, without effect."""
        return self.trial if self.stage is Stage.SHADOW else None


def share_of(user: int, version: int) -> float:
    """Where a user stands among all, from 0 to below 1: evenly spread, and anew for each version, so
    that the same people are not always the first."""
    digest = hashlib.sha256(f"{version}:{user}".encode()).digest()
    return int.from_bytes(digest[:8]) % _STEPS / _STEPS
