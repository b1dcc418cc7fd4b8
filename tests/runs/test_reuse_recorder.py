"""What a finished run's lookup weighed is kept, and some of it is judged afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import pytest

from conversations.adapters.background.answer_workers import ReuseRecorder, chosen_candidate
from conversations.engine.types import CacheFacts, Step, TraceRecord
from conversations.models import new_id
from routing.common.tasks import Background
from routing.domain.llm import Attempt
from routing.domain.release import Release
from tests.classifier.rules import RULES
from tests.fakes import FakeSideCalls
from tests.observability.traces import at, new_trace

ENTRY = UUID("01a20677-b939-717a-a067-a61505814412")


def considered(entry: UUID = ENTRY, probability: float = 0.9) -> dict[str, Any]:
    return {
        "entry": str(entry),
        "shared": True,
        "probability": probability,
        "cut": 0.8,
        "signals": {},
    }


def looked_up(*candidates: dict[str, Any], call: Attempt | None = None) -> Step:
    output = {"outcome": "semantic", "considered": list(candidates)}
    attempts = (call,) if call else ()
    return Step("lookup_answer", "retriever", at(3), at(8), "?", output, attempts=attempts)


def judged(word: str) -> Attempt:
    return Attempt("judge", "haiku", "anthropic", at(3), at(7), "ok", output=word)


def served(step: Step) -> TraceRecord:
    return new_trace(steps=(step,), cache=CacheFacts("semantic", 0.9, ENTRY))


def test_the_candidate_served_is_the_one_told() -> None:
    told = chosen_candidate(served(looked_up(considered(new_id(), 0.99), considered())))
    assert told is not None
    assert (told.served, told.shared, told.probability, told.judged) == (True, True, 0.9, None)


@pytest.mark.parametrize(
    ("question", "known", "situation"),
    [
        ("How do I boil an egg?", 0.0, "alone"),
        ("How do I boil an egg?", 0.8, "alone"),
        ("How do I boil an egg?", 1.0, "neighbours"),
        ("Wie koche ich ein Ei, und wie lange dauert es?", 1.0, "language"),
        ("How do I boil an egg? " * 5, 1.0, "long"),
    ],
)
def test_the_situation_is_told(question: str, known: float, situation: str) -> None:
    trace = served(looked_up(considered() | {"signals": {"known": known}}))
    told = chosen_candidate(replace(trace, turn=replace(trace.turn, prompt=question)))
    assert told is not None
    assert told.situation == situation


def test_a_judges_no_is_kept_though_nothing_was_served() -> None:
    trace = replace(served(looked_up(considered(), call=judged("no"))), cache=CacheFacts("miss"))
    told = chosen_candidate(trace)
    assert told is not None
    assert (told.served, told.judged, told.judge_ms) == (False, False, 4)


def test_a_plain_miss_is_nothing_to_keep() -> None:
    trace = replace(served(looked_up(considered())), cache=CacheFacts("miss"))
    assert chosen_candidate(trace) is None
    assert chosen_candidate(new_trace()) is None


@dataclass
class Heard:
    """A meter that only listens."""

    traces: list[TraceRecord] = field(default_factory=list)

    def run_started(self) -> None: ...

    def run_ended(self) -> None: ...

    def observe(self, trace: TraceRecord) -> None:
        self.traces.append(trace)


@pytest.mark.parametrize(("dice", "asked"), [(0.01, 1), (0.99, 0)])
async def test_a_share_of_the_reuses_is_judged(
    monkeypatch: pytest.MonkeyPatch, dice: float, asked: int
) -> None:
    kept: list[dict[str, Any]] = []
    cases: list[str] = []

    async def written(call: Any, **values: Any) -> None:
        kept.append({"call": call.__name__, **values})

    class Judge:
        async def serves(self, case: Any, rules: Any, meter: Any) -> bool:
            cases.append(case.answer)
            meter(judged("yes"))
            return True

    class Rules:
        async def current(self) -> Release:
            return Release(1, RULES)

    monkeypatch.setattr("conversations.adapters.background.answer_workers.written", written)
    heard = Heard()
    background = Background()
    side = FakeSideCalls()
    recorder = ReuseRecorder(heard, Judge(), Rules(), background, side, dice=lambda: dice)  # type: ignore[arg-type]
    trace = served(looked_up(considered()))
    recorder.observe(trace)
    await background.close()
    assert heard.traces == [trace]
    assert [one["call"] for one in kept] == ["reuse_record", "reuse_audit"][: 1 + asked]
    assert [purpose for purpose, *_ in side.kept] == ["judge"] * asked
    assert cases == [trace.content] * asked
