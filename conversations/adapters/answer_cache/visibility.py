"""Who may be served what: a filter, beside which no similarity counts. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conversations.adapters.answer_cache.entries import CURATED, LIVE, SHARED, own
from conversations.adapters.answer_cache.languages import readable_by

FILTERED = ("scope", "fingerprint", "system", "language", "state", "hidden", "expires_at")
"""An entry's fields that ``Servable`` reads."""


@dataclass(frozen=True, slots=True)
class Servable:
    """Who asks (a person's primary key), in which language, under which rules and which system prompt
    (their digests), when (Unix seconds)."""

    user: int
    language: str
    fingerprint: str
    system: str
    now: float

    @property
    def languages(self) -> list[str]:
        """Languages of the answers that they may be given."""
        return readable_by(self.language)

    def objections(self, held: Mapping[str, Any]) -> tuple[str, ...]:
        """What keeps an entry with these fields from them. Servable is theirs or everybody's, in their
        language, made under these rules and this system prompt or holding under any, not hidden from
        them, not quarantined, not expired."""
        fits = {
            "scope": held["scope"] in {own(self.user), SHARED},
            "language": held["language"] in self.languages,
            "rules": held["fingerprint"] in {self.fingerprint, CURATED},
            "system prompt": held["system"] in {self.system, CURATED},
            "state": held["state"] == LIVE,
            "hidden": str(self.user) not in str(held.get("hidden") or "").split(","),
            "expired": float(held["expires_at"]) > self.now,
        }
        return tuple(name for name, fit in fits.items() if not fit)
