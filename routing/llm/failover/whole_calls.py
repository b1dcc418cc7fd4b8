"""Whole calls: a result that is there at once or not at all, from the first candidate that gives it.

As ``chat``, with circuits, failover and metering, but without a hedge and without a continuation.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from routing.domain.errors import ErrorKind, NoProviderAvailable, ProviderError, ProviderTimeout
from routing.domain.llm import Attempt, ChatMessage, Meter, Operation, Usage
from routing.domain.rules import ModelRef
from routing.llm.failover.candidates import Failover

T = TypeVar("T")


@dataclass(slots=True)
class MeteredCall:
    """A call under way; its caller sets the ``usage`` once that is known."""

    usage: Usage = field(default_factory=Usage)


async def first_result(
    failover: Failover, candidates: Sequence[ModelRef], call: Callable[[ModelRef], Awaitable[T]]
) -> tuple[T, ModelRef]:
    """The result of the first candidate that gives one, and that model. Raises
    ``NoProviderAvailable``."""
    await failover.ready()
    models = failover.candidates(candidates)
    permitted = await models.next()
    while permitted is not None:
        try:
            async with failover.settled(permitted.permit):
                return await call(permitted.model), permitted.model
        except ProviderError as error:
            permitted = await models.next_after(permitted.model, error, began=False)
    raise NoProviderAvailable(models.causes) from (models.causes[-1] if models.causes else None)


@asynccontextmanager
async def metered(
    operation: Operation,
    model: ModelRef,
    prompt: str,
    meter: Meter,
    now: Callable[[], int] = time.time_ns,
) -> AsyncIterator[MeteredCall]:
    """One call in the block, within the model's time: ``meter`` receives it however it ends. ``now`` gives
    Unix nanoseconds. Raises ``ProviderTimeout``."""
    started, outcome, detail, call = now(), "cancelled", "", MeteredCall()
    kind: ErrorKind | None = None
    seconds = model.timeouts.total
    try:
        try:
            async with asyncio.timeout(seconds):
                yield call
        except TimeoutError as exc:
            raise ProviderTimeout(model.name, "total", seconds) from exc
        outcome = "ok"
    except ProviderError as error:
        outcome, detail, kind = error.code, error.detail, error.kind
        raise
    finally:
        # However it ended: a call that was cancelled may have been paid for.
        attempt = Attempt(
            operation=operation,
            model=model.name,
            provider=model.provider,
            started_ns=started,
            ended_ns=now(),
            outcome=outcome,
            usage=call.usage,
            detail=detail,
            error_kind=kind,
            prompt=(ChatMessage("user", prompt),),
        )
        meter(attempt)
