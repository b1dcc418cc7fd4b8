"""Decisions by earlier verdicts: when the classifier is not asked, and what is learned from each turn."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from conversations.engine.engine import Engine
from conversations.engine.types import Answer, AuditCase, CallerChat, Turn, Vector
from routing.domain.actions import Action
from routing.domain.errors import AssistantError, CacheUnavailable
from routing.domain.guard import GuardReport
from routing.domain.llm import ChatMessage
from routing.domain.rules import Decision, RuleSet, Source, StaysTrue, VectorEvidence
from routing.domain.vectors import VectorOpinion
from tests.fakes import (
    FakeCache,
    FakeChat,
    FakeClassifier,
    FakeEmbedder,
    FakeGuard,
    FakeSink,
    ports,
    turn,
)

EVIDENCE = VectorEvidence(0.991, 8)
DECIDED = Decision(
    Action.ANSWER,
    Source.VECTOR,
    "anthropic",
    "claude",
    "reasoning",
    "as before",
    7,
    self_contained=True,
    impersonal=True,
    stays_true=StaysTrue.TIMELESS,
    vector=EVIDENCE,
)
OPINION = VectorOpinion(DECIDED, 0.99, 0.991, 0.97, 8, "offer", sure=True, earned=True)
LEARNING = replace(OPINION, earned=False, asked_because="too few were audited")


@dataclass
class FakeVectors:
    said: VectorOpinion | None = OPINION
    error: AssistantError | None = None
    asked: list[str] = field(default_factory=list)
    kept: list[tuple[str, Decision]] = field(default_factory=list)

    async def opinion(self, prompt: str, rules: RuleSet, vector: Vector) -> VectorOpinion | None:
        self.asked.append(prompt)
        if self.error:
            raise self.error
        return self.said

    async def keep(self, turn: Turn, rules: RuleSet, vector: Vector, decision: Decision) -> None:
        if self.error:
            raise self.error
        self.kept.append((turn.prompt, decision))


@dataclass
class FakeAudits:
    cases: list[AuditCase] = field(default_factory=list)

    def settle(self, case: AuditCase) -> None:
        self.cases.append(case)


async def answered(
    asked: Turn, vectors: FakeVectors, classifier: FakeClassifier, **parts: object
) -> tuple[Answer, FakeSink, FakeAudits]:
    sink, audits = FakeSink(), FakeAudits()
    composed = ports(vectors=vectors, vector_audits=audits, classifier=classifier, **parts)
    answer = await Engine(composed).answer(asked, sink)
    await sink.settle()
    return answer, sink, audits


def chat(*messages: ChatMessage, plain: bool = True) -> CallerChat:
    return CallerChat(messages, {}, plain=plain, context="digest" if messages[1:] else "")


async def test_a_sure_opinion_decides_and_no_classifier_is_asked() -> None:
    vectors, classifier, cache, fake = FakeVectors(), FakeClassifier(), FakeCache(), FakeChat()
    answer, sink, audits = await answered(turn(), vectors, classifier, cache=cache, chat=fake)

    assert classifier.asked == []
    assert answer.decision == DECIDED
    assert fake.candidates[0].name == "claude"
    assert cache.stored == [answer]
    assert [case.decision for case in audits.cases] == [DECIDED]
    assert audits.cases[0].calls == ()
    assert sink.degraded == []


@pytest.mark.parametrize("said", [None, LEARNING], ids=["none", "not yet earned"])
async def test_without_a_decision_of_theirs_the_classifier_is_asked_and_its_verdict_kept(
    said: VectorOpinion | None,
) -> None:
    vectors, classifier = FakeVectors(said), FakeClassifier()
    answer, _, audits = await answered(turn(), vectors, classifier)

    assert classifier.asked == vectors.asked == ["Why is the sky blue?"]
    assert answer.decision.source is Source.CLASSIFIER
    assert vectors.kept == [("Why is the sky blue?", answer.decision)]
    assert [(case.opinion, len(case.calls)) for case in audits.cases] == (
        [(said, 1)] if said else []
    )


async def test_of_a_flagged_prompt_the_classifier_is_asked_and_nothing_is_learned() -> None:
    vectors, classifier = FakeVectors(), FakeClassifier()
    guard = FakeGuard(GuardReport("flag", 0.6, ("override",)))
    answer, _, audits = await answered(turn(), vectors, classifier, guard=guard)

    assert answer.decision.source is Source.CLASSIFIER
    assert classifier.flagged
    assert (vectors.kept, audits.cases) == ([], [])


async def test_a_follow_up_is_no_question_of_theirs() -> None:
    vectors, classifier = FakeVectors(), FakeClassifier()
    await answered(turn("And why?", first=False), vectors, classifier)

    assert classifier.asked == ["And why?"]
    assert (vectors.asked, vectors.kept) == ([], [])


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        (chat(ChatMessage("user", "Why is it?")), True),
        (chat(ChatMessage("system", "Be kind."), ChatMessage("user", "Why is it?")), True),
        (
            chat(
                ChatMessage("user", "The sky is blue."),
                ChatMessage("assistant", "It is."),
                ChatMessage("user", "Why is it?"),
            ),
            False,
        ),
        (chat(ChatMessage("user", "Why is it?"), plain=False), False),
    ],
    ids=["alone", "with instructions", "with earlier turns", "with tools"],
)
async def test_a_callers_chat_is_asked_about_where_its_prompt_is_the_first(
    sent: CallerChat, asked: bool
) -> None:
    vectors, classifier = FakeVectors(), FakeClassifier()
    await answered(turn("Why is it?", chat=sent), vectors, classifier)

    assert (vectors.asked == ["Why is it?"]) is asked
    assert (classifier.asked == []) is asked


async def test_a_picture_does_not_answer_a_chat_that_takes_text_alone() -> None:
    drawn = replace(DECIDED, action=Action.IMAGE, model="gpt-image", rule="draw")
    sent = replace(chat(ChatMessage("user", "Draw a cat, please.")), options={"logprobs": True})
    answer, _, _ = await answered(
        turn("Draw a cat, please.", chat=sent),
        FakeVectors(replace(OPINION, decision=drawn)),
        FakeClassifier(),
    )

    assert (answer.decision.action, answer.decision.rule) == (Action.ANSWER, "general")
    assert answer.decision.source is Source.VECTOR


@pytest.mark.parametrize("part", ["vectors", "embedder"])
async def test_without_redis_or_a_vector_the_classifier_is_asked_as_before(part: str) -> None:
    error = CacheUnavailable("gone")
    vectors = FakeVectors(error=error if part == "vectors" else None)
    embedder = FakeEmbedder(error=error if part == "embedder" else None)
    classifier = FakeClassifier()
    answer, _, audits = await answered(turn(), vectors, classifier, embedder=embedder)

    assert answer.decision.source is Source.CLASSIFIER
    assert audits.cases == []


async def test_an_error_of_the_lookup_is_the_lookups() -> None:
    @dataclass
    class Broken(FakeCache):
        async def lookup_similar(self, *_: object) -> None:
            raise CacheUnavailable("gone")

    answer, sink, _ = await answered(turn(), FakeVectors(), FakeClassifier(), cache=Broken())

    assert sink.degraded == ["answer_cache"]
    assert answer.decision.source is Source.CLASSIFIER


def agreeing(**classified: object) -> bool:
    return OPINION.agrees(replace(DECIDED, source=Source.CLASSIFIER, **classified))  # type: ignore[arg-type]


def test_an_opinion_agrees_with_the_same_rule_and_no_more_care() -> None:
    assert agreeing()
    assert agreeing(stays_true=StaysTrue.MONTHS)
    assert not agreeing(rule="general")
    assert not agreeing(self_contained=False)
    assert not agreeing(impersonal=False)
    assert not agreeing(stays_true=StaysTrue.DAY)
    assert replace(OPINION, decision=replace(DECIDED, impersonal=False)).agrees(DECIDED)
