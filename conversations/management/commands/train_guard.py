"""``manage.py train_guard``: learn the guard's flag from labelled prompts and from people's verdicts."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from numpy.typing import NDArray

from conversations.storage.guard_reviews import reviewed_prompts
from routing.common.arguments import whole
from routing.common.files import read_table
from routing.domain.errors import EmbedderUnavailable
from routing.embeddings.choice import offline_embedder
from routing.guard.hints import LEAST_COUNT, PAIRED
from routing.guard.learned import WEIGHTS, features, windows
from routing.guard.prompt_guard import FLAG_FROM, PromptGuard
from routing.reuse.lab.dataset import embed_shown, provenance
from routing.reuse.logistic import Floats, Prior, fit, logistic

INJECTION = "injection"
FOLDS = 5
STRENGTH = 1.0
"""How strongly weights are drawn to zero."""
VECTOR_SCALE = 1.5
"""Components of a unit vector are small beside signals of one: scaled, one strength suits both."""
BENIGN_FLAGS, ORDINARY_FLAGS = 0.005, 0.01
"""Shares of benign and of ordinary prompts that may be flagged, on prompts left out of the training."""
ORDINARY_WEIGHT = 4.0
REVIEWED_WEIGHT = 3.0
HARD_WEIGHT = 3.0
HARD_NEGATIVE = "look-alike"
"""The kind of a prompt that is harmless and looks like an attack."""


@dataclass(frozen=True, slots=True)
class LabelledPrompt:
    """A prompt of a training file, or of the review queue."""

    text: str
    injection: bool
    source: str
    weight: float = 1.0
    ordinary: bool = False


@dataclass(frozen=True)
class TrainingRows:
    """[prompts, features] of the heads and of the tails of the same prompts, with the rules' verdicts."""

    heads: Floats
    tails: Floats
    flagged: NDArray[np.bool_]
    """Flagged or blocked by the rules."""
    benign_flags: float


class Command(BaseCommand):
    """The same files, verdicts and seed give the same weights, those of the embedder in ``EMBEDDING_MODEL``."""

    help = (
        "Learn the guard's flag. Files are CSV with text,label (injection, or anything else);"
        " --ordinary names files of everyday prompts, which are flagged least of all."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="+")
        parser.add_argument("--ordinary", type=Path, action="append", default=[], metavar="FILE")
        parser.add_argument(
            "--reviewed", action="store_true", help="also learn from the verdicts in the admin"
        )
        parser.add_argument("--seed", type=whole(0, 2**32 - 1), default=0)
        parser.add_argument("--out", type=Path, default=WEIGHTS, metavar="FOLDER")

    def handle(self, *args: Any, **options: Any) -> None:
        files, ordinary = options["file"], options["ordinary"]
        try:
            prompts = [
                *(each for path in files for each in _read(path)),
                *(each for path in ordinary for each in _read(path, ordinary=True)),
            ]
            if options["reviewed"]:
                prompts += [
                    LabelledPrompt(text, attack, "reviewed", REVIEWED_WEIGHT)
                    for text, attack in reviewed_prompts().items()
                ]
            trained = train(prompts, options["seed"])
        except (ValueError, EmbedderUnavailable) as exc:
            raise CommandError(str(exc)) from exc
        name = offline_embedder(settings.EMBEDDING_MODEL, Path(settings.DATA_DIR)).name
        made = {
            "made_by": f"manage.py train_guard --seed {options['seed']}"
            + " --reviewed" * options["reviewed"],
            "embedder": name,
            "from": [provenance(path) for path in (*files, *ordinary)],
        }
        options["out"].mkdir(parents=True, exist_ok=True)
        text = json.dumps(made | trained, indent=1) + "\n"
        (options["out"] / f"{name}.json").write_text(text, "utf-8")
        self.stdout.write(json.dumps(trained["figures"], indent=2))


def train(prompts: Sequence[LabelledPrompt], seed: int) -> dict[str, Any]:
    """Both sets of weights and their figures. Raises ``ValueError`` where one label is missing, and
    ``EmbedderUnavailable``."""
    if len({prompt.injection for prompt in prompts}) < 2:
        raise ValueError("Injections and other prompts are needed.")
    reports = [PromptGuard().report(prompt.text) for prompt in prompts]
    values = [
        features(prompt.text, report) for prompt, report in zip(prompts, reports, strict=True)
    ]
    names = _names(values)
    signals = np.array([[each.get(name, 0.0) for name in names] for each in values])
    flagged = np.array([report.score >= FLAG_FROM for report in reports])
    heads, tails = _vectors([prompt.text for prompt in prompts])
    full = TrainingRows(
        np.hstack([heads, signals]), np.hstack([tails, signals]), flagged, BENIGN_FLAGS
    )
    # Signals alone cannot tell a role from a jailbreak: they may flag less.
    alone = TrainingRows(signals, signals, flagged, BENIGN_FLAGS / 4)
    parts, figures = {}, {}
    for name, rows, size in (("full", full, heads.shape[1]), ("alone", alone, 0)):
        parts[name], figures[name] = _trained(prompts, rows, names, size, seed)
    return {**parts, "figures": figures}


def _names(values: Sequence[Mapping[str, float]]) -> list[str]:
    """Signals and hints that get a weight: a rare pair of concepts would only tell its prompts by heart."""
    counts = Counter(name for each in values for name in each)
    return sorted(
        name for name, count in counts.items() if PAIRED not in name or count >= LEAST_COUNT
    )


def _vectors(texts: Sequence[str]) -> tuple[Floats, Floats]:
    parts = [windows(text) for text in texts]
    every = sorted({window for part in parts for window in part})
    place = {text: at for at, text in enumerate(every)}
    shown = embed_shown(every, Path(settings.DATA_DIR), settings.EMBEDDING_MODEL)
    vectors = shown.astype(float) * VECTOR_SCALE
    ends: tuple[Callable[[tuple[str, ...]], str], ...] = (lambda p: p[0], lambda p: p[-1])
    heads, tails = (vectors[[place[end(part)] for part in parts]] for end in ends)
    return heads, tails


def _trained(
    prompts: Sequence[LabelledPrompt], rows: TrainingRows, names: list[str], size: int, seed: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    labels = np.array([float(prompt.injection) for prompt in prompts])
    weights = np.array([prompt.weight for prompt in prompts])
    ordinary = np.array([prompt.ordinary for prompt in prompts])
    prior = Prior.loose(rows.heads.shape[1], STRENGTH)
    fold = np.random.default_rng(seed).integers(0, FOLDS, len(labels))
    chances = np.zeros(len(labels))
    for number in range(FOLDS):
        seen, unseen = fold != number, fold == number
        learned = fit(rows.heads[seen], labels[seen], weights[seen], prior)
        chances[unseen] = np.maximum(
            _chances(rows.heads[unseen], learned), _chances(rows.tails[unseen], learned)
        )
    cut = _cut(chances[labels == 0], chances[ordinary], rows.benign_flags)
    found = (chances >= cut) | rows.flagged
    learned = fit(rows.heads, labels, weights, prior)
    scale = VECTOR_SCALE
    part = {
        "vector": [round(float(value) * scale, 4) for value in learned[:size]],
        "signals": dict(zip(names, (round(float(v), 4) for v in learned[size:-1]), strict=True)),
        "intercept": round(float(learned[-1]), 4),
        "cut": round(cut, 4),
    }
    return part, _figures(prompts, found, rows.flagged)


def _chances(rows: Floats, learned: Floats) -> Floats:
    return logistic(rows @ learned[:-1] + learned[-1])


def _cut(benign: Floats, ordinary: Floats, benign_flags: float) -> float:
    cuts = [float(np.quantile(benign, 1 - benign_flags))]
    if len(ordinary):
        cuts.append(float(np.quantile(ordinary, 1 - ORDINARY_FLAGS)))
    return max(cuts)


def _figures(
    prompts: Sequence[LabelledPrompt], found: NDArray[np.bool_], rules: NDArray[np.bool_]
) -> dict[str, Any]:
    """By source and label: prompts, and the shares flagged by both and by the rules alone, each prompt
    left out of the weights that judge it."""
    groups: dict[str, list[int]] = {}
    for at, prompt in enumerate(prompts):
        groups.setdefault(
            f"{prompt.source}, {'injection' if prompt.injection else 'other'}", []
        ).append(at)
    return {
        name: {
            "prompts": len(at),
            "flagged": round(float(found[at].mean()), 4),
            "by_rules": round(float(rules[at].mean()), 4),
        }
        for name, at in sorted(groups.items())
    }


def _read(path: Path, *, ordinary: bool = False) -> list[LabelledPrompt]:
    rows = read_table(path, "'text'", {"text"})
    weight = ORDINARY_WEIGHT if ordinary else 1.0
    return [
        LabelledPrompt(
            row["text"],
            row.get("label") == INJECTION,
            path.stem,
            HARD_WEIGHT if row.get("kind") == HARD_NEGATIVE else weight,
            ordinary,
        )
        for row in rows
        if (row["text"] or "").strip()
    ]
