"""The engine as the rest of the house sees it: a turn in, an answer out, events on the way."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from conversations.engine.graph import Graph, build_graph
from conversations.engine.ports import Context, Ports, Sink
from conversations.engine.state import begun
from conversations.engine.steps import tolerated
from conversations.engine.types import Answer, Shadowed, Turn
from routing.domain.errors import DependencyUnavailable
from routing.domain.llm import ChatMessage
from routing.domain.rules import Decision, Source


class Engine:
    """Answers turns. One instance serves all runs of a process."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._graph: Graph = build_graph()

    @property
    def ports(self) -> Ports:
        """What the engine was composed of."""
        return self._ports

    async def answer(self, turn: Turn, sink: Sink) -> Answer:
        """Run one turn to its end.

        ``sink`` hears ``Decided``, ``Token``, ``Reset`` and ``Noticed`` as they happen. One rule set
        serves the whole run, whatever is published meanwhile. Raises ``NoProviderAvailable``,
        ``ModelUnknown`` and ``RulesUnavailable``; cancelling it stops the provider's call.
        """
        release = turn.release or await self._ports.rules.current()
        rules = release.rules_for(turn.user)
        context = Context(ports=self._ports, sink=sink)
        final = await self._graph.ainvoke(begun(turn, rules), context=context)
        if release.shadow and was_classified(final):
            history = final.get("history", ())
            sink.note(Shadowed(release.shadow, history, final["decision"]))
        answer: Answer = final["answer"]
        return answer

    async def landed(self, turn: Turn) -> None:
        """Nobody need follow this turn any more. Without Redis nobody can know."""
        if self._ports.flights:
            with suppress(DependencyUnavailable):
                await self._ports.flights.land(turn)

    async def remember_partial(self, turn: Turn, sink: Sink, text: str) -> None:
        """Remember what was said before the person stopped it, so that a follow-up may refer to it."""
        if not text:
            return
        with tolerated(sink):
            exchange = (ChatMessage("user", turn.prompt), ChatMessage("assistant", text))
            await self._ports.memory.remember(turn.conversation, exchange)


def was_classified(final: Mapping[str, Any]) -> bool:
    """Whether the rules decided: not the guard, a stored answer, or the caller."""
    decision: Decision | None = final.get("decision")
    if decision is None or final.get("hit"):
        return False
    return decision.source is not Source.REQUESTED and final["guard"].verdict != "block"
