"""Measurement of ``manage.py evaluate_routing --vectors``: how earlier verdicts would decide labelled prompts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from rich.table import Table

from routing.embeddings.choice import offline_embedder
from routing.reuse.decision_model import DECISION_WEIGHTS_FILE, DecisionModel
from routing.reuse.lab.dataset import LabelledStream, embed_shown
from routing.reuse.lab.decisions import DecisionCounts, decision_trial, shuffled
from routing.reuse.model import known_weights

SEEDS = (1, 2, 3)
"""Orders in which the prompts are asked."""
BUDGETS = (0.5, 1.0, 2.0, 5.0)


def vector_trials(name: str, rows: Sequence[tuple[str, str]]) -> dict[float, list[DecisionCounts]]:
    """By budget a trial for each order; ``rows`` are texts with the label that plays the classifier's word.
    Raises ``EmbedderUnavailable``, ``OSError`` and ``sqlite3.Error``."""
    texts = [text for text, _ in rows]
    vectors = embed_shown(texts, Path(settings.DATA_DIR), settings.EMBEDDING_MODEL)
    stream = LabelledStream(name, texts, [label for _, label in rows], vectors)
    name = offline_embedder(settings.EMBEDDING_MODEL, Path(settings.DATA_DIR)).name
    model = DecisionModel.load(known_weights(DECISION_WEIGHTS_FILE, name))
    ordered = [shuffled(stream, seed) for seed in SEEDS]
    return {
        budget: [decision_trial(each, model, model.cut(budget)) for each in ordered]
        for budget in BUDGETS
    }


def trial_table(name: str, trials: dict[float, list[DecisionCounts]]) -> Table:
    """A row a budget, over all orders."""
    table = Table(title=f"{name}: decided by earlier verdicts, second half, seeds {SEEDS}")
    for heading in ("budget in 100", "prompts", "decided", "different", "95 %"):
        table.add_column(heading, justify="right")
    for budget, each in trials.items():
        one = sum(each, DecisionCounts(0, 0, 0))
        low, high = one.interval
        different = f"{one.different} ({one.different_share:.2%})"
        cells = (f"{one.prompts:,}", f"{one.decided:,} ({one.share:.1%})", different)
        table.add_row(f"{budget:g}", *cells, f"{low:.2%} to {high:.2%}")
    return table


def trials_json(trials: dict[float, list[DecisionCounts]]) -> dict[str, Any]:
    """JSON-ready: a list of the orders' counts by budget."""
    return {
        f"{budget:g}": [
            {
                "seed": seed,
                "prompts": one.prompts,
                "decided": one.decided,
                "different": one.different,
            }
            for seed, one in zip(SEEDS, each, strict=True)
        ]
        for budget, each in trials.items()
    }
