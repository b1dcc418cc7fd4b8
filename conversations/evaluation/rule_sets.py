"""Draft and live: the two rule sets that are tried against each other."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from routing.domain.errors import RuleSetInvalid
from routing.domain.rules import RuleSet
from routing.publishing.draft import ruleset_build
from routing.publishing.selectors import release_row, ruleset_of

_NOTHING_LIVE = "Nothing is published yet."


@dataclass(frozen=True, slots=True)
class Side:
    """A rule set, or in ``faults`` why there is none."""

    rules: RuleSet | None
    faults: tuple[str, ...] = ()

    @property
    def version(self) -> int | None:
        """The published number; ``None`` for the draft, which has none yet."""
        return self.rules.version or None if self.rules else None


def draft_side() -> Side:
    """What the tables say now."""
    try:
        return Side(as_asked(ruleset_build()))
    except RuleSetInvalid as exc:
        return Side(None, exc.faults)


def live_side() -> Side:
    """What answers everybody now, a trial apart."""
    release = release_row()
    if release is None:
        return Side(None, (_NOTHING_LIVE,))
    return Side(as_asked(ruleset_of(release.live)))


def as_asked(rules: RuleSet) -> RuleSet:
    """The rules as this site asks by them: with stand-ins told by their names."""
    return rules.simulated(settings.SIMULATED_PROVIDERS)
