"""What failed lately in this process: for ``/readyz`` and the metrics.

Nobody is asked for it: answers are made all the time, and each tells what it had to do without.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from conversations.engine.types import TraceRecord
from routing.domain.llm import Attempt

LATELY_SECONDS = 30.0

_NO_TROUBLE = frozenset({"ok", "cancelled", "provider_refused", "context_too_long"})
"""Outcomes of a call to a model that say nothing against its provider."""


class Troubles:
    """Parts of the service that failed in the last LATELY_SECONDS. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, float] = {}

    def saw(self, part: str) -> None:
        """That part failed just now."""
        self._seen[part] = self._clock()

    def mended(self, part: str) -> None:
        """That part was seen to work."""
        self._seen.pop(part, None)

    def observe(self, trace: TraceRecord) -> None:
        """Learn from a finished answer: what was degraded, and which providers failed or worked."""
        for gone in trace.degraded:
            self.saw(gone.part)
        for step in trace.steps:
            for attempt in step.attempts:
                self._learn(attempt)

    def lately(self) -> Mapping[str, int]:
        """Seconds since each part failed last, for those that failed lately."""
        now = self._clock()
        ages = {part: now - seen for part, seen in list(self._seen.items())}
        return {part: round(age) for part, age in sorted(ages.items()) if age < LATELY_SECONDS}

    def forget(self) -> None:
        """Begin anew."""
        self._seen.clear()

    def _learn(self, attempt: Attempt) -> None:
        if attempt.outcome == "ok":
            self.mended(attempt.provider)
        elif attempt.outcome not in _NO_TROUBLE:
            self.saw(attempt.provider)
