"""``manage.py evaluate_cache FILE``: precision and recall of reuse on labelled questions, beside plain cosine."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

from routing.common.arguments import decimal, whole
from routing.common.files import file_fault
from routing.domain.errors import EmbedderUnavailable
from routing.embeddings.choice import offline_embedder
from routing.reuse.lab.agreement import SimulatedJudge, Spoiled
from routing.reuse.lab.dataset import (
    LabelledStream,
    embed_shown,
    is_stream,
    read_pairs,
    read_stream,
)
from routing.reuse.lab.evaluation import evaluate_pairs, evaluate_stream
from routing.reuse.lab.report import WAYS, Axes, draw, tables
from routing.reuse.model import WEIGHTS_FILE, ReuseModel, known_weights


class Command(BaseCommand):
    """``EMBEDDING_MODEL`` names the local embedder. Vectors are kept in the data folder, so that a second run
    is quick."""

    help = (
        "Measure the answer cache on a CSV file: pairs (text_a,text_b,label[,category]), or with"
        " --stream requests (text,intent) replayed in a seeded random order, where an intent is one"
        " answer and what is not reused is stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--stream", action="store_true", help="the file holds requests")
        parser.add_argument("--seed", type=whole(0, 2**32 - 1), default=0)
        parser.add_argument(
            "--budget",
            type=decimal(0.1, 20),
            default=1.0,
            help="wrong ones accepted in a hundred reuses",
        )
        parser.add_argument(
            "--judge-error",
            type=decimal(0, 1),
            default=0.03,
            help="of the simulated judge, either way",
        )
        parser.add_argument(
            "--agreement",
            type=_agreement,
            metavar="JOINED[,MERGED]",
            help="of a stream: spoil the knowledge which stored answers say the same; the chance that two"
            " to one intent are seen to, and that one is taken for the nearest other intent's",
        )
        parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures here")
        parser.add_argument("--plot", type=Path, metavar="DIR", help="also draw them here, as PNG")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            evaluate = _stream if options["stream"] or is_stream(path) else _pairs
            figures = {"file": path.name, "seed": options["seed"], "budget": options["budget"]}
            figures |= evaluate(path, options)
        except (OSError, UnicodeDecodeError) as exc:
            raise CommandError(file_fault(path, exc)) from exc
        except (ValueError, EmbedderUnavailable) as exc:
            raise CommandError(str(exc)) from exc
        console = Console()
        for table in tables(figures):
            console.print(table)
        if options["json"] is not None:
            options["json"].write_text(json.dumps(_without_curves(figures), indent=2) + "\n")
        if options["plot"] is not None:
            _plot(options["plot"], path.stem, figures)


def _model() -> ReuseModel:
    name = offline_embedder(settings.EMBEDDING_MODEL, Path(settings.DATA_DIR)).name
    return ReuseModel.load(known_weights(WEIGHTS_FILE, name))


def _judging(options: dict[str, Any]) -> SimulatedJudge:
    return SimulatedJudge(options["judge_error"], options["seed"])


def _pairs(path: Path, options: dict[str, Any]) -> dict[str, Any]:
    rows = read_pairs(path)
    texts = [text for row in rows for text in (row.one, row.other)]
    vectors = embed_shown(texts, Path(settings.DATA_DIR), settings.EMBEDDING_MODEL)
    model, judging = _model(), _judging(options)
    found = evaluate_pairs(
        rows, vectors[::2], vectors[1::2], model, budget=options["budget"], judging=judging
    )
    return {"kind": "pairs", "rows": len(rows)} | found


def _stream(path: Path, options: dict[str, Any]) -> dict[str, Any]:
    rows = read_stream(path, options["seed"])
    texts = [row.text for row in rows]
    vectors = embed_shown(texts, Path(settings.DATA_DIR), settings.EMBEDDING_MODEL)
    stream = LabelledStream(path.stem, texts, [row.answer for row in rows], vectors)
    model, judging = _model(), _judging(options)
    spoiled: Spoiled | None = options["agreement"]
    found = evaluate_stream(
        stream, model, budget=options["budget"], judging=judging, spoiled=spoiled
    )
    agreement = {"joined": spoiled.joined, "merged": spoiled.merged} if spoiled else None
    return {"kind": "stream", "agreement": agreement} | found


def _agreement(text: str) -> Spoiled:
    joined, _, merged = text.partition(",")
    return Spoiled(decimal(0, 1)(joined), decimal(0, 1)(merged or "0"))


def _without_curves(figures: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {key: one for key, one in held.items() if key != "curve"} if name in WAYS else held
        for name, held in figures.items()
    }


def _plot(folder: Path, name: str, figures: dict[str, Any]) -> None:
    curves = {way: figures[way]["curve"] for way in WAYS if "curve" in figures.get(way, {})}
    if figures["kind"] == "stream":
        axes = Axes(f"{name}: reuse by wrong reuses", "wrong, of all requests", "reused", 0.05)
    else:
        axes = Axes(f"{name}: precision by recall", "recall", "precision")
    draw(folder / f"{name}.png", axes, curves)
