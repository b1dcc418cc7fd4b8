"""Single flight: the node that has a question, asked by several users at once, answered once.

The first run to ask claims the question and goes on to be classified and answered. The others follow
its event log, if its decision lets its answer be theirs too. When the leader fails or is stopped, one
follower takes its claim over and the rest follow that one.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Literal

from langgraph.runtime import Runtime

from conversations.engine.events import (
    Decided,
    Event,
    Failed,
    Finished,
    Noticed,
    Reset,
    Started,
    Token,
)
from conversations.engine.ports import Context, SingleFlight
from conversations.engine.reusability import reusable, shareable
from conversations.engine.steps import step, tolerated
from conversations.engine.types import Answer, CacheFacts, Leader, State, Update
from routing.domain.llm import Usage
from routing.domain.moderation import IN_ANSWER
from routing.domain.rules import Decision, Source

Ending = Literal["whole", "not for us", "lost"]


async def join_flight(state: State, runtime: Runtime[Context]) -> Update:
    """Lead, or follow the leader. Without Redis every run answers by itself."""
    flight, turn = runtime.context.ports.single_flight, state["turn"]
    # A flagged prompt is not shared, and one whose lookup failed would wait for Redis once more.
    if flight is None or state["cache"].outcome != "miss" or state["guard"].verdict != "pass":
        return {}
    update: Update = {}
    followed = FollowedAnswer(state, runtime.context)
    with step(runtime.context.sink, "join_flight", "retriever", turn.prompt) as opened:
        with tolerated(runtime.context.sink):
            update = await _lead_or_follow(flight, state, runtime.context, followed)
        if "answer" not in update:
            followed.take_back()
        opened.output = {"followed": "answer" in update}
    # A decision that was sent already is not sent again by the node that answers now.
    return update | {"decision_sent": followed.decision_sent}


async def _lead_or_follow(
    flight: SingleFlight, state: State, context: Context, followed: FollowedAnswer
) -> Update:
    leader = await flight.claim(state["turn"], state["rules"])
    # All followers of a lost leader claim its question; one leads, and the loop follows that one.
    while leader and await _passed(context):
        ending = await followed.follow(flight, leader)
        if ending == "whole":
            return {"answer": followed.answer, "cache": followed.answer.cache}
        if ending == "not for us":
            break
        # Text of a lost leader is void before another one starts, so that it is never shown twice.
        followed.take_back()
        leader = await flight.take_over(state["turn"], state["rules"], leader)
    # Another flight may have ended, and stored its answer, since the first lookup.
    hit = await context.ports.cache.lookup_exact(state["turn"], state["rules"])
    return {"hit": hit, "cache": hit.facts} if hit else {}


async def _passed(context: Context) -> bool:
    """Whether the prompt may share: a provider's word on it is awaited before another's answer is passed on."""
    return context.moderation is None or (await context.moderation.verdict()).passed


class FollowedAnswer:
    """Follower's copy of the leader's answer, passed on to the follower's own listeners."""

    def __init__(self, state: State, context: Context) -> None:
        self._state, self._sink = state, context.sink
        self._pieces: list[str] = []
        self._decision: Decision | None = None
        self._facts = CacheFacts()
        self.decision_sent = False
        self._finish_reason = "stop"

    @property
    def answer(self) -> Answer:
        """The leader's, as this turn's own."""
        assert self._decision is not None  # noqa: S101 - whole answers were decided on
        return Answer(
            "".join(self._pieces),
            self._decision,
            self._state["guard"],
            self._facts,
            finish_reason=self._finish_reason,
        )

    async def follow(self, flight: SingleFlight, leader: Leader) -> Ending:
        """Pass the leader's events on to the end of its answer."""
        async with aclosing(flight.follow(leader)) as events:
            async for event in events:
                if isinstance(event, Decided) and not self._ours(flight, leader, event.decision):
                    return "not for us"
                if isinstance(event, Finished):
                    self._facts = replace(self._facts, usage=_usage_of(event.message))
                    return self._ended(event.message)
                if isinstance(event, Failed):
                    return "lost"
                self._relay(event)
        return "lost"

    def take_back(self) -> None:
        """Void the leader's text, for listeners who got some of it."""
        if self._pieces:
            model = self._decision.model or "" if self._decision else ""
            self._sink.emit(Reset("leader_lost", model, model))
            detail = "The answer that was followed broke off; it is asked for anew."
            self._sink.emit(Noticed("provider_failover", detail))
        self._pieces.clear()

    def _relay(self, event: Event) -> None:
        match event:
            case Token(text):
                self._send(text)
            case Reset():
                if self._pieces:
                    self._pieces.clear()
                    self._sink.emit(event)
            case Started() | Decided():
                pass  # the decision is sent with the first token
            case _:
                if self.decision_sent:
                    self._sink.emit(event)

    def _ours(self, flight: SingleFlight, leader: Leader, decision: Decision) -> bool:
        turn, rules = self._state["turn"], self._state["rules"]
        # A leader that followed before it led has the source "cache"; its classification is unchanged.
        classified = replace(decision, source=Source.CLASSIFIER)
        for_all = shareable(classified, rules)
        if not for_all and not (leader.user == turn.user and reusable(classified, rules)):
            return False
        # ``standalone`` was written for the leader's conversation, not for this one.
        reason = "the same question is being answered just now"
        self._decision = replace(
            decision, source=Source.CACHE, reason=reason, fallback=False, standalone=""
        )
        self._facts = CacheFacts("exact", 1.0, flight.entry(leader, shared=for_all))
        return True

    def _send(self, text: str) -> None:
        # With the first token, not before: a leader that fails earlier leaves no trace.
        if not self.decision_sent and self._decision:
            self.decision_sent = True
            self._sink.emit(Decided(self._decision, self._facts, self._state["guard"]))
        self._pieces.append(text)
        self._sink.emit(Token(text))

    def _ended(self, message: Mapping[str, Any]) -> Ending:
        self._finish_reason = message["finish_reason"]
        # A stopped answer is whole for the user who stopped it, and for no other.
        if message["status"] != "complete" or not self._pieces:
            return "lost"
        if _moderated(message):
            return "not for us"
        # Nor one of which nobody knows whether it is whole; one that reached the limit would again.
        return "whole" if self._finish_reason in {"stop", "length"} else "not for us"


def _moderated(message: Mapping[str, Any]) -> bool:
    """Whether moderation flagged the answer, which may have been passed on before the word on it."""
    guard = (message.get("decision") or {}).get("guard") or {}
    return any(signal.startswith(IN_ANSWER) for signal in guard.get("signals", ()))


def _usage_of(message: Mapping[str, Any]) -> Usage:
    """The tokens of the leader's answer; where that was a stored one, those of its first time."""
    counts = message.get("saved_tokens") or message.get("usage") or {}
    return Usage(counts.get("input_tokens") or 0, counts.get("output_tokens") or 0)
