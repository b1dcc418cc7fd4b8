"""Logistic regression: a learned flag beside the guard's rules, on a prompt's vector, its hints and the rules' signals.

It only flags; blocking stays with the rules. Weights belong to one embedder and are files that can be
read (``weights/NAME.json``, written by ``manage.py train_guard``). Without a vector, or with an embedder that
has no weights, signals and hints decide alone. Length is no signal: it would flag long honest prompts.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from routing.domain.errors import EmbedderUnavailable
from routing.domain.guard import GuardReport
from routing.guard.hints import hints
from routing.guard.prompt_guard import LONG_CHARS

WEIGHTS = Path(__file__).with_name("weights")
DEFAULT = "all-minilm-l6-v2-int8"
"""The weights whose signals stand in for an embedder that has none of its own."""
SIGNAL = "learned"
WINDOW_CHARS = 1_000
"""Characters of a window. A longer prompt is read by its head and its tail, and the worse one counts."""
HIGHEST = 0.89
"""A flag's score stays under the bar for blocking."""
_LEAST_SCORE = 1e-3

Embed = Callable[[str], Awaitable[Sequence[float]]]


@dataclass(frozen=True, slots=True)
class FlagWeights:
    """Weights in log-odds, and the probability from which a prompt is flagged."""

    vector: tuple[float, ...]
    signals: Mapping[str, float]
    intercept: float
    cut: float

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> FlagWeights:
        """From a part of a file of weights. Raises ``KeyError``."""
        return cls(tuple(stored["vector"]), stored["signals"], stored["intercept"], stored["cut"])

    def probability(self, signals: Mapping[str, float], vector: Sequence[float] = ()) -> float:
        """That the prompt is an injection."""
        odds = self.intercept
        odds += sum(self.signals.get(name, 0.0) * value for name, value in signals.items())
        odds += sum(weight * value for weight, value in zip(self.vector, vector, strict=True))
        return 1 / (1 + math.exp(-max(-40.0, min(40.0, odds))))


@dataclass(frozen=True, slots=True)
class FlagModel:
    """The weights with a vector, ``None`` for an embedder without its own, and those without one."""

    full: FlagWeights | None
    alone: FlagWeights

    @classmethod
    def load(cls, embedder: str, folder: Path = WEIGHTS) -> FlagModel:
        """The weights for vectors of this embedder. Raises ``OSError``, ``ValueError`` and ``KeyError``."""
        own = folder / f"{embedder}.json"
        known = own.is_file()
        stored = json.loads((own if known else folder / f"{DEFAULT}.json").read_text("utf-8"))
        full = FlagWeights.from_json(stored["full"]) if known else None
        return cls(full, FlagWeights.from_json(stored["alone"]))


def signal_values(report: GuardReport) -> dict[str, float]:
    """The rules' report as numbers: each signal that was found, and how far the log-odds of the score are
    above those of a mere mention."""
    score = min(max(report.score, _LEAST_SCORE), 1 - _LEAST_SCORE)
    odds = math.log(score / (1 - score))
    return {"score": max(0.0, odds + 2) / 4, **dict.fromkeys(report.signals, 1.0)}


def features(prompt: str, report: GuardReport) -> dict[str, float]:
    """Signals and hints, as the weights name them. Takes milliseconds for a long prompt."""
    return signal_values(report) | hints(prompt)


def windows(prompt: str) -> tuple[str, ...]:
    """The parts of a prompt that are embedded."""
    head = prompt[:WINDOW_CHARS]
    return (head, prompt[-WINDOW_CHARS:]) if len(prompt) > WINDOW_CHARS else (head,)


class LearnedFlag:
    """The flag as the engine asks for it. ``embed`` is of the embedder that the model belongs to."""

    def __init__(self, model: FlagModel, embed: Embed) -> None:
        self._model, self._embed = model, embed

    async def refine(
        self, prompt: str, report: GuardReport, vector: Sequence[float] | None = None
    ) -> GuardReport:
        """The report, flagged where it passed and the weights say so. ``vector`` is the prompt's where
        there is one. Never raises: without an embedder signals and hints decide alone."""
        if report.verdict != "pass":
            return report
        if len(prompt) > LONG_CHARS:
            signals = await asyncio.to_thread(features, prompt, report)
        else:
            signals = features(prompt, report)
        vectors = await self._vectors(prompt, vector)
        weights = self._model.full if vectors and self._model.full else self._model.alone
        probability = max(weights.probability(signals, each) for each in vectors or [()])
        if probability < weights.cut:
            return report
        score = round(min(probability, HIGHEST), 4)
        return replace(report, verdict="flag", score=score, signals=(*report.signals, SIGNAL))

    async def _vectors(self, prompt: str, vector: Sequence[float] | None) -> list[Sequence[float]]:
        if self._model.full is None:
            return []
        known = [vector] if vector is not None else []
        try:
            return [*known, *[await self._embed(text) for text in windows(prompt)[len(known) :]]]
        except EmbedderUnavailable:
            return known
