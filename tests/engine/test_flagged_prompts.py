"""A prompt that the learned flag marks is routed more strictly: shared with nobody, the classifier told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from conversations.engine.engine import Engine
from conversations.engine.events import Decided
from conversations.engine.types import Leader, Turn
from routing.domain.decide import Decider
from routing.domain.guard import GuardReport
from routing.domain.rules import RuleSet
from tests.engine.test_single_flight import LedFlight
from tests.fakes import RULES, FakeCache, FakeClassifier, FakeGuard, FakeSink, ports, turn

MARKED = GuardReport("flag", 0.7, ("learned",))


class Flag:
    """Marks every prompt, and keeps the vectors that it was given."""

    def __init__(self) -> None:
        self.vectors: list[Sequence[float] | None] = []

    async def refine(
        self, prompt: str, report: GuardReport, vector: Sequence[float] | None = None
    ) -> GuardReport:
        self.vectors.append(vector)
        return MARKED


class NoFlight(LedFlight):
    async def claim(self, turn: Turn, rules: RuleSet) -> Leader | None:
        raise AssertionError("a flagged prompt is shared with nobody")


async def test_a_flagged_first_prompt_is_neither_shared_nor_stored() -> None:
    flag, classifier, cache, sink = Flag(), FakeClassifier(), FakeCache(), FakeSink()
    engine = Engine(
        ports(flag=flag, classifier=classifier, cache=cache, single_flight=NoFlight("stop"))
    )
    answer = await engine.answer(turn(), sink)
    assert classifier.flagged
    assert answer.guard == MARKED
    assert next(e for e in sink.events if isinstance(e, Decided)).guard == MARKED
    assert cache.stored == []
    # the lookup's vector is used, and the prompt is looked at once
    assert [vector is not None for vector in flag.vectors] == [True]


async def test_a_later_prompt_is_looked_at_before_its_classification() -> None:
    flag, classifier = Flag(), FakeClassifier()
    later = replace(turn(), first=False)
    answer = await Engine(ports(flag=flag, classifier=classifier)).answer(later, FakeSink())
    assert (flag.vectors, classifier.flagged, answer.guard) == ([None], True, MARKED)


@pytest.mark.parametrize("flag", [Flag(), None])
async def test_a_dry_run_tells_the_classifier_too(flag: Flag | None) -> None:
    classifier = FakeClassifier()
    outcome = await Decider(FakeGuard(), classifier, flag).decide("Hello?", RULES)
    assert classifier.flagged is (flag is not None)
    assert outcome.guard.verdict == ("flag" if flag else "pass")
