"""Branch prediction: the rule that the classifier will probably name, by its earlier verdicts on similar questions
or by how often it named each rule lately.

Within the administrator's budget: no guess is made once the calls that were not confirmed have cost it today.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from decimal import Decimal
from enum import StrEnum

import structlog
from django.db import Error as DatabaseError

from conversations.adapters.decision_vectors.recall import RedisDecisionVectors
from conversations.engine.types import Turn, Vector
from routing.classifier.classification import make_decision
from routing.common.tasks import Background
from routing.domain.actions import ACTIONS
from routing.domain.errors import CacheUnavailable, EmbedderUnavailable
from routing.domain.rules import Classification, Decision, RuleSet, Source
from routing.domain.vectors import VectorOpinion
from routing.embeddings.port import Embedder

_log = structlog.get_logger("assistant.speculation")

LIKELY = 0.5
"""Probability of a rule from which its model is asked ahead: below, most calls would be wasted."""
LEAST = 20
"""Verdicts of the classifier from which their shares mean something."""
HALVED = 1_000
"""Verdicts after which all counts are halved, so that the newer ones weigh more."""
KEPT_SETS = 64
LOOK_SECONDS = 5.0
"""Between two looks at the waste of today."""
REASON = "asked ahead"


class SpeculationMode(StrEnum):
    """When models are asked ahead: within the budget; always, the default rule's where nothing is likely, near
    refusals too (for tests); never."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class MeasuredSpeculator:
    """The engine's port ``Speculator``. ``wasted`` gives the US dollars of today (UTC) for calls that were not
    confirmed, by all workers; ``clock`` seconds."""

    def __init__(
        self,
        vectors: RedisDecisionVectors,
        embedder: Embedder,
        background: Background,
        wasted: Callable[[], Awaitable[Decimal]],
        *,
        mode: SpeculationMode,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._vectors, self._embedder, self._background = vectors, embedder, background
        self._read, self._mode, self._clock = wasted, mode, clock
        self._counts: OrderedDict[str, Counter[str]] = OrderedDict()
        self._wasted: Decimal | None = None
        self._looked = float("-inf")

    def allows(self, rules: RuleSet) -> bool:
        """See the port. The budget's waste is looked at in the background."""
        if self._mode is not SpeculationMode.AUTO:
            return self._mode is SpeculationMode.ALWAYS
        budget = rules.reuse.speculation_usd_per_day
        if budget <= 0:
            return False
        if self._clock() >= self._looked + LOOK_SECONDS:
            self._looked = self._clock()
            self._background.start("waste of speculation", self._look())
        # Unknown until it was read once.
        return self._wasted is not None and self._wasted < Decimal(str(budget))

    async def guess(
        self, turn: Turn, rules: RuleSet, vector: Vector | None, opinion: VectorOpinion | None
    ) -> Decision | None:
        """See the port."""
        name = self._likeliest(rules, opinion)
        rule = rules.rule(name) if name else None
        if rule is None or not rule.speculation or not ACTIONS[rule.action].streams:
            return None
        unsure = opinion is None and self._mode is SpeculationMode.AUTO
        if unsure and not await self._is_clear(turn, rules, vector):
            return None
        said = Classification(rule.name, REASON, self_contained=False)
        decision = make_decision(rules, said, Source.CLASSIFIER)
        return decision if decision.rule == rule.name else None

    def learn(self, rules: RuleSet, decision: Decision) -> None:
        """See the port."""
        if decision.source is not Source.CLASSIFIER or not decision.rule:
            return
        counts = self._counts.setdefault(rules.fingerprint, Counter())
        self._counts.move_to_end(rules.fingerprint)
        counts[decision.rule] += 1
        if counts.total() >= HALVED:
            self._counts[rules.fingerprint] = Counter(
                {name: count // 2 for name, count in counts.items() if count > 1}
            )
        if len(self._counts) > KEPT_SETS:
            self._counts.popitem(last=False)

    async def _look(self) -> None:
        try:
            self._wasted = await self._read()
        except DatabaseError as exc:
            self._wasted = None
            _log.warning("no model is asked ahead", error=f"{type(exc).__name__}: {exc}")

    def _likeliest(self, rules: RuleSet, opinion: VectorOpinion | None) -> str | None:
        if opinion and opinion.probability >= LIKELY:
            return opinion.decision.rule
        counts = self._counts.get(rules.fingerprint, Counter[str]())
        seen = counts.total()
        if seen >= LEAST and opinion is None:
            name, count = counts.most_common(1)[0]
            if count >= LIKELY * seen:
                return name
        return rules.default_rule if self._mode is SpeculationMode.ALWAYS else None

    async def _is_clear(self, turn: Turn, rules: RuleSet, vector: Vector | None) -> bool:
        """Whether the prompt is far from all rules that refuse. ``False`` where nobody knows."""
        try:
            known = vector or await self._embedder.embed(turn.prompt)
            return await self._vectors.is_clear(turn.prompt, rules, known)
        except (CacheUnavailable, EmbedderUnavailable):
            return False
