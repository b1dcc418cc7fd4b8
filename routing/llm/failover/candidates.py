"""Who is asked next: the candidates in order, past open circuits, again where that may help."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from routing.domain.errors import ContextTooLong, ProviderError
from routing.domain.rules import ModelRef
from routing.llm.failover.circuits import FORCED, Circuits, LocalCircuits, Permit
from routing.llm.failover.policy import FailoverPolicy, may_pass, outcome, told_when
from routing.llm.failover.retry_budget import RetryBudget


@dataclass(frozen=True, slots=True)
class Pass:
    """A model's turn. The ``permit`` is given back when the call's outcome is known."""

    model: ModelRef
    permit: Permit


@dataclass(frozen=True, slots=True)
class Failover:
    """What all answers of a process share: the policy and what it draws on.

    ``dice`` gives numbers in [0, 1), ``sleep`` waits seconds.
    """

    policy: FailoverPolicy
    budget: RetryBudget
    circuits: Circuits
    dice: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    @classmethod
    def plain(cls) -> Failover:
        """Every model once, circuits of this object alone."""
        return cls(FailoverPolicy(), RetryBudget(), LocalCircuits())

    def walk(self, candidates: Sequence[ModelRef]) -> Walk:
        """The candidates of one answer, in order."""
        self.budget.earn()
        return Walk(candidates, self)

    async def report(self, permit: Permit, error: ProviderError | None) -> None:
        """Give a permit back: the call answered whole, or failed with ``error``."""
        if error is None:
            await self.circuits.leave(permit, "ok")
        else:
            said = outcome(error, self.policy.patience)
            await self.circuits.leave(permit, said, error.code)


class Walk:
    """One answer's way through its candidates. ``causes`` are the failures so far, in order."""

    def __init__(self, candidates: Sequence[ModelRef], shared: Failover) -> None:
        self._waiting = deque(dict.fromkeys(candidates))
        self._shared = shared
        self._shut: list[tuple[float, ModelRef]] = []
        self._tries: Counter[str] = Counter()
        self._failed: dict[ModelRef, ProviderError] = {}
        self.causes: list[ProviderError] = []

    async def next(self) -> Pass | None:
        """The next candidate. When only such with an open circuit are left, the one that may soonest
        be tried again is: better one useless call than none."""
        while self._waiting:
            found = await self._enter(self._waiting.popleft())
            if found:
                return found
        if not self._shut:
            return None
        _, model = min(self._shut, key=lambda shut: shut[0])
        self._shut.clear()
        return Pass(model, Permit(model.name, allowed=True, token=FORCED))

    async def beside(self) -> Pass | None:
        """A candidate to ask beside a slow one, where there is one and the budget has room."""
        budget = self._shared.budget
        if not self._waiting or not budget.take():
            return None
        found = await self._enter(self._waiting.popleft())
        if found is None:
            budget.give_back()
        return found

    def put_last(self, model: ModelRef) -> None:
        """The model was given up for a sooner one; it may be asked when nobody else is left."""
        self._waiting.append(model)

    async def after(self, model: ModelRef, error: ProviderError, *, begun: bool) -> Pass | None:
        """Who is asked after ``model`` failed; ``begun``: text of the answer was passed on already.

        The next candidate is sooner than any back-off, so the same model comes before it only where
        its provider said when. When nobody else is left, those that may have recovered are asked
        again. Nobody is after a provider's refusal: its no is not shopped around.
        """
        self.causes.append(error)
        if not error.retryable:
            return None
        self._failed[model] = error
        if isinstance(error, ContextTooLong):
            self._roomier_first(model)
        found = await self.again(model, error) if told_when(error) and not begun else None
        return found or await self.next() or await self._second_round()

    async def _second_round(self) -> Pass | None:
        for model, error in self._failed.items():
            found = await self.again(model, error) if may_pass(error) else None
            if found:
                return found
        return None

    async def again(self, model: ModelRef, error: ProviderError) -> Pass | None:
        """The same model once more, after its wait, within the policy and the budget."""
        shared = self._shared
        tries = self._tries[model.name] + 1
        wait = shared.policy.wait(error, tries, shared.dice())
        if wait is None or not shared.budget.take():
            return None
        self._tries[model.name] = tries
        await shared.sleep(wait)
        permit = await shared.circuits.enter(model.name)
        return Pass(model, permit) if permit.allowed else None

    async def anew(self, model: ModelRef) -> Pass:
        """The same model with another request, of which it did not complain yet."""
        permit = await self._shared.circuits.enter(model.name)
        return Pass(model, permit if permit.allowed else Permit(model.name, allowed=True))

    def has_roomier(self, model: ModelRef) -> bool:
        """Whether a candidate is left with a larger context window."""
        return any(each.context_window > model.context_window for each in self._waiting)

    async def _enter(self, model: ModelRef) -> Pass | None:
        permit = await self._shared.circuits.enter(model.name)
        if permit.allowed:
            return Pass(model, permit)
        self._shut.append((permit.wait, model))
        return None

    def _roomier_first(self, model: ModelRef) -> None:
        """A stable sort: among the roomier, and among the rest, the order stays."""
        room = model.context_window
        self._waiting = deque(sorted(self._waiting, key=lambda each: each.context_window <= room))
