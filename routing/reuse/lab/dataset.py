"""Data sets: labelled questions from CSV files, as pairs and as streams, with their vectors."""

from __future__ import annotations

import asyncio
import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from routing.embeddings.choice import DEFAULT, offline_embedder
from routing.embeddings.disk_cache import cached_vectors

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PairRow:
    """Two questions, whether one answer serves both, and the kind of pair it is."""

    one: str
    other: str
    same: bool
    category: str


@dataclass(frozen=True, slots=True)
class StreamRow:
    """A question and a name for the answer that serves it."""

    text: str
    answer: str


def read_pairs(path: Path) -> list[PairRow]:
    """``text_a,text_b,label[,category]`` (or ``kind``); a pair without one goes by its label. Raises
    ``ValueError`` for a file of another form, ``OSError`` for one that can't be opened."""
    rows = _rows(path, ("text_a", "text_b", "label"))
    return [
        PairRow(
            row["text_a"],
            row["text_b"],
            _label(path, row["label"]),
            row.get("category")
            or row.get("kind")
            or ("same" if _label(path, row["label"]) else "different"),
        )
        for row in rows
    ]


def read_stream(path: Path, seed: int) -> list[StreamRow]:
    """``text,intent`` in a seeded random order. Raises like ``read_pairs``."""
    rows = [StreamRow(row["text"], row["intent"]) for row in _rows(path, ("text", "intent"))]
    order: NDArray[np.int64] = np.random.default_rng(seed).permutation(len(rows))
    return [rows[at] for at in order.tolist()]


def is_stream(path: Path) -> bool:
    """Whether the file's header is a stream's. Raises like ``read_pairs``."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file), [])
    return {"text", "intent"} <= set(header)


def _rows(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            rows = [{name: value or "" for name, value in row.items() if name} for row in reader]
    except (UnicodeDecodeError, csv.Error) as exc:
        raise ValueError(f"{path} cannot be read as CSV: {exc}") from exc
    if missing := set(needed) - set(reader.fieldnames or ()):
        raise ValueError(f"{path} has no column {' or '.join(sorted(missing))}")
    if not rows:
        raise ValueError(f"{path} has no rows")
    return rows


def _label(path: Path, text: str) -> bool:
    if text.strip() not in {"0", "1"}:
        raise ValueError(f"{path}: a label is 0 or 1, not {text!r}")
    return text.strip() == "1"


def provenance(path: Path) -> dict[str, Any]:
    """What tells a file from its later versions."""
    content = path.read_bytes()
    return {
        "file": path.name,
        "lines": content.count(b"\n"),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def embed_shown(texts: Sequence[str], data_dir: Path, model: str = DEFAULT) -> NDArray[np.float32]:
    """Unit vectors of all texts by a local ``model``, with a progress bar. Raises like ``cached_vectors``."""
    columns = TextColumn("Embedding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    embedder = offline_embedder(model, data_dir)
    try:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("", total=len(set(texts)))
            return asyncio.run(
                cached_vectors(
                    embedder,
                    data_dir / "vectors",
                    texts,
                    lambda done: progress.update(task, completed=done),
                )
            )
    finally:
        embedder.close()


@dataclass(frozen=True, slots=True)
class LabelledStream:
    """Questions in an order, the answer that serves each, and their unit vectors."""

    name: str
    texts: Sequence[str]
    answers: Sequence[str]
    vectors: NDArray[np.float32]

    @property
    def numbers(self) -> Ints:
        """A number for each answer: equal where its name is."""
        return np.unique(np.asarray(self.answers), return_inverse=True)[1]

    def part(self, chosen: NDArray[np.bool_]) -> LabelledStream:
        """The questions chosen, in their order."""
        at = np.flatnonzero(chosen).tolist()
        return LabelledStream(
            self.name, [self.texts[i] for i in at], [self.answers[i] for i in at], self.vectors[at]
        )


@dataclass(frozen=True, slots=True)
class LabelledPairs:
    """LabelledPairs of questions, whether one answer serves both, and their unit vectors."""

    name: str
    texts: Sequence[tuple[str, str]]
    labels: Floats
    left: NDArray[np.float32]
    right: NDArray[np.float32]

    def part(self, chosen: NDArray[np.bool_]) -> LabelledPairs:
        """The pairs chosen, in their order."""
        at = np.flatnonzero(chosen).tolist()
        texts = [self.texts[i] for i in at]
        return LabelledPairs(self.name, texts, self.labels[at], self.left[at], self.right[at])
