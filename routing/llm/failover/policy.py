"""What is done about a model's failure: who is asked again, when, and whose fault it was.

Pure: no clock, no connection, no dice of its own.
"""

from __future__ import annotations

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
from routing.llm.failover.circuits import Outcome

_PASSING = (ProviderUnavailable, ProviderOverloaded, ProviderStreamBroken)


@dataclass(frozen=True, slots=True)
class FailoverPolicy:
    """Times are in seconds.

    ``retries``: how often one answer may ask the same model again. ``patience``: the longest
    ``Retry-After`` that is waited out; for a longer one the next candidate is sooner. ``backoff`` and
    ``backoff_cap``: the first and the longest range that waits are drawn from. ``hedge_after``: how
    late a first token may be before the next candidate is asked beside it; ``None`` never does.
    ``continue_cut``: have a model go on where its answer was cut off, where it can, instead of
    starting over.
    """

    retries: int = 0
    patience: float = 2.0
    backoff: float = 0.2
    backoff_cap: float = 2.0
    hedge_after: float | None = None
    continue_cut: bool = False

    def wait(self, error: ProviderError, tries: int, dice: float) -> float | None:
        """Seconds until the same model may be asked again, for the ``tries``-th time; ``None``: not in
        this answer. ``dice`` in [0, 1) is the full jitter, which parts those who failed together.
        """
        told = error.retry_after or 0.0
        if tries > self.retries or told > self.patience:
            return None
        return told + dice * min(self.backoff_cap, self.backoff * 2.0 ** (tries - 1))


def told_when(error: ProviderError) -> bool:
    """Whether the provider itself said when to come back: then it is asked before the next one."""
    return error.retry_after is not None and isinstance(error, (*_PASSING, ProviderRateLimited))


def may_pass(error: ProviderError) -> bool:
    """Whether the same model may answer a moment later, should nobody else have.

    One that never began to answer was waited for long enough.
    """
    if isinstance(error, ProviderTimeout):
        return error.phase in {"connect", "stall"}
    return isinstance(error, (*_PASSING, ProviderRateLimited))


def was_cut(error: ProviderError) -> bool:
    """Whether an answer that had begun merely stopped coming."""
    if isinstance(error, ProviderTimeout):
        return error.phase == "stall"
    return isinstance(error, _PASSING)


def outcome(error: ProviderError, patience: float) -> Outcome:
    """What a failure says of the provider's health, for the model's circuit.

    Time-outs, server errors, broken streams and rate limits that last count against it. A refusal,
    a prompt too long or a limit that passes in a moment is an answer. A wrong key or request says
    nothing about it.
    """
    match error:
        case ProviderRefused() | ContextTooLong():
            return "ok"
        case ProviderMisconfigured():
            return "released"
        case ProviderRateLimited(retry_after=told) if told is not None and told <= patience:
            return "released"
        case _:
            return "fault"
