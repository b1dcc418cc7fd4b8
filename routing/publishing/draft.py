"""The draft against what is live: for the banner, the publish page and the command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from routing.domain.errors import RuleSetInvalid
from routing.domain.rules import RuleSet
from routing.models import RuleSetRelease, RuleSetVersion
from routing.publishing.selectors import release_row
from routing.publishing.services import ruleset_build
from routing.publishing.versions import same, words_since


@dataclass(frozen=True, slots=True)
class Draft:
    """``release`` is in force, ``faults`` keep the tables from being published, ``changes`` say what
    they would change, and ``rules`` are what they say, as version 0, where they have no faults."""

    release: RuleSetRelease | None
    rules: RuleSet | None
    faults: Sequence[str]
    changes: Sequence[str]

    @property
    def live(self) -> RuleSetVersion | None:
        """The version that answers (those not on trial)."""
        return self.release.live if self.release else None

    @property
    def trial(self) -> RuleSetVersion | None:
        """The version that is tried, in shadow or on some users."""
        return self.release.trial if self.release else None

    @property
    def on_trial(self) -> bool:
        """Whether the tables say just what the version on trial says."""
        return bool(self.trial and self.rules and same(self.trial, self.rules))

    @property
    def differs(self) -> bool:
        """Whether there is anything unpublished."""
        return bool(self.faults or (self.changes and not self.on_trial))


def draft_now() -> Draft:
    """The tables as they are."""
    release = release_row()
    live = release.live if release else None
    try:
        rules = ruleset_build()
    except RuleSetInvalid as exc:
        return Draft(release, None, exc.faults, ())
    changes = () if live and same(live, rules) else words_since(live, rules)
    return Draft(release, rules, (), changes)
