"""Decisions by vectors: the classifier's verdicts are kept beside their questions' vectors, and where those on
similar questions agree, no classifier is asked.

The classifier is asked all the same where the vectors cannot know: see ``RedisDecisionVectors.opinion``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import redis.asyncio

from conversations.adapters.answer_cache.cache import MEANING_LIMIT
from conversations.adapters.answer_cache.chat_entries import register
from conversations.adapters.answer_cache.verifier import LearnedState
from conversations.adapters.decision_vectors.index import StoredVerdict, VerdictIndex
from conversations.adapters.decision_vectors.rule_vectors import RuleVectors
from conversations.domain.entry_ids import EntryIds
from conversations.engine.types import Turn, Vector
from routing.classifier.classification import make_decision
from routing.classifier.offer import Offer
from routing.common.identity_cache import IdentityCache
from routing.common.redis.clients import Breaker, redis_call
from routing.domain.actions import Action
from routing.domain.errors import CacheUnavailable, EmbedderUnavailable
from routing.domain.rules import Classification, Decision, Rule, RuleSet, Source, VectorEvidence
from routing.domain.vectors import VectorOpinion
from routing.embeddings.port import Embedder
from routing.reuse.decision_model import DecisionModel, DecisionState, PastVerdict
from routing.reuse.model import NEIGHBOURS
from routing.reuse.question_features import question_features

NEAR_REFUSAL = 0.35
"""Cosine to a text of a refusing rule, or to a question that was refused, from which the classifier is asked."""
NEAR_CHANGE = 0.25
"""Cosine to a text of a rule that a verdict knows nothing of, from which the verdict does not count."""
SHORTEST = 3
"""Words of a question; shorter ones are seldom clear without their conversation."""
REASON = "questions like it were decided so before"
MEASURED = "it is only measured"
UNEARNED = "too few decisions were audited, or too many differed"
_OFFERS_KNOWN = 256
KEPT_SETS = 16
"""Rule sets whose offer is kept."""


@dataclass(frozen=True, slots=True)
class VerdictParts:
    """``ids`` name verdicts, ``state`` is the calibration by audits. A verdict is kept for ``ttl_seconds``, and no
    more than ``most`` are. ``clock`` gives Unix seconds."""

    model: DecisionModel
    rule_vectors: RuleVectors
    ids: EntryIds
    state: LearnedState[DecisionState]
    prefix: str
    ttl_seconds: int
    most: int
    clock: Callable[[], float] = time.time


class RedisDecisionVectors:
    """The engine's port ``DecisionVectors``, and the ``VectorTrial`` of dry runs."""

    def __init__(
        self,
        index: VerdictIndex,
        client: redis.asyncio.Redis,
        breaker: Breaker,
        embedder: Embedder,
        parts: VerdictParts,
    ) -> None:
        self._index, self._client, self._breaker = index, client, breaker
        self._embedder, self._parts = embedder, parts
        # One set of rules serves thousands of prompts; versions on trial and groups of people have their own.
        self._offer_of: IdentityCache[RuleSet, Offer] = IdentityCache(Offer.of, KEPT_SETS)
        self._offers: dict[str, frozenset[str]] = {}

    async def opinion(self, prompt: str, rules: RuleSet, vector: Vector) -> VectorOpinion | None:
        """The opinion of the verdicts on similar questions; ``None`` where there are too few of them.

        The classifier must be asked, so ``None`` too: about questions that are long, that the embedder
        cannot read, or shorter than ``SHORTEST`` words; near a rule that refuses, by its texts or by what
        it refused; where one of the neighbours was not self-contained. Raises ``CacheUnavailable``.
        """
        if not self._may_know(prompt, rules):
            return None
        offer = self._offer_of(rules)
        near = await self._clear_of_refusals(vector, offer)
        if near is None:
            return None
        known = await self._unchanged(vector, offer, _counting(near, offer))
        return self._weighed(prompt, rules, offer, known[:NEIGHBOURS])

    async def is_clear(self, prompt: str, rules: RuleSet, vector: Vector) -> bool:
        """Whether the prompt is read, and far from all rules that refuse. Raises ``CacheUnavailable``."""
        if not self._reads(prompt):
            return False
        return await self._clear_of_refusals(vector, self._offer_of(rules)) is not None

    async def embed(self, prompt: str, rules: RuleSet) -> Vector | None:
        """The vector for a dry run, which waits for those of the rules. Never raises."""
        await self._parts.rule_vectors.prepare(self._offer_of(rules).rules)
        try:
            return await self._embedder.embed(prompt)
        except EmbedderUnavailable:
            return None

    async def try_prompt(self, prompt: str, rules: RuleSet, vector: Vector) -> VectorOpinion | None:
        """``opinion`` for a dry run, which waits for the calibration. Never raises."""
        await self._parts.state.prepare()
        try:
            return await self.opinion(prompt, rules, vector)
        except CacheUnavailable:
            return None

    async def read_audits(self) -> None:
        """Read the calibration by audits, now instead of within half a minute."""
        await self._parts.state.read()

    async def keep(self, turn: Turn, rules: RuleSet, vector: Vector, decision: Decision) -> None:
        """Keep a verdict of the first classifier. Raises ``CacheUnavailable``."""
        if not self._may_know(turn.prompt, rules) or decision.source is not Source.CLASSIFIER:
            return
        offer = self._offer_of(rules)
        rule = offer.rule_of(decision.rule or "")
        if rule is None:
            return
        verdict = StoredVerdict(
            rule,
            decision.rule or "",
            offer.digest,
            decision.self_contained,
            decision.impersonal,
            decision.stays_true,
        )
        ids, now = self._parts.ids, self._parts.clock()
        identity = (ids.shared if turn.kept else ids.of_chat)(turn.message)
        ends = now + self._parts.ttl_seconds
        with redis_call(self._breaker, CacheUnavailable):
            await self._index.write(
                identity, verdict, vector, offer.rules, now=now, ends=ends, most=self._parts.most
            )
            if not turn.kept:
                await register(
                    self._client, self._parts.prefix, turn.user, identity, now=now, ends=ends
                )

    def _may_know(self, prompt: str, rules: RuleSet) -> bool:
        return (
            rules.reuse.vectors != "off"
            and bool(self._parts.most)
            and len(prompt.split()) >= SHORTEST
            and self._reads(prompt)
        )

    def _reads(self, prompt: str) -> bool:
        return len(prompt) <= MEANING_LIMIT and self._embedder.reads(prompt)

    async def _clear_of_refusals(
        self, vector: Vector, offer: Offer
    ) -> Sequence[StoredVerdict] | None:
        """The verdicts on similar questions; ``None`` near a rule that refuses, or until its texts are embedded."""
        refusing = _refusing(offer)
        near_refusal = self._parts.rule_vectors.cosine(vector, refusing)
        if near_refusal is None or near_refusal >= NEAR_REFUSAL:
            return None
        with redis_call(self._breaker, CacheUnavailable):
            near, refused = await self._index.around(vector, refusing)
        return None if any(one.cosine >= NEAR_REFUSAL for one in refused) else near

    async def _unchanged(
        self, vector: Vector, offer: Offer, near: Sequence[StoredVerdict]
    ) -> list[StoredVerdict]:
        """Without the verdicts that today's rules might have made otherwise: of earlier rules, where the
        question lies near a rule that was not among them, or was changed since."""
        older = {one.offer for one in near if one.rule in offer.rules} - {offer.digest}
        if not older:
            return list(near)
        holding = {offer.digest}
        for digest, known in (await self._rules_of(older)).items():
            unknown = {one: rule for one, rule in offer.rules.items() if one not in known}
            if self._is_far(vector, unknown):
                holding.add(digest)
        return [one for one in near if one.offer in holding or one.rule not in offer.rules]

    def _is_far(self, vector: Vector, rules: Mapping[str, Rule]) -> bool:
        if not all(rule.examples_for for rule in rules.values()):
            return False  # nothing tells which questions it takes
        cosine = self._parts.rule_vectors.cosine(vector, rules)
        return cosine is not None and cosine < NEAR_CHANGE

    async def _rules_of(self, offers: set[str]) -> dict[str, frozenset[str]]:
        missing = sorted(offers - self._offers.keys())
        if missing:
            with redis_call(self._breaker, CacheUnavailable):
                found = await self._index.offers(missing)
            kept = self._offers if len(self._offers) < _OFFERS_KNOWN else {}
            self._offers = {**kept, **found}
        return {digest: self._offers[digest] for digest in offers if digest in self._offers}

    def _weighed(
        self, prompt: str, rules: RuleSet, offer: Offer, near: Sequence[StoredVerdict]
    ) -> VectorOpinion | None:
        """The opinion of these verdicts, by the error budget and the calibration by audits."""
        estimate = self._parts.model.estimate([_past(one, offer) for one in near])
        if estimate is None or estimate.doubt or offer.rule_of(estimate.rule) is None:
            return None
        learned, policy = self._parts.state.current(), rules.reuse
        probability = learned.calibration.probability(estimate.probability)
        cut = self._parts.model.cut(policy.wrong_decisions)
        # A name may make of an impersonal question one about a person.
        impersonal = estimate.impersonal and not question_features(prompt).names
        said = Classification(estimate.rule, REASON, True, impersonal, estimate.stays_true)
        evidence = VectorEvidence(round(probability, 4), estimate.verdicts)
        decision = replace(make_decision(rules, said, Source.VECTOR), vector=evidence)
        sure = probability >= cut
        asked_because = "" if sure else f"{probability:.4f} is under the cut of {cut:.4f}"
        earned = learned.earned(offer.digest, policy.wrong_decisions)
        if sure and policy.vectors == "measure":
            asked_because = MEASURED
        elif sure and not earned:
            asked_because = UNEARNED
        return VectorOpinion(
            decision=decision,
            estimated=estimate.probability,
            probability=probability,
            cut=cut,
            verdicts=estimate.verdicts,
            offer=offer.digest,
            sure=sure,
            earned=earned,
            asked_because=asked_because,
        )


def _refusing(offer: Offer) -> dict[str, Rule]:
    return {digest: rule for digest, rule in offer.rules.items() if rule.action is Action.REFUSE}


def _counting(near: Sequence[StoredVerdict], offer: Offer) -> list[StoredVerdict]:
    """Without the verdicts for rules that were changed. Those for rules that are gone, or are for other
    people, still tell that questions like them were no others'."""
    names = {rule.name for rule in offer.rules.values()}
    return [one for one in near if one.rule in offer.rules or one.name not in names]


def _past(verdict: StoredVerdict, offer: Offer) -> PastVerdict:
    rule = offer.rules.get(verdict.rule)
    return PastVerdict(
        verdict.cosine,
        rule.name if rule else f"gone: {verdict.rule}",
        rule is not None and rule.action is Action.REFUSE,
        verdict.self_contained,
        verdict.impersonal,
        verdict.stays_true,
    )
