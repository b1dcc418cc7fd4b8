"""The node that has the same question, asked by many at once, answered once.

The first one to ask leads: it goes on to be classified and answered. The others follow its stream as
it comes, if its decision lets its answer be theirs too. When the leader fails or is stopped, one
follower takes its place and the rest follow that one.
"""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import Literal, assert_never

from langgraph.runtime import Runtime

from conversations.engine.events import Decided, Failed, Finished, Noticed, Reset, Started, Token
from conversations.engine.nodes import Update
from conversations.engine.ports import Context, Flights, Leader
from conversations.engine.reusability import reusable, shareable
from conversations.engine.state import State
from conversations.engine.steps import step, tolerated
from conversations.engine.types import Answer, CacheFacts
from routing.domain.rules import Decision, Source

Ending = Literal["whole", "not for us", "lost"]


async def join_flight(state: State, runtime: Runtime[Context]) -> Update:
    """Lead, or follow who leads. Without Redis everybody goes alone."""
    flights, turn = runtime.context.ports.flights, state["turn"]
    asked_anew = state["cache"].outcome != "miss" or state["guard"].verdict != "pass"
    if flights is None or asked_anew:
        return {}
    found: Update = {}
    said = Said(state, runtime.context)
    with step(runtime.context.sink, "join_flight", "retriever", turn.prompt) as opened:
        with tolerated(runtime.context.sink):
            found = await _fly(flights, state, runtime.context, said)
        if "answer" not in found:
            said.take_back()
        opened.output = {"followed": "answer" in found}
    # A decision that was told already is not told again by whoever answers now.
    return found | {"told": said.told}


async def _fly(flights: Flights, state: State, context: Context, said: Said) -> Update:
    leader = await flights.board(state["turn"], state["rules"])
    while leader:
        ending = await said.follow(flights, leader)
        if ending == "whole":
            return {"answer": said.answer, "cache": said.answer.cache}
        if ending == "not for us":
            break
        said.take_back()
        leader = await flights.take_over(state["turn"], state["rules"], leader)
    return await _found_meanwhile(state, context)


async def _found_meanwhile(state: State, context: Context) -> Update:
    """What was stored between the first look and now: another flight may just have landed."""
    hit = await context.ports.cache.lookup_exact(state["turn"], state["rules"])
    return {"hit": hit, "cache": hit.facts} if hit else {}


class Said:
    """What a follower has been told and has passed on to its own listeners."""

    def __init__(self, state: State, context: Context) -> None:
        self._state, self._sink = state, context.sink
        self._pieces: list[str] = []
        self._decision: Decision | None = None
        self._facts = CacheFacts()
        self.told = False
        self._finish_reason = "stop"

    @property
    def answer(self) -> Answer:
        """The leader's, as this turn's own."""
        assert self._decision is not None  # noqa: S101 - whole answers were decided on
        text = "".join(self._pieces)
        return Answer(
            text,
            self._decision,
            self._state["guard"],
            self._facts,
            finish_reason=self._finish_reason,
        )

    async def follow(self, flights: Flights, leader: Leader) -> Ending:
        """Pass the leader's events on to the end of its answer."""
        async with aclosing(flights.follow(leader)) as events:
            async for event in events:
                if isinstance(event, Decided) and not self._ours(flights, leader, event.decision):
                    return "not for us"
                if isinstance(event, Finished):
                    return self._ended(event.message["status"], event.message["finish_reason"])
                if isinstance(event, Failed):
                    return "lost"
                self._relay(event)
        return "lost"

    def _relay(self, event: Started | Decided | Token | Reset | Noticed) -> None:
        match event:
            case Token(text):
                self._say(text)
            case Reset():
                if self._pieces:
                    self._pieces.clear()
                    self._sink.emit(event)
            case Noticed():
                if self.told:
                    self._sink.emit(event)
            case Started() | Decided():
                pass  # the decision is sent with the first token
            case _:
                assert_never(event)

    def take_back(self) -> None:
        """The leader's text is void: listeners who heard of it are told so."""
        if self._pieces:
            model = self._decision.model or "" if self._decision else ""
            self._sink.emit(Reset("leader_lost", model, model))
            detail = "The answer that was followed broke off; it is asked for anew."
            self._sink.emit(Noticed("provider_failover", detail))
        self._pieces.clear()

    def _ours(self, flights: Flights, leader: Leader, decision: Decision) -> bool:
        turn, rules = self._state["turn"], self._state["rules"]
        # A leader that followed before it led says so; what it was classified as is unchanged.
        classified = replace(decision, source=Source.CLASSIFIER)
        for_all = shareable(classified, rules)
        if not for_all and not (leader.user == turn.user and reusable(classified, rules)):
            return False
        reason = "the same question is being answered just now"
        self._decision = replace(
            decision, source=Source.CACHE, reason=reason, fallback=False, standalone=""
        )
        self._facts = CacheFacts("exact", 1.0, flights.entry(leader, shared=for_all))
        return True

    def _say(self, text: str) -> None:
        # Told with the first token: a leader that fails before it leaves no trace.
        if not self.told and self._decision:
            self.told = True
            self._sink.emit(Decided(self._decision, self._facts, self._state["guard"]))
        self._pieces.append(text)
        self._sink.emit(Token(text))

    def _ended(self, status: str, finish_reason: str) -> Ending:
        self._finish_reason = finish_reason
        if status != "complete" or not self._pieces:
            return "lost"
        refused = finish_reason == "content_filter"
        return "not for us" if refused else "whole"
