"""``manage.py train_mean``: the vector that all texts have in common, which the multilingual embedder takes off."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError
from numpy.typing import NDArray

from routing.common.arguments import whole
from routing.domain.errors import EmbedderUnavailable
from routing.embeddings.multilingual import MEAN_FILE, NAME, MultilingualE5
from routing.reuse.lab.dataset import is_stream, provenance, read_pairs, read_stream

ENGLISH = "en"


class Command(BaseCommand):
    """The same files, limit and seed give the same vector."""

    help = (
        "Make the mean of English questions, and of the means of other languages, of CSV files with text, or with"
        " text_a,text_b and kind: a kind of two letters is a language, all else is English. After it, weights"
        " (train_reuse, train_decisions, train_guard) are learned anew."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="+")
        parser.add_argument("--limit", type=whole(1, 10_000_000), help="only so many rows of each")
        parser.add_argument("--seed", type=whole(0, 2**32 - 1), default=0, help="of the rows drawn")
        parser.add_argument("--out", type=Path, default=MEAN_FILE, metavar="JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            held = _by_language(options["file"], options["limit"], options["seed"])
            means = {name: _mean(texts) for name, texts in sorted(held.items())}
        except (OSError, ValueError, EmbedderUnavailable) as exc:
            raise CommandError(str(exc)) from exc
        made = {
            "made_by": f"manage.py train_mean --limit {options['limit']} --seed {options['seed']}",
            "from": [provenance(path) for path in options["file"]],
            "texts": {name: len(texts) for name, texts in sorted(held.items())},
            "embedder": NAME,
            "mean": [round(float(each), 5) for each in _common(means)],
        }
        options["out"].write_text(json.dumps(made) + "\n", "utf-8")
        self.stdout.write(json.dumps(made["texts"]))


def _by_language(paths: Sequence[Path], limit: int | None, seed: int) -> Mapping[str, list[str]]:
    held: defaultdict[str, list[str]] = defaultdict(list)
    for path in paths:
        if is_stream(path):
            held[ENGLISH] += [row.text for row in read_stream(path, seed)[:limit]]
            continue
        rows = read_pairs(path)
        for at in np.random.default_rng(seed).permutation(len(rows))[:limit].tolist():
            row = rows[at]
            held[row.category if len(row.category) == 2 else ENGLISH] += [row.one, row.other]
    return held


def _mean(texts: Sequence[str]) -> NDArray[np.float64]:
    model = MultilingualE5()
    shown = np.array([model.shown([model.tokenize(text)])[0] for text in texts], np.float64)
    return np.asarray(shown.mean(axis=0))


def _common(means: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """English counts as much as all other languages together, which count alike."""
    others = [mean for name, mean in means.items() if name != ENGLISH]
    halves = [means[ENGLISH]] if ENGLISH in means else []
    return np.asarray(np.mean([*halves, *([np.mean(others, axis=0)] if others else [])], axis=0))
