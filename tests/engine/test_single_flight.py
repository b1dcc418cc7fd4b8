"""Which ends of a leader's answer are an end for its followers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from uuid import UUID

import pytest

from conversations.engine.engine import Engine
from conversations.engine.events import Decided, Event, Finished, Reset, Token
from conversations.engine.types import CacheFacts, Leader, Turn
from conversations.models import new_id
from routing.domain.guard import GuardReport
from routing.domain.rules import RuleSet
from tests.fakes import RULES, FakeChat, FakeClassifier, FakeSink, ports, turn


class LedFlight:
    """A question that another run of the same user answers, with ``finish``."""

    def __init__(self, finish: str) -> None:
        self.finish = finish

    async def claim(self, turn: Turn, rules: RuleSet) -> Leader | None:
        return Leader(new_id(), turn.user, "claim")

    async def take_over(self, turn: Turn, rules: RuleSet, lost: Leader) -> Leader | None:
        return None

    async def follow(self, leader: Leader) -> AsyncGenerator[Event, None]:
        classified = await FakeClassifier().classify("", RULES, ())
        yield Decided(classified.decision, CacheFacts(), GuardReport("pass"))
        yield Token("As led.")
        yield Finished({"status": "complete", "finish_reason": self.finish})

    def entry(self, leader: Leader, *, shared: bool) -> UUID:
        return leader.message

    async def release(self, turn: Turn) -> None:
        pass


@pytest.mark.parametrize(
    ("finish", "joined"),
    [("stop", True), ("length", True), ("content_filter", False), ("other", False)],
)
async def test_only_an_answer_of_a_known_end_is_joined(finish: str, joined: bool) -> None:
    chat, sink = FakeChat(), FakeSink()

    answer = await Engine(ports(chat=chat, single_flight=LedFlight(finish))).answer(turn(), sink)

    assert (chat.candidates == ()) is joined
    assert answer.content == ("As led." if joined else "Because light scatters.")
    assert any(isinstance(event, Reset) for event in sink.events) is not joined
