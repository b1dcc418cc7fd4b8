"""A limit on work done twice: retries and hedges must not make a provider's bad day worse."""

from __future__ import annotations

import time
from collections.abc import Callable


class RetryBudget:
    """A bucket of tokens that one process's answers share.

    Each answer puts in ``ratio`` of a token, each retry or hedge takes one: in the long run no more
    than that share of answers. ``burst`` is the bucket's size, and what it begins with;
    ``per_second`` keeps a quiet service able to retry. ``clock`` counts seconds.
    """

    def __init__(
        self,
        ratio: float = 0.2,
        burst: float = 10.0,
        per_second: float = 0.1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ratio = ratio
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._tokens = burst
        self._filled = clock()

    @property
    def tokens(self) -> float:
        """Retries that may be made now."""
        return min(self._burst, self._tokens + (self._clock() - self._filled) * self._per_second)

    def earn(self) -> None:
        """An answer begins."""
        self._fill(self._ratio)

    def take(self) -> bool:
        """Whether one more call may be made; if so it is paid for."""
        self._fill(0.0)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def give_back(self) -> None:
        """A call that was paid for was not made."""
        self._fill(1.0)

    def _fill(self, more: float) -> None:
        self._tokens = min(self._burst, self.tokens + more)
        self._filled = self._clock()
