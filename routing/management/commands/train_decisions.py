"""``manage.py train_decisions``: learn when earlier verdicts of the classifier may decide about a question."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from routing.common.arguments import whole
from routing.domain.errors import EmbedderUnavailable
from routing.embeddings.choice import offline_embedder
from routing.reuse.decision_model import DECISION_WEIGHTS_FILE
from routing.reuse.lab.dataset import LabelledStream, embed_shown, provenance, read_stream
from routing.reuse.lab.decisions import (
    both_ways,
    cuts_within,
    figures_of,
    held_out,
    train_decisions,
)
from routing.reuse.model import weights_file

SEEDS = (1, 2)
"""Orders in which each stream is replayed."""


class Command(BaseCommand):
    """The same files give the same weights, those of the embedder in ``EMBEDDING_MODEL``."""

    help = (
        "Learn from streams of labelled questions (CSV files with text,intent), two at least, when the "
        "nearest verdicts decide. The cuts of the error budgets are measured on each stream by weights from "
        "the others."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--stream", type=Path, action="append", required=True, metavar="FILE")
        parser.add_argument("--out", type=Path, metavar="JSON")
        parser.add_argument("--limit", type=whole(1, 10_000_000), help="only so many rows of each")

    def handle(self, *args: Any, **options: Any) -> None:
        paths: list[Path] = options["stream"]
        if len(set(paths)) < 2:
            raise CommandError("Name two streams at least: cuts are measured on one left out.")
        try:
            streams = [_read(path, options["limit"]) for path in paths]
        except (OSError, ValueError, EmbedderUnavailable) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write("Measuring on what is left out …")
        trials = held_out(streams, SEEDS)
        found = [cuts_within(each) for each in trials.values()]
        cuts = {f"{budget:g}": max(one[budget] for one in found) for budget in found[0]}
        self.stdout.write("Learning from everything …")
        weights = train_decisions([each for one in streams for each in both_ways(one, SEEDS[:1])])
        embedder = offline_embedder(settings.EMBEDDING_MODEL, Path(settings.DATA_DIR)).name
        out = options["out"] or weights_file(DECISION_WEIGHTS_FILE, embedder)
        made = {
            "made_by": "manage.py train_decisions",
            "from": [provenance(path) for path in paths],
            "embedder": embedder,
            "cuts": cuts,
            "weights": weights,
            "left_out_file": {name: figures_of(each) for name, each in trials.items()},
        }
        out.write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n", "utf-8")
        self.stdout.write(json.dumps(made["left_out_file"], indent=1))


def _read(path: Path, limit: int | None) -> LabelledStream:
    rows = read_stream(path, seed=0)[:limit]
    texts = [row.text for row in rows]
    vectors = embed_shown(texts, Path(settings.DATA_DIR), settings.EMBEDDING_MODEL)
    return LabelledStream(path.stem, texts, [row.answer for row in rows], vectors)
