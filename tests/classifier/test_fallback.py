"""The ladder with fakes of its one port: who is asked, what is believed, who decides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from routing.classifier.classification import build_instructions, parse_classification
from routing.classifier.fallback import MALFORMED, FallbackClassifier
from routing.classifier.retrieval import SentRules
from routing.domain.actions import Action
from routing.domain.errors import ProviderError, ProviderMisconfigured, ProviderUnavailable
from routing.domain.llm import Attempt, ChatMessage, ClassifierResult, RawText, Usage
from routing.domain.rules import Decision, ModelRef, RuleSet, Source, StaysTrue
from routing.llm.failover.circuits import CircuitSettings
from tests.classifier.rules import CLAUDE, GENERAL, GPT, HARM, PAINTER, PICTURES, RULES

Said = str | ProviderError | float


def verdict(rule: str = "general", **more: Any) -> str:
    body = {"rule": rule, "reason": "It fits.", "self_contained": True, "suggestions": []}
    return json.dumps({**body, **more})


class FakeClient:
    """Says what each model is told to, in order; a number is a pause in seconds."""

    def __init__(self, **says: Sequence[Said]) -> None:
        self.says = {name: list(each) for name, each in says.items()}
        self.asked: list[tuple[str, bool]] = []
        self.schemas: list[Mapping[str, Any] | None] = []

    async def complete_json(
        self, model: ModelRef, messages: Sequence[ChatMessage], schema: Mapping[str, Any] | None
    ) -> RawText:
        self.asked.append((model.name, schema is not None))
        self.schemas.append(schema)
        said = self.says[model.name].pop(0)
        if isinstance(said, ProviderError):
            raise said
        if isinstance(said, float):
            await asyncio.sleep(said)
            pytest.fail("nobody waits that long")
        return RawText(said, "stop", Usage(10, 5))

    def priced(self, model: ModelRef, usage: Usage) -> Usage:
        return usage


async def classified(client: FakeClient, rules: RuleSet = RULES, **more: Any) -> ClassifierResult:
    return await FallbackClassifier(client, **more).classify("Hello", rules, ())


def outcomes(attempts: Sequence[Attempt]) -> list[tuple[str, str]]:
    return [(attempt.model, attempt.outcome) for attempt in attempts]


async def test_the_first_classifier_decides() -> None:
    result = await classified(FakeClient(haiku=[verdict("complex-reasoning")]))

    assert result.decision == Decision(
        action=Action.ANSWER,
        source=Source.CLASSIFIER,
        provider="anthropic",
        model="claude",
        rule="complex-reasoning",
        reason="It fits.",
        ruleset=3,
        self_contained=True,
    )
    (attempt,) = result.attempts
    assert attempt.ok
    assert attempt.operation == "classify"
    assert attempt.output == verdict("complex-reasoning")
    assert [message.role for message in attempt.prompt] == ["system", "user"]
    assert attempt.usage == Usage(10, 5)


async def test_a_picture_names_the_painter_and_a_refusal_nobody() -> None:
    picture = (await classified(FakeClient(haiku=[verdict("pictures")]))).decision
    refusal = (await classified(FakeClient(haiku=[verdict("harm")]))).decision

    assert (picture.action, picture.provider, picture.model) == (
        Action.IMAGE,
        "openai",
        "painter",
    )
    assert (refusal.action, refusal.provider, refusal.model) == (Action.REFUSE, None, None)
    assert refusal.suggestions == HARM.suggestions


async def test_the_classifiers_own_suggestions_come_first() -> None:
    offered = ["One", "One", " Two\n", "Three"]
    refusal = await classified(FakeClient(haiku=[verdict("harm", suggestions=offered)]))
    answer = await classified(FakeClient(haiku=[verdict("general", suggestions=offered)]))

    assert refusal.decision.suggestions == ("One", "Two")
    assert answer.decision.suggestions == ()


async def test_what_is_said_of_the_answers_reuse_is_kept() -> None:
    said: dict[str, Any] = {"impersonal": True, "stays_true": "day", "self_contained": False}
    told = verdict(**said, standalone="What is the capital\nof Spain?")

    decision = (await classified(FakeClient(haiku=[told]))).decision

    assert (decision.impersonal, decision.stays_true) == (True, StaysTrue.DAY)
    assert decision.standalone == "What is the capital of Spain?"


async def test_who_says_nothing_of_reuse_is_taken_for_careful() -> None:
    decision = (
        await classified(FakeClient(haiku=[verdict(standalone="In other words.")]))
    ).decision

    assert (decision.impersonal, decision.stays_true) == (False, StaysTrue.MONTHS)
    assert decision.standalone == ""  # it stands alone as it is


@pytest.mark.parametrize("trouble", [ProviderUnavailable("haiku"), 3600.0])
async def test_where_the_first_cannot_the_second_decides(trouble: Said) -> None:
    client = FakeClient(haiku=[trouble], mini=[verdict("pictures")])

    result = await classified(client, patience=0.05)

    assert result.decision.source is Source.CLASSIFIER_FALLBACK
    assert result.decision.rule == "pictures"
    assert [model for model, _ in client.asked] == ["haiku", "mini"]
    assert [attempt.ok for attempt in result.attempts] == [False, True]


async def test_where_neither_can_the_default_decides() -> None:
    client = FakeClient(haiku=[ProviderUnavailable("haiku")], mini=[ProviderUnavailable("mini")])

    decision = (await classified(client)).decision

    assert decision.source is Source.DEFAULT
    assert (decision.rule, decision.model, decision.provider) == ("general", "gpt", "openai")
    assert not decision.self_contained
    assert "default rule" in decision.reason


@pytest.mark.parametrize(
    "nonsense",
    [
        "I think it is general.",
        verdict("published-by-nobody"),
        verdict(self_contained="yes"),
        verdict(suggestions="none"),
        verdict(extra=1),
        verdict(stays_true="for a while"),
        verdict(impersonal="yes"),
        '{"rule": "general"}',
        "{" * 5000,
        "[]",
    ],
)
async def test_nonsense_is_asked_once_more_and_then_passed_by(nonsense: str) -> None:
    client = FakeClient(haiku=[nonsense, nonsense], mini=[nonsense, verdict()])

    result = await classified(client)

    assert outcomes(result.attempts) == [
        ("haiku", MALFORMED),
        ("haiku", MALFORMED),
        ("mini", MALFORMED),
        ("mini", "ok"),
    ]
    assert result.decision.source is Source.CLASSIFIER_FALLBACK
    assert all(with_schema for _, with_schema in client.asked)


@pytest.mark.parametrize(
    "rejection",
    [
        ProviderMisconfigured("haiku", "response_format", status=400),
        ProviderMisconfigured("haiku", "response_format", status=422),
        ProviderUnavailable("haiku", "1 validation error", status=500),
        ProviderUnavailable("haiku", "not implemented", status=501),
    ],
    ids=lambda error: str(error.status),
)
async def test_a_model_that_takes_no_schema_is_asked_in_words_for_a_while(
    rejection: ProviderError,
) -> None:
    said = f"Sure!\n```json\n{verdict()}\n```"
    refused = [rejection] * (2 if isinstance(rejection, ProviderMisconfigured) else 1)
    client, clock = FakeClient(haiku=[*refused, said, said, said]), [0]
    ladder = FallbackClassifier(client, now=lambda: clock[0])

    for clock[0] in (1, 2, 10**18):
        result = await ladder.classify("Hello", RULES, ())
        assert result.decision.source is Source.CLASSIFIER

    assert [schema for _, schema in client.asked] == [*(True for _ in refused), False, False, True]


async def test_a_model_that_takes_no_bounds_is_asked_by_a_schema_without_them() -> None:
    refused = ProviderMisconfigured("haiku", "maxItems is not supported", status=400)
    client = FakeClient(haiku=[refused, verdict(), verdict()])
    ladder = FallbackClassifier(client)
    for _ in range(2):
        assert (await ladder.classify("Hello", RULES, ())).decision.source is Source.CLASSIFIER
    assert ["maxItems" in json.dumps(schema) for schema in client.schemas] == [True, False, False]
    assert all(client.schemas)


async def test_the_rules_are_marked_for_anthropics_cache_where_they_are_long() -> None:
    long = replace(RULES.rules[0], instruction="word " * 5_000)
    for rules, marked in ((RULES, False), (replace(RULES, rules=(long, *RULES.rules[1:])), True)):
        client = FakeClient(haiku=[verdict()])
        (attempt,) = (await classified(client, rules)).attempts
        system, *others = attempt.prompt
        assert (system.form is not None) is marked
        assert all(message.form is None for message in others)
        if system.form:
            (block,) = system.form["content"]
            assert (block["text"], block["cache_control"]) == (
                system.content,
                {"type": "ephemeral"},
            )
    other = FakeClient(mini=[verdict()])
    (attempt,) = (await classified(other, replace(rules, classifiers=("mini",)))).attempts
    assert all(message.form is None for message in attempt.prompt)


@pytest.mark.parametrize("cut", range(1, 30, 4))
async def test_a_tail_that_was_cut_off_is_forgiven(cut: int) -> None:
    whole = verdict("complex-reasoning", stays_true="timeless", suggestions=["one", "two", "three"])
    (attempt,) = (result := await classified(FakeClient(haiku=[whole[:-cut]]))).attempts
    assert attempt.ok
    assert result.decision.rule == "complex-reasoning"
    assert result.decision.self_contained


@pytest.mark.parametrize(
    "said", ['{"rule": "compl', '{"rule": 3, "reason"', '{"rule": "gone", "rea', "{"]
)
async def test_a_reply_that_breaks_off_before_its_rule_is_none(said: str) -> None:
    client = FakeClient(haiku=[said, said], mini=[verdict()])
    assert (await classified(client)).decision.source is Source.CLASSIFIER_FALLBACK


@pytest.mark.parametrize("status", [500, 502, 503, None])
async def test_a_model_that_is_down_is_asked_in_words_once_at_most(status: int | None) -> None:
    down = ProviderUnavailable("haiku", status=status)
    client = FakeClient(haiku=[down] * 4, mini=[verdict()] * 2)
    ladder = FallbackClassifier(client)
    for _ in range(2):
        await ladder.classify("Hello", RULES, ())

    calls = [schema for model, schema in client.asked if model == "haiku"]
    assert calls == ([True, False] * 2 if status == 500 else [True] * 2)


async def test_a_wrong_key_is_not_asked_twice() -> None:
    wrong = ProviderMisconfigured("haiku", "no such key", status=401)
    client = FakeClient(haiku=[wrong], mini=[verdict()])

    await classified(client)

    assert [model for model, _ in client.asked] == ["haiku", "mini"]


async def test_an_unpublished_classifier_is_passed_by() -> None:
    rules = replace(RULES, classifiers=("gone", "mini"))

    decision = (await classified(FakeClient(mini=[verdict()]), rules)).decision

    assert decision.source is Source.CLASSIFIER_FALLBACK


@pytest.mark.parametrize(
    ("rules", "said", "rule", "model"),
    [
        (replace(RULES, models=(GPT, CLAUDE)), "pictures", "general", "gpt"),
        (replace(RULES, models=(GPT, PAINTER)), "complex-reasoning", "complex-reasoning", "gpt"),
        (
            replace(RULES, rules=(replace(PICTURES, model=None), GENERAL)),
            "pictures",
            "pictures",
            "painter",
        ),
        (
            replace(RULES, rules=(replace(PICTURES, model="gpt"), GENERAL)),
            "pictures",
            "pictures",
            "painter",
        ),
        (replace(RULES, models=(CLAUDE,)), "general", "general", "claude"),
        (replace(RULES, models=()), "general", "general", None),
    ],
    ids=["no painter", "fallback", "any painter", "wrong kind", "any chat", "nobody"],
)
async def test_a_missing_model_yields_to_the_next_sensible(
    rules: RuleSet, said: str, rule: str, model: str | None
) -> None:
    classifier = FakeClient(haiku=[verdict(said)])
    rules = replace(rules, models=(*rules.models, *(m for m in RULES.models if m.name == "haiku")))
    if model is None:
        rules = replace(rules, models=(), classifiers=())

    decision = (await classified(classifier, rules)).decision

    assert (decision.rule, decision.model) == (rule, model)


def test_reasons_are_one_short_printable_line() -> None:
    reason = "Line\none\x00\x1b[31m\u202e " + "x" * 1000

    read = parse_classification(verdict(reason=reason), RULES)

    assert read is not None
    assert read.reason.startswith("Line one")
    assert len(read.reason) == 300
    assert read.reason.isprintable()


@pytest.mark.parametrize("odd", ["a\tb", "\\ud83d", "\\ud83d\\ude00"], ids=ascii)
def test_odd_characters_in_a_reason_spoil_no_verdict(odd: str) -> None:
    reply = verdict(reason="Because.").replace("Because.", odd)

    read = parse_classification(reply, RULES)

    assert read is not None
    assert read.reason in {"a b", "\ufffd", "😀"}


async def test_cancelling_is_not_swallowed() -> None:
    task = asyncio.create_task(classified(FakeClient(haiku=[3600.0])))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_dead_classifier_soon_costs_nothing() -> None:
    dead = [ProviderUnavailable("haiku")] * 9
    client = FakeClient(haiku=dead, mini=[verdict()] * 9)
    ladder = FallbackClassifier(client)

    results = [await ladder.classify("Hello", RULES, ()) for _ in range(9)]

    limit = CircuitSettings().failures
    assert [model for model, _ in client.asked].count("haiku") == limit
    assert {result.decision.source for result in results} == {Source.CLASSIFIER_FALLBACK}
    assert outcomes(results[-1].attempts) == [("mini", "ok")]


async def test_with_both_dead_the_default_decides_at_once() -> None:
    client = FakeClient(
        haiku=[ProviderUnavailable("haiku")] * 9, mini=[ProviderUnavailable("mini")] * 9
    )
    ladder = FallbackClassifier(client)

    results = [await ladder.classify("Hello", RULES, ()) for _ in range(9)]

    assert results[-1].attempts == ()
    assert results[-1].decision.source is Source.DEFAULT


async def test_nonsense_and_wrong_forms_do_not_open_a_circuit() -> None:
    wrong = ProviderMisconfigured("haiku", status=400)
    client = FakeClient(haiku=["?", "?", wrong, wrong, wrong] * 6, mini=[verdict()] * 12)
    ladder = FallbackClassifier(client)
    for _ in range(12):
        await ladder.classify("Hello", RULES, ())

    assert [model for model, _ in client.asked].count("haiku") == 30


async def test_a_cancelled_call_is_metered_with_what_it_was_sent() -> None:
    metered: list[Attempt] = []
    ladder = FallbackClassifier(FakeClient(haiku=[60.0]))
    asking = asyncio.create_task(ladder.classify("Hello", RULES, (), metered.append))
    await asyncio.sleep(0)  # the ladder begins,
    await asyncio.sleep(0)  # and its first call
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert outcomes(metered) == [("haiku", "cancelled")]
    assert metered[0].usage.input_tokens > 0
    assert metered[0].usage.estimated


class OneRule:
    """Sends the refusing rule and one more."""

    def choose(self, prompt: str, vector: Sequence[float], rules: RuleSet) -> SentRules | None:
        return SentRules(build_instructions(rules, [HARM]), (GENERAL,)) if vector[0] else None


async def sent_to(vector: Sequence[float] | None, **more: Any) -> tuple[int, str]:
    """How many rules were sent, and the decided rule; the model names one that need not be among them."""
    client = FakeClient(haiku=[verdict("complex-reasoning")])
    ladder = FallbackClassifier(client, retriever=OneRule())
    history = more.pop("history", ())
    result = await ladder.classify("Hello", RULES, history, vector=vector, **more)
    return result.rules_sent, result.decision.rule or ""


async def test_of_many_rules_the_near_ones_are_sent_and_any_may_be_named() -> None:
    assert await sent_to([1.0]) == (2, "complex-reasoning")


async def test_all_rules_are_sent_where_the_vector_tells_too_little() -> None:
    whole = (len(RULES.rules), "complex-reasoning")

    assert await sent_to(None) == whole
    assert await sent_to([0.0]) == whole
    assert await sent_to([1.0], flagged=True) == whole
    assert await sent_to([1.0], pictures=1) == whole
    assert await sent_to([1.0], history=[ChatMessage("user", "Earlier.")]) == whole
