"""``manage.py train_reuse``: learn from labelled questions when one answer serves two of them."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from routing.common.arguments import whole
from routing.domain.errors import EmbedderUnavailable
from routing.embeddings.choice import offline_embedder
from routing.reuse.lab.dataset import (
    LabelledPairs,
    LabelledStream,
    embed_shown,
    provenance,
    read_pairs,
    read_stream,
)
from routing.reuse.lab.evaluation import CURVE, OPEN_CURVE
from routing.reuse.lab.training import as_json, train
from routing.reuse.lab.validation import cuts_from, left_out, lone_cuts, pair_figures, unseen
from routing.reuse.model import RARITY_FILE, WEIGHTS_FILE, weights_file


class Command(BaseCommand):
    """The same files and seed give the same weights, those of the embedder in ``EMBEDDING_MODEL``."""

    help = (
        "Learn the weights that say when a stored answer may be used again. Streams are CSV files"
        " with text,intent; pairs have text_a,text_b,label. The figures beside the weights are"
        " measured on questions that were left out of the training."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--stream", type=Path, action="append", default=[], metavar="FILE")
        parser.add_argument("--pairs", type=Path, action="append", default=[], metavar="FILE")
        parser.add_argument("--seed", type=whole(0, 2**32 - 1), default=0)
        parser.add_argument("--out", type=Path, default=WEIGHTS_FILE.parent, metavar="FOLDER")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            streams, pairs = _read(options["stream"], options["pairs"], options["seed"])
        except (OSError, ValueError, EmbedderUnavailable) as exc:
            raise CommandError(str(exc)) from exc
        if not streams and not pairs:
            raise CommandError("There is nothing to learn from: name files by --stream or --pairs.")
        self.stdout.write("Measuring on what is left out …")
        seed = options["seed"]
        figures = {
            "unseen_answers": unseen(streams, pairs, seed),
            "left_out_file": left_out(streams, pairs, seed),
        }
        self.stdout.write("Learning from everything …")
        measured = [one for held in figures.values() for one in held]
        cuts, open_cuts = (cuts_from(measured, curve) for curve in (CURVE, OPEN_CURVE))
        embedder = offline_embedder(settings.EMBEDDING_MODEL, Path(settings.DATA_DIR)).name
        model = replace(
            train(embedder, streams, pairs, seed, cuts),
            lone_cuts=lone_cuts(streams, pairs, seed),
            open_cuts=open_cuts,
        )
        figures["pairs_trained_on"] = [pair_figures(model, one) for one in pairs]
        files = [provenance(path) for path in (*options["stream"], *options["pairs"])]
        made = {"made_by": f"manage.py train_reuse --seed {seed}", "from": files}
        _write(options["out"], made | as_json(model) | {"figures": figures}, model.rarity)
        self.stdout.write(json.dumps(figures, indent=2))


def _read(
    streams: Sequence[Path], pairs: Sequence[Path], seed: int
) -> tuple[list[LabelledStream], list[LabelledPairs]]:
    rows = {path: read_stream(path, seed) for path in streams}
    both = {path: read_pairs(path) for path in pairs}
    texts = [row.text for held in rows.values() for row in held]
    texts += [text for held in both.values() for row in held for text in (row.one, row.other)]
    vectors = (
        embed_shown(texts, Path(settings.DATA_DIR), settings.EMBEDDING_MODEL)
        if texts
        else np.zeros((0, 0), np.float32)
    )
    place = {text: at for at, text in enumerate(texts)}
    return (
        [
            LabelledStream(
                path.stem,
                [row.text for row in held],
                [row.answer for row in held],
                vectors[[place[row.text] for row in held]],
            )
            for path, held in rows.items()
        ],
        [
            LabelledPairs(
                path.stem,
                [(row.one, row.other) for row in held],
                np.array([float(row.same) for row in held]),
                vectors[[place[row.one] for row in held]],
                vectors[[place[row.other] for row in held]],
            )
            for path, held in both.items()
        ],
    )


def _write(folder: Path, held: dict[str, Any], rarity: Mapping[str, float]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    weights = weights_file(WEIGHTS_FILE, held["embedder"])
    for path, content in ((weights, held), (RARITY_FILE, dict(rarity))):
        text = json.dumps(content, indent=1, ensure_ascii=False)
        (folder / path.name).write_text(text + "\n", "utf-8")
