"""Value objects: rules, models, published rule sets and decisions. Pure: standard library only.

Everything is frozen; a published ``RuleSet`` never changes, a new one replaces it. A field of ``Rule``,
``ModelRef`` and the settings is declared here once: the admin's form, the sentences about changes, the
YAML file and the stored JSON follow its ``spec``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal

from routing.domain.actions import ACTIONS, DEFAULT_ACTION, Action, ModelKind
from routing.domain.fields import Stored, spec

JudgeUse = Literal["auto", "on", "off"]
VectorUse = Literal["auto", "measure", "off"]
Effort = Literal["", "none", "minimal", "low", "medium", "high"]
"""How long a model thinks; empty is its provider's own."""

SIMULATED_PREFIX = "simulated/"
HELPER_RULE = "helper"
"""The rule of this name is for the helper prompts of front ends; no classifier chooses it."""


def plain_name(model: str | None) -> str:
    """A model's published name, whether a stand-in answers for it or not; empty for ``None``."""
    return (model or "").removeprefix(SIMULATED_PREFIX)


def plain_names(models: Iterable[str] | None) -> frozenset[str] | None:
    """The same of a list of models, where ``None`` stands for all: rights and limits of a model are those of
    its stand-in, too."""
    return None if models is None else frozenset(map(plain_name, models))


class Source(StrEnum):
    """The source of a decision: the public contract's ``decision.source``."""

    CACHE = "cache"
    CLASSIFIER = "classifier"
    CLASSIFIER_FALLBACK = "classifier-fallback"
    DEFAULT = "default"
    REQUESTED = "requested"
    VECTOR = "vector"


class CachePolicy(StrEnum):
    """Reuse of a rule's answers: never, for the same user, or for all."""

    NEVER = "never"
    USER = "user"
    SHARED = "shared"


class StaysTrue(StrEnum):
    """How long an answer to a question holds, by the nature of the question."""

    TIMELESS = "timeless"
    MONTHS = "months"
    DAY = "day"
    NEVER = "never"

    @property
    def lasts(self) -> int:
        """Steps of care in reuse: 0 for answers that hold longer than a day, 1 for a day, 2 for none."""
        return {StaysTrue.DAY: 1, StaysTrue.NEVER: 2}.get(self, 0)


_SECONDS = {"least": 0.05, "most": 3_600}
_TOKENS = {"least": 1, "most": 100_000_000}
_PRICE = {"least": 0, "most": 100_000}
_TEMPERATURE = {"least": 0, "most": 2}
PROMPT_CHARS = 8_000
"""The longest system prompt of a rule."""
_LIFE = {"least": 1, "most": 10 * 365 * 24 * 3600}
_WRONG = {"least": 0.1, "most": 20}
_DAILY_USD = {"least": 0, "most": 100_000}


@dataclass(frozen=True, slots=True)
class Timeouts(Stored):
    """Limits of one attempt at a model, in seconds."""

    connect: float = field(default=5.0, metadata=spec("time to connect", **_SECONDS))
    first_token: float = field(default=20.0, metadata=spec("time to the first token", **_SECONDS))
    stall: float = field(default=15.0, metadata=spec("time between two tokens", **_SECONDS))
    total: float = field(default=180.0, metadata=spec("time for the whole answer", **_SECONDS))


@dataclass(frozen=True, slots=True)
class ModelRef(Stored):
    """A published model: a short public name and the LiteLLM name behind it.

    Prices are US dollars per million tokens and override LiteLLM's price list; ``None``
    leaves the list's price. Cached input and reasoning have prices of their own, which count beside
    ``input_price`` and ``output_price``; ``None`` there: they cost what other tokens do. ``context_window`` and ``max_output_tokens`` are in tokens.
    ``ends_without_finish``: the server sends the end of a stream and never a finish reason.
    ``abilities`` are as in ``abilities.Ability``; where empty, LiteLLM's list tells. ``base_url`` and
    ``key_variable``, the name of an environment variable, take the place of the provider's own.
    ``temperature``, ``reasoning_effort`` and ``parameters``, a JSON object, hold where a request says
    nothing else.
    """

    name: str = field(metadata=spec("name"))
    litellm_name: str = field(metadata=spec("LiteLLM name"))
    provider: str = field(metadata=spec("provider"))
    kind: ModelKind = field(metadata=spec("kind"))
    context_window: int = field(default=128_000, metadata=spec("context window", **_TOKENS))
    max_output_tokens: int | None = field(default=None, metadata=spec("longest output", **_TOKENS))
    input_price: Decimal | None = field(default=None, metadata=spec("input price", **_PRICE))
    output_price: Decimal | None = field(default=None, metadata=spec("output price", **_PRICE))
    timeouts: Timeouts = field(default_factory=Timeouts, metadata=spec("time-outs"))
    ends_without_finish: bool = field(
        default=False, metadata=spec("ending without a finish reason")
    )
    abilities: tuple[str, ...] = field(default=(), metadata=spec("abilities"))
    base_url: str = field(default="", metadata=spec("base URL"))
    key_variable: str = field(default="", metadata=spec("variable of the API key"))
    temperature: float | None = field(default=None, metadata=spec("temperature", **_TEMPERATURE))
    reasoning_effort: Effort = field(default="", metadata=spec("reasoning effort"))
    parameters: str = field(default="", metadata=spec("further parameters"))
    cached_price: Decimal | None = field(
        default=None, metadata=spec("price of cached input", **_PRICE)
    )
    reasoning_price: Decimal | None = field(
        default=None, metadata=spec("price of reasoning", **_PRICE)
    )

    def under(self, rule: Rule | None) -> ModelRef:
        """This model as the rule asks it: with the rule's temperature, and the lower limit of tokens."""
        if rule is None or (rule.temperature is None and rule.max_tokens is None):
            return self
        limits = [limit for limit in (self.max_output_tokens, rule.max_tokens) if limit]
        own = self.temperature if rule.temperature is None else rule.temperature
        return replace(self, temperature=own, max_output_tokens=min(limits, default=None))


WHICH = "Which prompts"
DONE = "What is done"
EXAMPLES = "Examples for the classifier"
REFUSING = "When it refuses"
REUSING = "Using answers again"
ASKING = "How the model is asked"
_ASKING = {"applies": tuple(each for each, row in ACTIONS.items() if row.model_kind)}
_REFUSING = {"applies": (Action.REFUSE,)}
_ANSWERING = {"applies": tuple(each for each, row in ACTIONS.items() if row.streams)}
_KEEPING = {"applies": tuple(each for each, row in ACTIONS.items() if row.reusable)}


@dataclass(frozen=True, slots=True)
class Rule(Stored):
    """One published rule: an instruction for the classifier, and the action on prompts that fit."""

    name: str = field(metadata=spec("name", group=WHICH))
    instruction: str = field(metadata=spec("instruction", group=WHICH))
    action: Action = field(metadata=spec("action", group=DONE))
    model: str | None = field(default=None, metadata=spec("model", group=DONE, **_ASKING))
    fallbacks: tuple[str, ...] = field(
        default=(),
        metadata=spec(
            "fallbacks",
            help="Tried in this order when the first choice fails.",
            group=DONE,
            in_order=True,
            **_ASKING,
        ),
    )
    priority: int = field(default=100, metadata=spec("priority", group=WHICH, least=0, most=32_767))
    examples_for: tuple[str, ...] = field(
        default=(),
        metadata=spec(
            "prompts that fit", help="One per line. The classifier reads them.", group=EXAMPLES
        ),
    )
    examples_against: tuple[str, ...] = field(
        default=(),
        metadata=spec(
            "prompts that do not fit",
            help="One per line. Near misses teach the most.",
            group=EXAMPLES,
        ),
    )
    refusal_reason: str = field(
        default="",
        metadata=spec("reason of the refusal", title="Reason", group=REFUSING, **_REFUSING),
    )
    suggestions: tuple[str, ...] = field(
        default=(),
        metadata=spec(
            "suggested wordings",
            title="Suggestions",
            help="One per line: wordings offered with the refusal.",
            group=REFUSING,
            **_REFUSING,
        ),
    )
    cache: CachePolicy = field(
        default=CachePolicy.USER,
        metadata=spec("reuse of answers", title="May be used again for", group=REUSING, **_KEEPING),
    )
    cache_ttl_seconds: int | None = field(
        default=None,
        metadata=spec(
            "life of an answer in seconds",
            title="Life of an answer",
            help="Seconds; empty uses the routing settings.",
            group=REUSING,
            **_KEEPING,
            **_LIFE,
        ),
    )
    groups: tuple[str, ...] = field(
        default=(),
        metadata=spec(
            "groups",
            title="Only for groups",
            help="One name per line. People of other groups are never given this rule; empty: it is "
            "for everybody.",
            group=WHICH,
        ),
    )
    system_prompt: str = field(
        default="",
        metadata=spec(
            "system prompt",
            help="Told to the model after the site's own system prompt, for prompts of this rule alone. "
            "No classifier reads it; it must hold no secret.",
            group=ASKING,
            **_ANSWERING,
        ),
    )
    temperature: float | None = field(
        default=None,
        metadata=spec(
            "temperature",
            help="From 0 (the same again) to 2 (wild). Empty: the model's.",
            group=ASKING,
            **_ANSWERING,
            **_TEMPERATURE,
        ),
    )
    max_tokens: int | None = field(
        default=None,
        metadata=spec(
            "longest answer in tokens",
            title="Longest answer",
            help="Tokens. Empty: the model's own limit, which holds where it is the lower one.",
            group=ASKING,
            least=16,
            most=1_000_000,
            **_ANSWERING,
        ),
    )
    speculation: bool = field(
        default=True,
        metadata=spec(
            "asking its model ahead",
            title="Its model may be asked ahead",
            help="While the classifier decides, where this rule is the likeliest. The routing settings say "
            "how much money may be wasted so; with none, no model is asked ahead.",
            group=ASKING,
            **_ANSWERING,
        ),
    )


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
class VectorEvidence:
    """What a decision by vectors rests on: the probability that the classifier would name the same rule, and
    the number of its earlier verdicts that spoke for it."""

    probability: float
    verdicts: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The model that answers and the reason. ``fallback`` is true once another model than the first choice
    answers. ``vector`` is there where earlier verdicts decided."""

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
    vector: VectorEvidence | None = None

    @property
    def simulated(self) -> bool:
        """Whether a stand-in answers in the model's place."""
        return (self.model or "").startswith(SIMULATED_PREFIX)

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


@dataclass(frozen=True, slots=True)
class ReusePolicy(Stored):
    """Limits that an administrator sets on the reuse of answers and of decisions, and on speculation.

    ``wrong_shared`` and ``wrong_own`` are the wrong ones accepted in a hundred reuses of shared answers,
    and of a person's own. ``judge`` says when the small model decides about candidates that are neither
    sure nor hopeless: ``auto`` is when it saves more than it costs. ``audited`` is the share of reuses
    that are judged afterwards, in [0, 1]. ``links_usd_per_day`` is the most to spend a day (UTC, in US
    dollars) on having the small model compare stored answers with each other; 0 is nothing. ``vectors`` says whether earlier verdicts of the classifier
    decide about similar questions: ``auto`` is once audits have shown that they keep their budget,
    ``wrong_decisions`` in a hundred; ``audited_decisions`` is the share of their decisions that the
    classifier is asked about afterwards. ``speculation_usd_per_day`` is the money a day (UTC) for calls to the
    likeliest model that the classifier does not confirm; with 0 no model is asked ahead.
    """

    wrong_shared: float = field(
        default=1.0,
        metadata=spec(
            "Wrong ones accepted in a hundred reuses, of answers for everybody",
            title="Wrong ones in a hundred, of answers for everybody",
            help="From 0.1 to 20: how many of a hundred reused answers may be wrong. The less, the "
            "fewer are reused.",
            **_WRONG,
        ),
    )
    wrong_own: float = field(
        default=1.0,
        metadata=spec(
            "Wrong ones accepted in a hundred reuses, of a person's own answers",
            title="Wrong ones in a hundred, of a person's own answers",
            help="The same for answers that only the person who asked gets again.",
            **_WRONG,
        ),
    )
    judge: JudgeUse = field(
        default="auto",
        metadata=spec(
            "Asking the small model when in doubt",
            title="Ask the small model when in doubt",
            help="A yes or no from the classifier's model about a stored answer that is neither sure "
            "nor hopeless. It delays the question by as long.",
        ),
    )
    audited: float = field(
        default=0.02,
        metadata=spec(
            "The share of reuses checked afterwards",
            title="Reuses checked afterwards, in per cent",
            help="The classifier's model looks at this share of the reused answers in the background. "
            "Its verdicts move the cut and show in the precision.",
            least=0,
            most=1,
        ),
    )

    links_usd_per_day: float = field(
        default=0.5,
        metadata=spec(
            "US dollars a day for comparing stored answers",
            title="Comparing stored answers, US dollars a day at most",
            help="The classifier's model is asked once about each stored answer with a similar question "
            "beside it: which of them say the same. Similar questions then share their answers more "
            "often. 0: never.",
            least=0,
            most=1_000,
        ),
    )
    vectors: VectorUse = field(
        default="auto",
        metadata=spec(
            "Deciding by earlier verdicts",
            title="Decide known kinds of question by earlier verdicts",
            help="The classifier is not asked where its verdicts on similar questions agree. Measured "
            "first: they decide once the classifier, asked all the same, has confirmed a hundred of them.",
        ),
    )
    wrong_decisions: float = field(
        default=1.0,
        metadata=spec(
            "Other decisions accepted in a hundred by earlier verdicts",
            title="Other decisions than the classifier's, in a hundred",
            help="From 0.1 to 20: how many of a hundred decisions by earlier verdicts may differ from what "
            "the classifier would say. The less, the more often it is asked.",
            **_WRONG,
        ),
    )
    audited_decisions: float = field(
        default=0.05,
        metadata=spec(
            "The share of decisions by earlier verdicts checked afterwards",
            title="Decisions checked afterwards, in per cent",
            help="The classifier is asked about this share of them in the background. Its verdicts move "
            "the cut and show in the precision.",
            least=0,
            most=1,
        ),
    )

    speculation_usd_per_day: float = field(
        default=0.0,
        metadata=spec(
            "US dollars a day for calls ahead of the decision that are wasted",
            title="US dollars a day for calls that are wasted",
            help="While the classifier decides, the likeliest model is asked already. Where the classifier "
            "names another one, that call is cancelled, and wasted. No model is asked ahead any more once a "
            "day's waste reaches this; with 0 none ever is.",
            **_DAILY_USD,
        ),
    )

    def budget(self, *, shared: bool) -> float:
        """Wrong ones in a hundred reuses."""
        return self.wrong_shared if shared else self.wrong_own


SHARES = "audited", "audited_decisions"
"""Fields of ``ReusePolicy`` that people edit in per cent."""

# Fields of a rule set that do not decide who answers.
_WITHOUT_EFFECT = ("version", "min_similarity", "cache_ttl_seconds", "callers_choose", "reuse")


@dataclass(frozen=True, slots=True)
class RuleSet(Stored):
    """One published, immutable version of the rules and of the models they may name.

    ``default_rule`` answers when no classifier can. ``classifiers`` are model names in the
    order they are asked. ``min_similarity`` is the cosine similarity in [0, 1] from which a
    stored answer is considered, ``reuse`` the limits on serving it.
    """

    version: int
    rules: tuple[Rule, ...]
    models: tuple[ModelRef, ...]
    default_rule: str = field(metadata=spec("The default rule"))
    classifiers: tuple[str, ...] = field(metadata=spec("The classifiers"))
    callers_choose: bool = field(default=True, metadata=spec("Callers may name a model"))
    min_similarity: float = field(
        default=0.90,
        metadata=spec(
            "The similarity for reuse",
            title="Similarity",
            help="From 0.5 to 1: the least cosine similarity at which a stored answer is considered. "
            "Whether it is served is decided by the verifier.",
            least=0.5,
            most=1,
        ),
    )
    cache_ttl_seconds: int = field(
        default=30 * 24 * 3600,
        metadata=spec(
            "The life of a stored answer in seconds",
            title="Life of an answer",
            help="Seconds, where a rule says nothing else.",
            **_LIFE,
        ),
    )
    reuse: ReusePolicy = field(default_factory=ReusePolicy)

    def rule(self, name: str) -> Rule | None:
        """The rule of that name, or ``None``."""
        return next((rule for rule in self.rules if rule.name == name), None)

    def model(self, name: str) -> ModelRef | None:
        """The model of that name, or ``None``. A simulated model also answers to its plain name."""
        wanted = {name, SIMULATED_PREFIX + name}
        return next((model for model in self.models if model.name in wanted), None)

    @property
    def classifying(self) -> tuple[ModelRef, ...]:
        """The models that choose the rule, in the order they are asked."""
        found = (self.model(name) for name in self.classifiers)
        return tuple(model for model in found if model)

    def may_answer(self, name: str) -> bool:
        """Whether the person whose rules these are may use the model, published or not."""
        return True

    def facts(self) -> dict[str, Any]:
        """All fields as plain data."""
        return asdict(self)

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
        passes for a real one. A model with an address of its own is asked there."""
        renamed = {
            model.name: SIMULATED_PREFIX + model.name
            for model in self.models
            if model.provider in providers
            and not model.base_url
            and not model.name.startswith(SIMULATED_PREFIX)
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


@lru_cache(maxsize=256)
def _fingerprint(rules: RuleSet) -> str:
    # Kept for the sets in force: it takes a fifth of a millisecond, and each turn asks several
    # times.
    body = rules.facts()
    for irrelevant in _WITHOUT_EFFECT:
        del body[irrelevant]
    for rule in body["rules"]:
        del rule["speculation"]
    for model in (*body["models"], *body.get("own_classifiers", ())):
        # How its stream is read decides nothing either, and abilities only in chats that are not stored.
        del model["ends_without_finish"], model["abilities"], model["key_variable"]
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
