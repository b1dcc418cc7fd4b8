"""Measurement of ``manage.py evaluate_routing --retrieval``: whether the right rule is among those that the
classifier would read, and how much shorter its prompt is. No model is asked."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray
from rich.table import Table

from conversations.adapters.decision_vectors.rule_retrieval import NearestRules
from routing.classifier.classification import build_instructions, build_request, make_decision
from routing.classifier.retrieval import SentRules
from routing.common.statistics import wilson
from routing.domain.actions import Action
from routing.domain.llm import estimated_tokens
from routing.domain.rules import Classification, Rule, RuleSet, Source
from routing.embeddings.local import LocalEmbedder
from routing.evaluation.expectations import Expected
from routing.reuse.lab.dataset import embed_shown

SEEDS = (1, 2, 3)
RULES, EXAMPLES, PROMPTS = 200, 3, 10
"""Of a file with intents: rules together with the set's own, examples of a rule, prompts for each."""

Asked = tuple[str, Expected]


@dataclass(frozen=True, slots=True)
class RetrievalCounts:
    """One rule set: prompts, those whose right rule was sent, and means over the prompts. Tokens are those of
    the classifier's prompt and schema, estimated."""

    rules: int
    prompts: int
    found: int
    rules_sent: float
    tokens: float
    all_tokens: float


def rules_of_intents(
    rows: Sequence[tuple[str, str]], base: RuleSet, seed: int
) -> tuple[RuleSet, list[Asked]]:
    """``base`` with a rule for each intent, up to ``RULES`` of them, and prompts that are no examples."""
    dice, prompts = random.Random(seed), dict[str, list[str]]()  # noqa: S311 - a sample
    for text, intent in dict.fromkeys(rows):
        prompts.setdefault(intent, []).append(text)
    default = base.rule(base.default_rule)
    names = sorted(prompts)
    chosen = dice.sample(names, min(len(names), RULES - len(base.rules)))
    made, asked = list[Rule](), list[Asked]()
    for name in chosen:
        told = dice.sample(prompts[name], min(len(prompts[name]), EXAMPLES + PROMPTS))
        subject = f"The prompt asks about: {name.replace('_', ' ')}."
        model = default.model if default else None
        made.append(
            Rule(
                name,
                subject,
                Action.ANSWER,
                model,
                priority=50,
                examples_for=tuple(told[:EXAMPLES]),
            )
        )
        asked += [(text, Expected(rules=(name,))) for text in told[EXAMPLES:]]
    return replace(base, rules=(*base.rules, *made)), asked


def retrieval_trial(rules: RuleSet, asked: Sequence[Asked]) -> RetrievalCounts:
    """The counts for these prompts. Raises ``EmbedderUnavailable``, ``OSError`` and ``sqlite3.Error``."""
    data_dir = Path(settings.DATA_DIR)
    told = [text for rule in rules.rules for text in (*rule.examples_for, rule.instruction)]
    texts = [*told, *(prompt for prompt, _ in asked)]
    vectors = dict(zip(texts, embed_shown(texts, data_dir), strict=True))
    embedder = LocalEmbedder(data_dir)
    known = _KnownTexts({text: vectors[text] for text in told if embedder.reads(text)})
    retriever = NearestRules(known, embedder.reads, least=1)
    whole = SentRules(build_instructions(rules))
    found = 0
    sizes = list[int]()
    tokens = list[tuple[int, int]]()
    for prompt, expected in asked:
        sent = retriever.choose(prompt, vectors[prompt].tolist(), rules) or whole
        found += any(
            expected.met_by(make_decision(rules, _named(rule), Source.CLASSIFIER))
            for rule in (*sent.instructions.listed, *sent.near)
        )
        sizes.append(sent.count)
        tokens.append((_tokens(sent, prompt), _tokens(whole, prompt)))
    embedder.close()
    near, every = (float(mean) for mean in np.mean(tokens, axis=0))
    listed = len(whole.instructions.listed)
    return RetrievalCounts(listed, len(asked), found, float(np.mean(sizes)), near, every)


@dataclass(frozen=True, slots=True)
class _KnownTexts:
    """Vectors of the texts that are read, in place of those that a worker embeds in the background."""

    vectors: Mapping[str, NDArray[np.float32]]

    def known(self, rules: Mapping[str, Rule]) -> dict[str, NDArray[np.float32]]:
        return {
            digest: np.array([self.vectors[text] for text in texts if text in self.vectors])
            for digest, rule in rules.items()
            for texts in [(*rule.examples_for, rule.instruction)]
        }


def _named(rule: Rule) -> Classification:
    return Classification(rule.name, "", self_contained=True)


def _tokens(sent: SentRules, prompt: str) -> int:
    messages = build_request(sent.instructions, prompt, (), near=sent.near)
    schema = json.dumps(dict(sent.instructions.bounded_schema))
    return sum(estimated_tokens(one.content) for one in messages) + estimated_tokens(schema)


def retrieval_table(name: str, trials: Sequence[RetrievalCounts]) -> Table:
    """A row a rule set."""
    table = Table(title=f"{name}: rules near the prompt alone")
    for heading in (
        "rules",
        "prompts",
        "right rule sent",
        "95 %",
        "rules sent",
        "tokens",
        "of all",
    ):
        table.add_column(heading, justify="right")
    for one in trials:
        low, high = wilson(one.found, one.prompts)
        share = one.found / one.prompts if one.prompts else 0.0
        table.add_row(
            f"{one.rules:,}",
            f"{one.prompts:,}",
            f"{share:.2%}",
            f"{low:.2%} to {high:.2%}",
            f"{one.rules_sent:.1f}",
            f"{one.tokens:,.0f} of {one.all_tokens:,.0f}",
            f"{one.tokens / one.all_tokens:.1%}",
        )
    return table


def retrieval_json(trials: Sequence[RetrievalCounts]) -> list[dict[str, Any]]:
    """JSON-ready."""
    return [
        {
            "rules": one.rules,
            "prompts": one.prompts,
            "found": one.found,
            "rules_sent": round(one.rules_sent, 2),
            "tokens": round(one.tokens),
            "all_tokens": round(one.all_tokens),
        }
        for one in trials
    ]
