"""Routing's vocabulary: models, rules, published rule sets and decisions.

Pure: standard library only. Everything is frozen; a published ``RuleSet`` never changes, a
new one replaces it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any

from routing.domain.actions import DEFAULT_ACTION, Action, ModelKind
from routing.domain.reuse_policy import ReusePolicy

SIMULATED_PREFIX = "simulated/"


class Source(StrEnum):
    """Who decided: the public contract's ``decision.source``."""

    CACHE = "cache"
    CLASSIFIER = "classifier"
    CLASSIFIER_FALLBACK = "classifier-fallback"
    DEFAULT = "default"
    REQUESTED = "requested"


class CachePolicy(StrEnum):
    """Whether a rule's answers may be reused, and for whom."""

    NEVER = "never"
    USER = "user"
    SHARED = "shared"


class StaysTrue(StrEnum):
    """How long an answer to a question holds, by the nature of the question."""

    TIMELESS = "timeless"
    MONTHS = "months"
    DAY = "day"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Patience with one attempt at a model, in seconds."""

    connect: float = 5.0
    first_token: float = 20.0
    stall: float = 15.0
    total: float = 180.0


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A published model: a short public name and the LiteLLM name behind it.

    Prices are US dollars per million tokens and override LiteLLM's price list; ``None``
    leaves the list's price. ``context_window`` and ``max_output_tokens`` are in tokens.
    """

    name: str
    litellm_name: str
    provider: str
    kind: ModelKind
    context_window: int = 128_000
    max_output_tokens: int | None = None
    input_price: Decimal | None = None
    output_price: Decimal | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)


@dataclass(frozen=True, slots=True)
class Rule:
    """One published rule: a plain-language instruction and what follows when it applies."""

    name: str
    instruction: str
    action: Action
    model: str | None = None
    fallbacks: tuple[str, ...] = ()
    priority: int = 100
    examples_for: tuple[str, ...] = ()
    examples_against: tuple[str, ...] = ()
    refusal_reason: str = ""
    suggestions: tuple[str, ...] = ()
    cache: CachePolicy = CachePolicy.USER
    cache_ttl_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Classification:
    """The classifier's result: a published rule's name and facts about the prompt.

    ``self_contained``: the question means the same without its conversation; where it does not,
    ``standalone`` is the question in words that do, or empty. ``impersonal``: anybody may be given
    the same answer. ``suggestions`` are wordings offered with a refusal.
    """

    rule: str
    reason: str
    self_contained: bool
    impersonal: bool = False
    stays_true: StaysTrue = StaysTrue.MONTHS
    standalone: str = ""
    suggestions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """Who answers and why. ``fallback`` is true once another model than the first choice answers."""

    action: Action
    source: Source
    provider: str | None
    model: str | None
    rule: str | None
    reason: str
    ruleset: int | None
    fallback: bool = False
    self_contained: bool = False
    impersonal: bool = False
    stays_true: StaysTrue = StaysTrue.MONTHS
    standalone: str = ""
    suggestions: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether the user is asked to reformulate instead of being answered."""
        return self.action is Action.REFUSE

    def answered_by(self, model: ModelRef) -> Decision:
        """The same decision, told of the model that really answers."""
        return replace(
            self,
            provider=model.provider,
            model=model.name,
            fallback=self.fallback or model.name != self.model,
        )


_WITHOUT_EFFECT = ("version", "min_similarity", "cache_ttl_seconds", "callers_choose", "reuse")
"""Fields of a rule set that do not decide who answers."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One published, immutable version of the rules and of the models they may name.

    ``default_rule`` answers when no classifier can. ``classifiers`` are model names in the
    order they are asked. ``min_similarity`` is the cosine similarity in [0, 1] from which a
    stored answer is looked at, ``reuse`` how sure one must be to serve it.
    """

    version: int
    rules: tuple[Rule, ...]
    models: tuple[ModelRef, ...]
    default_rule: str
    classifiers: tuple[str, ...]
    callers_choose: bool = True
    min_similarity: float = 0.90
    cache_ttl_seconds: int = 30 * 24 * 3600
    reuse: ReusePolicy = field(default_factory=ReusePolicy)

    def rule(self, name: str) -> Rule | None:
        """The rule of that name, or ``None``."""
        return next((rule for rule in self.rules if rule.name == name), None)

    def model(self, name: str) -> ModelRef | None:
        """The model of that name, or ``None``. A simulated model also answers to its plain name."""
        wanted = {name, SIMULATED_PREFIX + name}
        return next((model for model in self.models if model.name in wanted), None)

    def candidates(self, decision: Decision) -> tuple[ModelRef, ...]:
        """The models to try, in order: the decision's, its rule's fallbacks, then the default's."""
        named = self.rule(decision.rule) if decision.rule else None
        default = self.rule(self.default_rule)
        names = [decision.model]
        for rule in (named, default if decision.action is DEFAULT_ACTION else None):
            if rule:
                names += [rule.model, *rule.fallbacks]
        found = [self.model(name) for name in dict.fromkeys(names) if name]
        return tuple(model for model in found if model)

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides who answers; two versions that route alike share it."""
        return _fingerprint(self)

    def simulated(self, providers: Collection[str]) -> RuleSet:
        """This set with the models of ``providers`` renamed, so that no answer of a stand-in
        passes for a real one."""
        renamed = {
            model.name: SIMULATED_PREFIX + model.name
            for model in self.models
            if model.provider in providers and not model.name.startswith(SIMULATED_PREFIX)
        }
        if not renamed:
            return self

        def name(old: str) -> str:
            return renamed.get(old, old)

        return replace(
            self,
            models=tuple(replace(model, name=name(model.name)) for model in self.models),
            rules=tuple(
                replace(
                    rule,
                    model=name(rule.model) if rule.model else None,
                    fallbacks=tuple(map(name, rule.fallbacks)),
                )
                for rule in self.rules
            ),
            classifiers=tuple(map(name, self.classifiers)),
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready form; decimals become strings. ``from_dict`` is its inverse."""
        return json.loads(json.dumps(asdict(self), default=str))  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> RuleSet:
        """Build from ``to_dict``'s form. Raises ``KeyError``, ``TypeError`` or ``ValueError``
        on anything else."""
        return cls(
            **{
                **body,
                "rules": tuple(_rule(item) for item in body["rules"]),
                "models": tuple(_model(item) for item in body["models"]),
                "classifiers": tuple(body["classifiers"]),
                "reuse": ReusePolicy(**body.get("reuse", {})),
            }
        )


@lru_cache(maxsize=32)
def _fingerprint(rules: RuleSet) -> str:
    """Kept for the sets in force: it takes a fifth of a millisecond, and each turn asks several times."""
    body = rules.to_dict()
    for irrelevant in _WITHOUT_EFFECT:
        del body[irrelevant]
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _rule(body: Mapping[str, Any]) -> Rule:
    tuples = ("fallbacks", "examples_for", "examples_against", "suggestions")
    return Rule(
        **{
            **body,
            **{key: tuple(body[key]) for key in tuples},
            "action": Action(body["action"]),
            "cache": CachePolicy(body["cache"]),
        }
    )


def _model(body: Mapping[str, Any]) -> ModelRef:
    prices = ("input_price", "output_price")
    return ModelRef(
        **{
            **body,
            **{key: None if body[key] is None else Decimal(body[key]) for key in prices},
            "kind": ModelKind(body["kind"]),
            "timeouts": Timeouts(**body["timeouts"]),
        }
    )
