"""Admission: reserves the worst case of a run before its first paid call, for callers with limits alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from conversations.engine.ports import Rules
from conversations.engine.types import Turn
from conversations.runs.run import account_of
from conversations.usage.estimates import Estimator, WorstCase
from conversations.usage.reservation import Reservation
from conversations.usage.reservations import Reservations
from routing.domain.errors import RulesUnavailable
from routing.domain.rules import RuleSet


def as_admitted(turn: Turn, reservation: Reservation | None) -> Turn:
    """The turn; with the cheaper model where a limit wants that."""
    cheaper = reservation.cheaper if reservation else ""
    return replace(turn, cheaper=cheaper) if cheaper else turn


class Admission:
    """Admits turns. Every method raises ``LimitReached``."""

    def __init__(
        self, reservations: Reservations, estimator: Estimator, rules: Rules, *, system_prompt: str
    ) -> None:
        self.reservations, self.estimator = reservations, estimator
        self._rules, self._system_prompt = rules, system_prompt

    async def chat(self, turn: Turn) -> Reservation | None:
        """Reserve for a turn that a chat model answers; ``None`` without limits."""
        account = account_of(turn)
        if not await self.reservations.limited(account):
            return None
        rules = await self._rules_of(turn)

        def estimate() -> WorstCase:
            prompt = self._system_prompt
            return self.estimator.chat(turn, rules, system_prompt=prompt) if rules else NOTHING

        def cheaper() -> tuple[str, WorstCase] | None:
            model = rules and self.estimator.cheapest(turn, rules)
            if not (rules and model):
                return None
            named = replace(turn, requested_model=model.name)
            open_rules = replace(rules, callers_choose=True)
            smaller = self.estimator.chat(named, open_rules, system_prompt=self._system_prompt)
            return model.name, replace(smaller, fixed=estimate().fixed)

        return await self.reservations.reserve(turn.message, account, estimate, cheaper)

    async def direct(self, turn: Turn, estimate: Callable[[], WorstCase]) -> Reservation | None:
        """Reserve for a call whose worst case is known."""
        return await self.reservations.reserve(turn.message, account_of(turn), estimate)

    async def _rules_of(self, turn: Turn) -> RuleSet | None:
        # Without rules the run fails by itself, and asks no model.
        with suppress(RulesUnavailable):
            release = turn.release or await self._rules.for_person(turn.user)
            return release.rules_for(turn.user)
        return None


NOTHING = WorstCase((), ())
