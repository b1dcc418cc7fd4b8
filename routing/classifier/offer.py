"""Offer: the rules as the classifier reads them, by digests. A verdict holds as long as its rule's digest.

What else changes every verdict is part of each digest: the words around the rules, the default rule's name
and the model that is asked. The models and texts of answers are not: no classifier reads them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from routing.classifier.classification import INSTRUCTIONS, described, offered
from routing.domain.rules import Rule, RuleSet

DIGEST = 16
"""Hexadecimal digits of a digest."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The choice that the first classifier has: ``rules`` by digest; ``digest`` is of all of them."""

    digest: str
    rules: Mapping[str, Rule]

    @classmethod
    def of(cls, rules: RuleSet) -> Offer:
        """The offer of a rule set. Versions that are read alike share it."""
        asked = [[model.name, model.litellm_name] for model in rules.classifying[:1]]
        around = [INSTRUCTIONS, rules.default_rule, asked]
        named = {_digest([around, described(rule)]): rule for rule in offered(rules)}
        return cls(_digest(sorted(named)), named)

    def rule_of(self, name: str) -> str | None:
        """The digest of the rule with this name."""
        return next((digest for digest, rule in self.rules.items() if rule.name == name), None)


def _digest(body: object) -> str:
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest()[:DIGEST]
