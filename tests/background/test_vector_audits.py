"""Audits of decisions by earlier verdicts: which are compared with the classifier's, and what is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest
from asgiref.sync import sync_to_async

from conversations.adapters.background.vector_audits import AUDITS, RECORDS, WAITING, VectorAuditor
from conversations.domain.errors import LimitExceeded
from conversations.engine.types import AuditCase, CallerChat
from conversations.feedback.vector_records import AUDIT
from conversations.models import VectorAudit
from routing.common.tasks import Background
from routing.domain.limits import LimitScope, LimitTerms, LimitUnit, LimitWindow
from routing.domain.llm import ChatMessage
from routing.domain.rules import Decision, ReusePolicy, Source
from tests.engine.test_decision_vectors import DECIDED, LEARNING, OPINION, FakeVectors
from tests.fakes import RULES, FakeClassifier, FakeSideCalls, attempt, turn

pytestmark = pytest.mark.django_db(transaction=True)

CLASSIFIED = replace(DECIDED, source=Source.CLASSIFIER, vector=None)
UNKEPT = CallerChat((ChatMessage("user", "Why is the sky blue?"),), {}, plain=True)
TERMS = LimitTerms(1, LimitScope.INSTALLATION, LimitUnit.USD, LimitWindow.DAY, 0)
CALL = attempt(operation="classify", started_ns=0, ended_ns=600_000_000)


@dataclass
class World:
    background: Background
    classifier: FakeClassifier = field(default_factory=lambda: FakeClassifier(rule="reasoning"))
    vectors: FakeVectors = field(default_factory=FakeVectors)
    counted: list[bool] = field(default_factory=list)
    side: FakeSideCalls = field(default_factory=FakeSideCalls)

    async def settle(self, case: AuditCase, dice: float = 0.9) -> list[VectorAudit]:
        auditor = VectorAuditor(
            self.classifier,
            self.vectors,
            self.background,
            self.counted.append,
            self.side,  # type: ignore[arg-type]  # a fake
            dice=lambda: dice,
        )
        auditor.settle(case)
        await self.background.wait(AUDITS, RECORDS)
        return await sync_to_async(lambda: list(VectorAudit.objects.order_by("id")))()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    background = Background()
    yield World(background)
    await background.close()


def case(decision: Decision, opinion: object = OPINION, **more: object) -> AuditCase:
    rules = replace(RULES, reuse=ReusePolicy(audited_decisions=0.05))
    return AuditCase(turn(chat=UNKEPT), rules, (1.0, 0.0), opinion, decision, **more)  # type: ignore[arg-type]


async def test_until_enough_is_known_each_sure_opinion_is_compared_where_the_classifier_was_asked(
    world: World,
) -> None:
    await world.settle(case(CLASSIFIED, LEARNING, calls=(CALL,)))
    await world.settle(case(replace(CLASSIFIED, rule="general"), LEARNING, calls=(CALL,)))

    assert world.counted == [True, False]
    assert world.classifier.asked == []


@pytest.mark.parametrize(
    ("decision", "opinion"),
    [
        (CLASSIFIED, OPINION),
        (CLASSIFIED, replace(LEARNING, sure=False)),
        (replace(CLASSIFIED, source=Source.DEFAULT), LEARNING),
        (DECIDED, OPINION),
    ],
    ids=["known", "unsure", "no classifier", "decided"],
)
async def test_the_rest_is_compared_by_a_share(
    world: World, decision: Decision, opinion: object
) -> None:
    await world.settle(case(decision, opinion))
    assert world.counted == []

    await world.settle(case(decision, opinion, calls=(CALL,)), dice=0.01)
    assert len(world.counted) == (decision.source is not Source.DEFAULT)


async def test_an_audit_asks_the_classifier_keeps_its_verdict_and_books_the_call(
    world: World,
) -> None:
    await world.settle(case(DECIDED), dice=0.01)
    (booked,) = world.side.kept

    assert world.classifier.asked == ["Why is the sky blue?"]
    assert [decision.rule for _, decision in world.vectors.kept] == ["reasoning"]
    assert booked[:2] == (AUDIT, "reasoning")
    assert world.counted == [True]


async def test_an_audit_that_no_classifier_answered_says_nothing(world: World) -> None:
    world.classifier.source = Source.DEFAULT
    await world.settle(case(DECIDED), dice=0.01)

    assert world.counted == []
    assert world.vectors.kept == []
    assert [purpose for purpose, *_ in world.side.kept] == [AUDIT]


async def test_an_audit_that_a_limit_refuses_asks_nobody(world: World) -> None:
    world.side.refusal = LimitExceeded(TERMS, wait=1)
    await world.settle(case(DECIDED), dice=0.01)

    assert world.classifier.asked == []


async def test_audits_that_wait_are_bounded(world: World) -> None:
    ended = asyncio.Event()
    for at in range(WAITING):
        world.background.start(AUDITS, ended.wait(), subject=at)
    auditor = VectorAuditor(
        world.classifier,
        world.vectors,
        world.background,
        world.counted.append,
        world.side,  # type: ignore[arg-type]  # a fake
        dice=lambda: 0.0,
    )
    auditor.settle(case(DECIDED))
    assert world.background.count(AUDITS) == WAITING

    ended.set()
    await world.background.wait(AUDITS)
    assert world.classifier.asked == []


async def test_the_row_tells_of_both_decisions(world: World) -> None:
    other = replace(CLASSIFIED, rule="general")
    (row,) = await world.settle(case(other, LEARNING, calls=(CALL,)))

    assert (row.rule, row.classified_as, row.right) == ("reasoning", "general", False)
    assert (row.decided, row.sure, row.verdicts, row.offer) == (False, True, 8, "offer")
    assert (row.milliseconds, row.message) == (600, None)
