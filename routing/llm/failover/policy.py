"""Failover policy: whether to retry after a failure, when, and what it means for the circuit.

Asked by ``chat`` and ``candidates`` after a failure only. Pure: no clock, connection or randomness.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from routing.domain.errors import (
    ContextTooLong,
    ProviderError,
    ProviderMisconfigured,
    ProviderOverloaded,
    ProviderRateLimited,
    ProviderRefused,
    ProviderStreamBroken,
    ProviderTimeout,
    ProviderUnavailable,
)
from routing.domain.llm import ChatMessage, estimated_tokens
from routing.llm.failover.circuits import AttemptOutcome

_TEMPORARY = (ProviderUnavailable, ProviderOverloaded, ProviderStreamBroken)


@dataclass(frozen=True, slots=True)
class FailoverPolicy:
    """Times are in seconds.

    ``retries``: how often one answer may call the same model again. ``patience``: the longest
    ``Retry-After`` that is waited for; for a longer one the next candidate is sooner. ``backoff`` and
    ``backoff_cap``: the first and the longest range that waits are drawn from. ``hedge_after``: the age
    of a request without a first token at which the next candidate is called too; ``None`` never does.
    ``continue_cut``: have a model continue an answer that was cut off, where it can, instead of
    starting over.
    """

    retries: int = 0
    patience: float = 2.0
    backoff: float = 0.2
    backoff_cap: float = 2.0
    hedge_after: float | None = None
    continue_cut: bool = False

    def wait(self, error: ProviderError, retry: int, jitter: float) -> float | None:
        """Seconds until the same model may be called again, for the ``retry``-th time; ``None``: not in
        this answer. ``jitter`` in [0, 1) is full jitter: it spreads the retries of calls that failed
        together.
        """
        named = error.retry_after or 0.0
        if retry > self.retries or named > self.patience:
            return None
        return named + jitter * min(self.backoff_cap, self.backoff * 2.0 ** (retry - 1))


def names_its_wait(error: ProviderError) -> bool:
    """Whether the provider sent a ``Retry-After``: then it is called before the next candidate."""
    return error.retry_after is not None and isinstance(error, (*_TEMPORARY, ProviderRateLimited))


def may_recover(error: ProviderError) -> bool:
    """Whether the same model may answer a moment later, after all candidates failed.

    A model that sent no first token in time was waited for long enough.
    """
    if isinstance(error, ProviderTimeout):
        return error.phase in {"connect", "stall"}
    return isinstance(error, (*_TEMPORARY, ProviderRateLimited))


def was_cut_off(error: ProviderError) -> bool:
    """Whether an answer that had begun merely stopped."""
    if isinstance(error, ProviderTimeout):
        return error.phase == "stall"
    return isinstance(error, _TEMPORARY)


def attempt_outcome(error: ProviderError, patience: float) -> AttemptOutcome:
    """The meaning of a failure for the model's circuit.

    Time-outs, server errors, broken streams and long rate limits count against the provider. A refusal
    or a prompt too long is an answer. A wrong key or request, or a short rate limit, says nothing
    about its health.
    """
    match error:
        case ProviderRefused() | ContextTooLong():
            return "ok"
        case ProviderMisconfigured():
            return "released"
        case ProviderRateLimited(retry_after=wait) if wait is not None and wait <= patience:
            return "released"
        case _:
            return "fault"


def drop_oldest(messages: Sequence[ChatMessage]) -> tuple[ChatMessage, ...] | None:
    """Context window: the messages without the oldest exchanges, at least one and about half of all.

    The system prompt and the last exchange stay, and a tool call never loses its result. ``None`` when
    nothing else is left to drop.
    """
    system = [message for message in messages if message.role == "system"]
    rest = [message for message in messages if message.role != "system"]
    asked = [at for at, message in enumerate(rest) if message.role == "user"]
    before, last = (rest[: asked[-1]], rest[asked[-1] :]) if asked else ([], rest)
    if not before:
        return None
    starts = [index for index, message in enumerate(before) if message.role == "user"]
    sizes = [estimated_tokens(message.content) for message in before]
    half = sum(sizes) / 2
    first = next((start for start in starts[1:] if sum(sizes[start:]) <= half), len(before))
    return (*system, *before[first:], *last)
