"""Loaders of the draft and the live rules."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from routing.domain.errors import RuleSetInvalid
from routing.domain.rules import RuleSet
from routing.publishing.draft import ruleset_build
from routing.publishing.selectors import release_row, ruleset_of

_NOTHING_LIVE = "Nothing is published yet."


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """A rule set, or the ``faults`` that prevent it."""

    rules: RuleSet | None
    faults: tuple[str, ...] = ()

    @property
    def version(self) -> int | None:
        """The published number; ``None`` for the draft."""
        return self.rules.version or None if self.rules else None


def draft_rules() -> LoadedRules:
    """The rules of the tables, unpublished changes included."""
    try:
        return LoadedRules(with_simulated(ruleset_build()))
    except RuleSetInvalid as exc:
        return LoadedRules(None, exc.faults)


def live_rules() -> LoadedRules:
    """The published rules, without the version on trial."""
    release = release_row()
    if release is None:
        return LoadedRules(None, (_NOTHING_LIVE,))
    return LoadedRules(with_simulated(ruleset_of(release.live)))


def with_simulated(rules: RuleSet) -> RuleSet:
    """The rules as this site runs them: simulated providers' models under their own names."""
    return rules.simulated(settings.SIMULATED_PROVIDERS)
