"""Nearest centroids: of many rules, the classifier reads those whose texts lie near the question.

Always sent are the rules that do not answer (above all those that refuse), the default rule, and those that vectors
do not find: with fewer than two examples, with texts that the embedder does not read, or broad ones, for instance
"needs several steps of thought", whose examples have little in common. The numbers are measured (docs/rules.md).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from conversations.adapters.answer_cache.cache import MEANING_LIMIT
from conversations.engine.types import Vector
from routing.classifier.classification import Instructions, build_instructions
from routing.classifier.offer import Offer
from routing.classifier.retrieval import MOST, SentRules, may_be_left_out
from routing.common.identity_cache import IdentityCache
from routing.domain.rules import Rule, RuleSet

NEAR = 0.25
"""Cosine by which a rule may be farther from the question than the nearest one."""
LEAST = 8
"""Near rules, at least."""
BROAD = 0.22
"""Mean cosine of a rule's examples to each other, below which they tell nothing of other prompts for it."""
KEPT_SETS = 16


class TextVectors(Protocol):
    """The vectors of rules' texts."""

    def known(self, rules: Mapping[str, Rule]) -> Mapping[str, NDArray[np.float32]] | None:
        """Unit vectors of each rule, a row a text: its examples, then its instruction. ``None`` until all
        are there."""
        ...


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A rule set: the rules that are always sent, and unit vectors [rules, dimensions] of the others in their order."""

    instructions: Instructions
    others: tuple[Rule, ...]
    centroids: NDArray[np.float32]

    def near(self, question: Vector) -> tuple[Rule, ...]:
        cosines = self.centroids @ np.asarray(question, np.float32)
        order = np.argsort(-cosines)
        count = int(np.clip((cosines >= cosines[order[0]] - NEAR).sum(), LEAST, MOST))
        return tuple(self.others[at] for at in sorted(order[:count].tolist()))


class NearestRules:
    """The classifier's port ``RuleRetriever``. Sets of fewer than ``least`` rules are sent whole, all of them where
    it is 0. ``reads`` is the embedder's."""

    def __init__(self, vectors: TextVectors, reads: Callable[[str], bool], least: int) -> None:
        self._vectors, self._reads, self._least = vectors, reads, least
        self._offer_of: IdentityCache[RuleSet, Offer] = IdentityCache(Offer.of, KEPT_SETS)
        self._prepared: IdentityCache[RuleSet, _Prepared] = IdentityCache(self._prepare, KEPT_SETS)

    def choose(self, prompt: str, vector: Sequence[float], rules: RuleSet) -> SentRules | None:
        """See the port. The rules' texts are embedded in the background when they are first needed."""
        if not self._least or len(rules.rules) < self._least:
            return None
        if len(prompt) > MEANING_LIMIT or not self._reads(prompt):
            return None
        if self._vectors.known(self._offer_of(rules).rules) is None:
            return None
        prepared = self._prepared(rules)
        if len(prepared.others) <= MOST:  # little would be saved
            return None
        return SentRules(prepared.instructions, prepared.near(vector))

    def _prepare(self, rules: RuleSet) -> _Prepared:
        offer = self._offer_of(rules).rules
        known = self._vectors.known(offer) or {}
        found = {
            digest: rule
            for digest, rule in offer.items()
            if may_be_left_out(rule, rules) and _is_found(rule, known[digest])
        }
        always = [rule for digest, rule in offer.items() if digest not in found]
        sums = [known[digest].sum(axis=0) for digest in found]
        centroids = np.array([one / np.linalg.norm(one) for one in sums], np.float32)
        return _Prepared(build_instructions(rules, always), tuple(found.values()), centroids)


def _is_found(rule: Rule, texts: NDArray[np.float32]) -> bool:
    count = len(rule.examples_for)
    if len(texts) <= count:
        return False
    examples = texts[:count]
    # The mean over all pairs: the vectors are of unit length.
    pairs = float(np.square(examples.sum(axis=0)).sum()) - count
    return pairs >= BROAD * count * (count - 1)
