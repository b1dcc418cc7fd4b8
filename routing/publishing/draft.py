"""Draft: the tables as a rule set, and its differences from the version that is live."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from pydantic import TypeAdapter

from routing.classifier.retrieval import SentRules, most_sent
from routing.domain.actions import ACTIONS, Action
from routing.domain.errors import RuleSetInvalid
from routing.domain.fields import specs
from routing.domain.llm import Priced, Usage
from routing.domain.rules import SHARES, ModelRef, ReusePolicy, Rule, RuleSet, Timeouts
from routing.llm.providers.late import litellm, litellm_request
from routing.models import LLMModel, RoutingSettings, RuleSetRelease, RuleSetVersion
from routing.models import Rule as RuleRow
from routing.publishing.codec import ruleset_load
from routing.publishing.diff import differences
from routing.publishing.selectors import live_since, release_row
from routing.publishing.validation import budget, prompt_tokens, ruleset_faults

_RULE = TypeAdapter(Rule)
_MODEL = TypeAdapter(ModelRef)
_LISTS = tuple(item.name for item in fields(Rule) if item.default == ())


@dataclass(frozen=True, slots=True)
class Draft:
    """``release`` is in force, ``faults`` keep the tables from being published, ``changes`` are the
    sentences about the difference, ``rules`` the tables' set, as version 0, where it has no faults."""

    release: RuleSetRelease | None
    rules: RuleSet | None
    faults: Sequence[str]
    changes: Sequence[str]

    @property
    def live(self) -> RuleSetVersion | None:
        """The version that answers (those not on trial)."""
        return self.release.live if self.release else None

    @property
    def live_since(self) -> datetime | None:
        """The time from which the live version answers: that of the first of its latest releases in a
        row. The steps of a trial beside it are releases too."""
        return live_since(self.release) if self.release else None

    @property
    def trial(self) -> RuleSetVersion | None:
        """The version on trial, in shadow or for some users."""
        return self.release.trial if self.release else None

    @property
    def on_trial(self) -> bool:
        """Whether the tables equal the version on trial."""
        return bool(self.trial and self.rules and same(self.trial, self.rules))

    @property
    def differs(self) -> bool:
        """Whether there is anything unpublished."""
        return bool(self.faults or (self.changes and not self.on_trial))


CACHED_FROM_TOKENS = {"anthropic": 4_096, "openai": 1_024}
"""Tokens of rules from which a provider keeps them in its cache, for the models that classify."""


@dataclass(frozen=True, slots=True)
class ClassifierPrompt:
    """The cost of the rules in a prompt that is classified: estimated ``tokens``, and the first classifier's
    price for them, ``None`` where it has none. ``all_tokens`` of all rules, where only those near a prompt are
    sent and ``tokens`` are the most of these."""

    classifier: str
    tokens: int
    all_tokens: int
    budget: int
    cost_usd: Decimal | None
    cached_cost_usd: Decimal | None = None
    """The same while the provider has those that are always sent in its cache; ``None`` where they are too
    few for it."""

    @classmethod
    def of(cls, rules: RuleSet) -> ClassifierPrompt:
        """The cost of a valid set."""
        sent, whole = most_sent(rules, settings.RULE_RETRIEVAL), prompt_tokens(rules)
        tokens = prompt_tokens(rules, sent) if sent else whole
        kept = prompt_tokens(rules, SentRules(sent.instructions)) if sent else whole
        model = rules.model(rules.classifiers[0])
        costs = _input_costs(model, tokens, kept) if model else (None, None)
        return cls(rules.classifiers[0], tokens, whole, budget(rules), *costs)


def _input_costs(model: ModelRef, tokens: int, kept: int) -> tuple[Decimal | None, Decimal | None]:
    """The price of so many tokens, and that while the provider has the first ones, ``kept``, in its cache."""
    cost, rest = (
        litellm.priced(model, Usage(input_tokens=count)).cost_usd
        for count in (tokens, tokens - kept)
    )
    cached = litellm.cached_input_cost(model, kept)
    least = CACHED_FROM_TOKENS.get(model.provider)
    if least is None or kept < least or cached is None or rest is None:
        return cost, None
    return cost, cached + rest


def without_price(models: Iterable[Priced]) -> list[str]:
    """Names of the models whose calls have no known cost."""
    return [model.name for model in models if not litellm.has_price(model)]


def doubtful_names(models: Iterable[ModelRef | LLMModel]) -> list[str]:
    """Sentences about LiteLLM names that are perhaps misspelt."""
    doubts = ((model, litellm.name_doubt(model.litellm_name)) for model in models)
    return [f"“{model.litellm_name}” ({model.name}): {doubt}." for model, doubt in doubts if doubt]


def strange_parameters(models: Iterable[ModelRef]) -> list[str]:
    """Sentences about parameters that LiteLLM does not send to the models that have them."""
    found = ((model, ", ".join(litellm_request.strange_options(model))) for model in models)
    return [
        f"“{model.name}” is asked without {names}: LiteLLM knows no such parameter of {model.litellm_name}."
        for model, names in found
        if names
    ]


def unset_variables(models: Iterable[ModelRef | LLMModel]) -> list[str]:
    """Sentences about models whose key is not there: they are no candidates."""
    return [
        f"“{model.name}” is not asked: the variable {model.key_variable} is not set."
        for model in models
        if model.key_variable and not settings.MODEL_KEYS.get(model.key_variable)
    ]


def prices_seen(model: LLMModel) -> str:
    """The prices that a call is billed at, in words, and where they come from."""
    listed = litellm.listed_prices(model.litellm_name) or (None, None)
    own = (model.input_price, model.output_price)
    seen = [mine if mine is not None else list_ for mine, list_ in zip(own, listed, strict=True)]
    if seen == [None, None]:
        return "by the list"  # which may have one for a picture, or none
    told = [f"{price.normalize():f}" if price is not None else "by the list" for price in seen]
    source = "" if None not in own else " (list)" if own == (None, None) else " (partly the list)"
    return f"{told[0]} in, {told[1]} out{source}"


def draft_now() -> Draft:
    """The draft of this moment."""
    release = release_row()
    live = release.live if release else None
    try:
        rules = ruleset_build()
    except RuleSetInvalid as exc:
        return Draft(release, None, exc.faults, ())
    changes = () if live and same(live, rules) else changes_since(live, rules)
    return Draft(release, rules, (), changes)


def same(version: RuleSetVersion, candidate: RuleSet) -> bool:
    """Whether the version equals the candidate but for its number. A version stored before a setting was
    known has the setting's default; one that can't be read equals nothing."""
    try:
        stored = ruleset_load(version.blob)
    except ValueError:
        return False
    return stored == replace(candidate, version=version.number)


def changes_since(live: RuleSetVersion | None, candidate: RuleSet) -> Sequence[str]:
    """The candidate's changes, in sentences."""
    return differences(ruleset_load(live.blob) if live else None, candidate)


def ruleset_build() -> RuleSet:
    """The enabled rules and models as version 0. Raises ``RuleSetInvalid`` with all faults."""
    rows = list(RuleRow.objects.filter(enabled=True).select_related("model"))
    # Disabled ones too: a classifier that is disabled is another fault than an unknown one.
    models = list(LLMModel.objects.all())
    chosen = RoutingSettings.objects.select_related("classifier", "classifier_fallback").first()
    rules = _ruleset(rows, models, chosen or RoutingSettings())
    disabled = {row.name for row in models if not row.enabled}
    malformed = [fault for row in rows for fault in _list_faults(row)]
    if faults := (*ruleset_faults(rules, disabled=disabled), *malformed):
        raise RuleSetInvalid(faults)
    return rules


def _ruleset(rows: list[RuleRow], models: list[LLMModel], chosen: RoutingSettings) -> RuleSet:
    classifiers = [row.name for row in (chosen.classifier, chosen.classifier_fallback) if row]
    shares = {name: getattr(chosen, f"{name}_percent") / 100 for name in SHARES}
    reuse = {name: getattr(chosen, name) for name in specs(ReusePolicy).keys() - shares.keys()}
    settings = specs(RuleSet).keys() - {"default_rule", "classifiers"}
    return RuleSet(
        version=0,
        rules=tuple(map(rule_of, rows)),
        models=tuple(model_ref(row) for row in models if row.enabled),
        default_rule=next((row.name for row in rows if row.is_default), ""),
        classifiers=tuple(dict.fromkeys(classifiers)) if chosen.classifier else (),
        reuse=ReusePolicy(**reuse, **shares),
        **{name: getattr(chosen, name) for name in settings},
    )


def _list_faults(row: RuleRow) -> Iterable[str]:
    for name in _LISTS:
        if not _is_texts(getattr(row, name)):
            yield f"“{name}” of the rule “{row.name}” must be a list of texts."


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def rule_of(row: RuleRow) -> Rule:
    """A rule as its row describes it now. A malformed list counts as empty: it is a fault of its own."""
    values = {name: getattr(row, name) for name in specs(Rule)}
    values |= {name: [] for name in _LISTS if not _is_texts(values[name])}
    values["model"] = row.model.name if row.model else None
    if ACTIONS[Action(row.action)].model_kind is None:
        values |= {"model": None, "fallbacks": []}
    return _RULE.validate_python(values)


def model_ref(row: LLMModel) -> ModelRef:
    """A model as its row describes it now."""
    values = {name: getattr(row, name) for name in specs(ModelRef) if name != "timeouts"}
    timeouts = {phase.name: getattr(row, f"{phase.name}_timeout") for phase in fields(Timeouts)}
    return _MODEL.validate_python({**values, "timeouts": timeouts})
