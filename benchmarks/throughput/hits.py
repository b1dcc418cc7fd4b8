"""Questions that were answered before, in the same words and in others."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from benchmarks.cache_lookup import sentences
from benchmarks.throughput.parties import OURS, Party
from benchmarks.throughput.plan import Plan
from benchmarks.throughput.sheet import Cell, Measure, Sheet
from benchmarks.throughput.slices import Bench, WrongRun
from benchmarks.throughput.workloads import HUNDRED

QUESTIONS = 24
FEWEST = 20
"""Paraphrases that must be recognised: below, a few would be asked again and again."""
_FORMS = ("{} Please", "{} Thank you!", "Hello, {}", "Please tell me: {}")
_BEGINS, _DATED = "How do I", "today"
_MOST_ANSWERS = 400
_PATIENCE_SECONDS = 60.0
Pair = tuple[str, str]
"""A person, and what that person asks."""


class Hits:
    """Everybody is given answers to questions of their own, which is what the published rules allow."""

    def __init__(self, bench: Bench, routed: Party, plan: Plan, sheet: Sheet) -> None:
        self._bench, self._routed, self._plan, self._sheet = bench, routed, plan, sheet
        self._asked: dict[Measure, list[Pair]] = {}

    def prepare(self) -> None:
        """Have questions answered once, and see which paraphrases are recognised. Raises
        ``WrongRun``."""
        asked = [text for text in sentences() if text.startswith(_BEGINS) and _DATED not in text]
        chosen = asked[:: len(asked) // QUESTIONS][:QUESTIONS]
        stored = list(zip(self._routed.headers, chosen, strict=False))
        self._bench.slice(self._party(stored, self._routed.outcome), **_once(stored))
        others = [(who, _otherwise(text, form)) for form, (who, text) in product(_FORMS, stored)]
        tried = self._bench.attempt(self._party(others, {}), **_once(others))
        told = zip(others, tried.result.outcomes, strict=True)
        known = [pair for pair, outcome in told if outcome["cache"] == "semantic"]
        if len(known) < FEWEST:
            raise WrongRun(f"{len(known)} of {len(others)} paraphrases were recognised")
        self._sheet.notes.append(f"{len(known)} of {len(others)} paraphrases are semantic hits")
        self._asked = {"exact hit": stored, "semantic hit": known}

    def round(self) -> None:
        """Both kinds, at each number at once."""
        for (kind, pairs), at_once in product(self._asked.items(), self._plan.hits_at_once):
            measured = self._bench.slice(
                self._party(pairs, {"cache": kind.partition(" ")[0]}),
                workload=HUNDRED,
                questions=[text for _, text in pairs],
                concurrency=at_once,
                requests=_MOST_ANSWERS,
                seconds=self._plan.burst_seconds,
                patience=_PATIENCE_SECONDS,
            )
            self._sheet.add(Cell(kind, HUNDRED.name, at_once), measured)

    def _party(self, pairs: Sequence[Pair], outcome: Mapping[str, str]) -> Party:
        people = [who for who, _ in pairs]
        return dataclasses.replace(self._routed, name=OURS, headers=people, outcome=outcome)


def _once(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Each question once, a few at a time."""
    return {
        "workload": HUNDRED,
        "questions": [text for _, text in pairs],
        "concurrency": 4,
        "requests": len(pairs),
        "seconds": _PATIENCE_SECONDS,
        "patience": _PATIENCE_SECONDS,
    }


def _otherwise(text: str, form: str) -> str:
    return form.format(text.replace(_BEGINS, "How can I"))
