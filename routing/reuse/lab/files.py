"""Reading labelled questions from CSV files: pairs and streams."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


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
    """``text_a,text_b,label[,category]``; a pair without a category goes by its label. Raises
    ``ValueError`` for what is no such file and ``OSError`` where it can't be opened."""
    rows = _rows(path, ("text_a", "text_b", "label"))
    return [
        PairRow(
            row["text_a"],
            row["text_b"],
            _label(path, row["label"]),
            row.get("category") or ("same" if _label(path, row["label"]) else "different"),
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


def _label(path: Path, told: str) -> bool:
    if told.strip() not in {"0", "1"}:
        raise ValueError(f"{path}: a label is 0 or 1, not {told!r}")
    return told.strip() == "1"
