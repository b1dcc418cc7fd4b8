"""Vectors of the rules' own texts, to tell whether a question lies near a rule that no verdict is known of."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
import structlog
from numpy.typing import NDArray

from conversations.engine.types import Vector
from routing.common.tasks import Background
from routing.domain.errors import EmbedderUnavailable
from routing.domain.rules import Rule
from routing.embeddings.port import Embedder

_log = structlog.get_logger("assistant.vectors")

MOST_RULES = 2_000
"""Rules whose vectors are kept; beyond them all are made anew."""
AGAIN_SECONDS = 30.0
"""Until the embedder is asked again after a failure."""


class RuleVectors:
    """Cached computation: the vectors of a rule's examples and of its instruction, by the rule's digest,
    made in the background when they are first needed. No call waits."""

    def __init__(
        self,
        embedder: Embedder,
        background: Background,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._embedder, self._background, self._clock = embedder, background, clock
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self._next_try = float("-inf")

    async def prepare(self, rules: Mapping[str, Rule]) -> None:
        """Embed the missing texts of these rules, and wait for it."""
        if missing := self._missing(rules):
            await self._embed(missing)

    def cosine(self, question: Vector, rules: Mapping[str, Rule]) -> float | None:
        """The cosine of the question to the nearest text of these rules (by digest), -1 without rules;
        1 where a rule has no text that the embedder reads. ``None`` until they are embedded."""
        known = self.known(rules)
        if known is None:
            return None
        return max((_nearest(texts, question) for texts in known.values()), default=-1.0)

    def known(self, rules: Mapping[str, Rule]) -> dict[str, NDArray[np.float32]] | None:
        """The unit vectors of each rule (by digest), a row a text that the embedder reads: its examples, then
        its instruction. ``None`` until all are embedded."""
        if missing := self._missing(rules):
            self._start(missing)
            return None
        return {digest: self._vectors[digest] for digest in rules}

    def _missing(self, rules: Mapping[str, Rule]) -> dict[str, Rule]:
        return {digest: rule for digest, rule in rules.items() if digest not in self._vectors}

    def _start(self, missing: Mapping[str, Rule]) -> None:
        if self._clock() >= self._next_try:
            self._next_try = self._clock() + AGAIN_SECONDS
            self._background.start("vectors of rules", self._embed(missing))

    async def _embed(self, missing: Mapping[str, Rule]) -> None:
        texts = {digest: self._readable(rule) for digest, rule in missing.items()}
        try:
            vectors = await self._embedder.embed_many(
                [one for each in texts.values() for one in each]
            )
        except EmbedderUnavailable as exc:
            _log.warning("rules are not compared with questions", error=str(exc))
            return
        made, at = {}, 0
        for digest, each in texts.items():
            part = vectors[at : at + len(each)]
            made[digest] = np.asarray(part, np.float32).reshape(len(each), -1)
            at += len(each)
        kept = self._vectors if len(self._vectors) + len(made) <= MOST_RULES else {}
        self._vectors = {**kept, **made}
        self._next_try = float("-inf")

    def _readable(self, rule: Rule) -> list[str]:
        return [
            text for text in (*rule.examples_for, rule.instruction) if self._embedder.reads(text)
        ]


def _nearest(vectors: NDArray[np.float32], question: Vector) -> float:
    if not len(vectors):
        return 1.0
    return float((vectors @ np.asarray(question, np.float32)).max())
