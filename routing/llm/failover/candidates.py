"""Candidates: the models of one answer in order, past open circuits, retried where that may help.

Second step of failover: ``chat`` and ``images`` ask ``Candidates`` for the next model; it asks
``circuits`` for a permit, and ``policy`` and ``RetryBudget`` before it repeats a call. ``Failover``
holds the state that all answers of a process share.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from routing.domain.errors import ContextTooLong, ProviderError, ProviderMisconfigured
from routing.domain.rules import ModelRef
from routing.llm.failover.circuits import FORCED, Circuits, LocalCircuits, Permit
from routing.llm.failover.policy import FailoverPolicy, attempt_outcome, may_recover, names_its_wait


@dataclass(slots=True)
class RetryBudget:
    """Retry budget: a token bucket that keeps retries and hedges a small share of all calls.

    One process's answers share it. Each answer puts in ``ratio`` of a token, each retry or hedge takes
    one. ``burst`` is the bucket's size, and its first content; ``per_second`` keeps a quiet service able
    to retry. ``clock`` counts seconds.
    """

    ratio: float = 0.2
    burst: float = 10.0
    per_second: float = 0.1
    clock: Callable[[], float] = time.monotonic
    _tokens: float = field(init=False)
    _filled_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._tokens, self._filled_at = self.burst, self.clock()

    @property
    def tokens(self) -> float:
        """Retries that may be made now."""
        grown = (self.clock() - self._filled_at) * self.per_second
        return min(self.burst, self._tokens + grown)

    def earn(self) -> None:
        """An answer begins."""
        self._fill(self.ratio)

    def take(self) -> bool:
        """Pay for one more call; false where the budget is spent."""
        self._fill(0.0)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def give_back(self) -> None:
        """A call that was paid for was not made."""
        self._fill(1.0)

    def _fill(self, more: float) -> None:
        self._tokens = min(self.burst, self.tokens + more)
        self._filled_at = self.clock()


@dataclass(frozen=True, slots=True)
class PermittedModel:
    """A model that may be called now. The ``permit`` is given back with the call's outcome."""

    model: ModelRef
    permit: Permit


@dataclass(slots=True)
class CallResult:
    """The failure of a call that does not raise it."""

    error: ProviderError | None = None


async def _at_once() -> None:
    """Nothing is loading."""


@dataclass(frozen=True, slots=True)
class Failover:
    """Shared by all answers of a process: the policy, the budget and the circuits.

    ``jitter`` returns numbers in [0, 1), ``sleep`` waits seconds. A model without ``has_key`` is no candidate.
    ``ready`` is awaited before a model is looked up or asked: what it takes may still be loading.
    """

    policy: FailoverPolicy
    budget: RetryBudget
    circuits: Circuits
    jitter: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    has_key: Callable[[ModelRef], bool] = lambda _: True
    ready: Callable[[], Awaitable[None]] = _at_once

    @classmethod
    def plain(cls) -> Failover:
        """Every model once, with circuits of this object alone."""
        return cls(FailoverPolicy(), RetryBudget(), LocalCircuits())

    def candidates(self, models: Sequence[ModelRef]) -> Candidates:
        """The candidates of a new answer, in order."""
        self.budget.earn()
        return Candidates(models, self)

    @asynccontextmanager
    async def settled(self, permit: Permit) -> AsyncIterator[CallResult]:
        """Give the permit back after a call: by its ``error``, raised or put into the result. Any other
        end, a cancellation above all, proves nothing about the provider."""
        result = CallResult()
        try:
            yield result
        except ProviderError as error:
            await self.report(permit, error)
            raise
        except BaseException:
            await self.circuits.leave(permit, "released")
            raise
        await self.report(permit, result.error)

    async def report(self, permit: Permit, error: ProviderError | None) -> None:
        """Give a permit back: the call answered whole, or failed with ``error``."""
        if error is None:
            await self.circuits.leave(permit, "ok")
        else:
            outcome = attempt_outcome(error, self.policy.patience)
            await self.circuits.leave(permit, outcome, error.kind)


def _without_key(model: ModelRef) -> ProviderError:
    missing = f"{model.key_variable} is not set" if model.key_variable else ""
    detail = missing or f"no key of {model.provider} is set"
    error = ProviderMisconfigured(model.name, detail)
    error.kind = "no_key"
    return error


class Candidates:
    """One answer's candidates. ``causes`` are the failures so far, in order."""

    def __init__(self, models: Sequence[ModelRef], failover: Failover) -> None:
        unique = dict.fromkeys(models)
        self._waiting = deque(model for model in unique if failover.has_key(model))
        self._failover = failover
        self._circuit_open: list[tuple[float, ModelRef]] = []
        self._retries: Counter[str] = Counter()
        self._failed: dict[ModelRef, ProviderError] = {}
        self.causes: list[ProviderError] = [
            _without_key(model) for model in unique if not failover.has_key(model)
        ]

    async def next(self) -> PermittedModel | None:
        """The next candidate. With open circuits only, the one that is probed soonest: better one useless
        call than none."""
        while self._waiting:
            permitted = await self._enter(self._waiting.popleft())
            if permitted:
                return permitted
        if not self._circuit_open:
            return None
        _, model = min(self._circuit_open, key=lambda item: item[0])
        self._circuit_open.clear()
        return PermittedModel(model, Permit(model.name, allowed=True, token=FORCED))

    async def next_for_hedge(self) -> PermittedModel | None:
        """A candidate to call beside a slow one, where there is one and the budget has room."""
        budget = self._failover.budget
        # Paid for first: asking the circuit may take a probe's permit, which must then be used.
        if not self._waiting or not budget.take():
            return None
        permitted = await self._enter(self._waiting.popleft())
        if permitted is None:
            budget.give_back()
        return permitted

    async def next_after(
        self, model: ModelRef, error: ProviderError, *, began: bool
    ) -> PermittedModel | None:
        """The model to call after ``model`` failed; ``began``: text of the answer was passed on already.

        The next candidate is sooner than any back-off, so the same model comes first only where its
        provider named the wait. After the last candidate, those that may have recovered are called
        again. A provider's refusal ends the answer: no other model is asked to break it.
        """
        self.causes.append(error)
        if not error.retryable:
            return None
        self._failed[model] = error
        if isinstance(error, ContextTooLong):
            self._larger_windows_first(model)
        again = await self.retry(model, error) if names_its_wait(error) and not began else None
        return again or await self.next() or await self._second_round()

    async def _second_round(self) -> PermittedModel | None:
        for model, error in self._failed.items():
            again = await self.retry(model, error) if may_recover(error) else None
            if again:
                return again
        return None

    async def retry(self, model: ModelRef, error: ProviderError) -> PermittedModel | None:
        """The same model once more, after its wait, within the policy and the budget."""
        failover = self._failover
        retry = self._retries[model.name] + 1
        wait = failover.policy.wait(error, retry, failover.jitter())
        if wait is None or not failover.budget.take():
            return None
        self._retries[model.name] = retry
        await failover.sleep(wait)
        # Asked after the wait: another answer may have opened the circuit meanwhile.
        permit = await failover.circuits.enter(model.name)
        return PermittedModel(model, permit) if permit.allowed else None

    async def repeat(self, model: ModelRef) -> PermittedModel:
        """The same model with another prompt, which has not failed yet."""
        permit = await self._failover.circuits.enter(model.name)
        return PermittedModel(model, permit if permit.allowed else Permit(model.name, allowed=True))

    def put_last(self, model: ModelRef) -> None:
        """Call the model again after all others: it was cancelled for a faster one."""
        self._waiting.append(model)

    def has_larger_window(self, model: ModelRef) -> bool:
        """Whether a candidate is left with a larger context window."""
        return any(each.context_window > model.context_window for each in self._waiting)

    async def _enter(self, model: ModelRef) -> PermittedModel | None:
        permit = await self._failover.circuits.enter(model.name)
        if permit.allowed:
            return PermittedModel(model, permit)
        self._circuit_open.append((permit.wait, model))
        return None

    def _larger_windows_first(self, model: ModelRef) -> None:
        # A stable sort: among the larger, and among the rest, the order stays.
        size = model.context_window
        self._waiting = deque(sorted(self._waiting, key=lambda each: each.context_window <= size))
