"""A caller's own chat: decisions without a classifier, the makers of tool calls, text in a picture's place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from conversations.engine.engine import Engine
from conversations.engine.events import Thought
from conversations.engine.types import Answer, CallerChat, CallOrigin, HelperPrompt
from routing.classifier.classification import build_instructions
from routing.domain.actions import Action
from routing.domain.errors import AssistantError, MemoryUnavailable
from routing.domain.llm import (
    AnsweringModel,
    ChatMessage,
    Completed,
    Switched,
    TextDelta,
    ThoughtDelta,
    ToolCallDelta,
    Usage,
)
from routing.domain.rules import Decision, Rule, RuleSet, Source
from routing.publishing.validation import rule_faults
from tests.fakes import (
    CLAUDE,
    GPT,
    RULES,
    FakeChat,
    FakeClassifier,
    FakeRules,
    FakeSink,
    ports,
    turn,
)

pytestmark = pytest.mark.pure

CALLS = (ToolCallDelta(0, "call_1", "weather"), ToolCallDelta(0, arguments="{}"))
TOOLS: dict[str, Any] = {"tools": [{"type": "function", "function": {"name": "weather"}}]}


@dataclass
class FakeToolCalls:
    known: dict[str, CallOrigin] = field(default_factory=dict)
    error: AssistantError | None = None

    async def remember(self, user: int, calls: Sequence[str], decision: Decision) -> None:
        assert decision.model
        self.known |= {
            f"{user} {call}": CallOrigin(decision.model, decision.rule) for call in calls
        }

    async def recall(self, user: int, calls: Sequence[str]) -> CallOrigin | None:
        if self.error:
            raise self.error
        return next(
            (self.known[f"{user} {call}"] for call in calls if f"{user} {call}" in self.known), None
        )


def chat(**fields: Any) -> CallerChat:
    said = (ChatMessage("user", "How warm is it?"),)
    return CallerChat(**{"messages": said, "options": TOOLS, "plain": False, **fields})


async def answered(
    asked: CallerChat, user: int = 1, prompt: str = "How warm is it?", **parts: Any
) -> tuple[Answer, FakeSink]:
    sink = FakeSink()
    answer = await Engine(ports(**parts)).answer(turn(prompt, user=user, chat=asked), sink)
    await sink.settle()
    return answer, sink


def calling() -> FakeChat:
    return FakeChat([AnsweringModel(CLAUDE), *CALLS, Completed(CLAUDE, "tool_calls", Usage(3, 5))])


async def test_results_go_to_the_model_that_made_the_calls() -> None:
    calls, classifier = FakeToolCalls(), FakeClassifier("reasoning")
    await answered(chat(), tool_calls=calls, chat=calling(), classifier=classifier)
    talk = FakeChat()
    answer, _ = await answered(
        chat(results=("call_1",)), tool_calls=calls, chat=talk, classifier=classifier
    )

    assert classifier.asked == ["How warm is it?"]
    assert (answer.decision.model, answer.decision.rule) == ("claude", "reasoning")
    assert answer.decision.source is Source.REQUESTED
    assert [model.name for model in talk.candidates] == ["claude", "gpt"]


@pytest.mark.parametrize("why", ["another person", "another call", "unpublished", "away", "none"])
async def test_results_of_unknown_calls_are_classified(why: str) -> None:
    calls, classifier = FakeToolCalls(), FakeClassifier("general")
    await answered(chat(), tool_calls=calls, chat=calling(), classifier=FakeClassifier("reasoning"))
    rules = RULES
    if why == "unpublished":
        rules = replace(RULES, models=tuple(each for each in RULES.models if each != CLAUDE))
    calls.error = MemoryUnavailable("away") if why == "away" else None
    answer, sink = await answered(
        chat(results=("call_2",) if why == "another call" else ("call_1",)),
        user=2 if why == "another person" else 1,
        tool_calls=None if why == "none" else calls,
        classifier=classifier,
        rules=FakeRules(rules),
    )

    assert answer.decision.model == "gpt"
    assert classifier.asked
    assert bool(sink.degraded) == (why == "away")


async def test_a_named_model_leaves_no_note_of_its_calls() -> None:
    calls = FakeToolCalls()
    sink, talk = FakeSink(), calling()
    asked = turn("How warm is it?", requested_model="claude", chat=chat())
    await Engine(ports(tool_calls=calls, chat=talk)).answer(asked, sink)
    await sink.settle()

    assert calls.known == {}


async def test_a_prompt_without_words_is_not_classified() -> None:
    classifier = FakeClassifier("draw")
    answer, _ = await answered(chat(options={}), prompt=" ", classifier=classifier)

    assert classifier.asked == []
    assert (answer.decision.rule, answer.decision.source) == ("general", Source.DEFAULT)


@pytest.mark.parametrize(
    ("fields", "action"),
    [
        ({}, Action.ANSWER),
        ({"options": {"response_format": {"type": "json_object"}}}, Action.ANSWER),
        ({"options": {}, "messages": (ChatMessage("user", "x", {"role": "user"}),)}, Action.ANSWER),
        ({"options": {"temperature": 0.5}}, Action.IMAGE),
    ],
)
async def test_no_picture_where_text_is_needed(fields: dict[str, Any], action: Action) -> None:
    answer, _ = await answered(chat(**fields), classifier=FakeClassifier("draw"))

    assert answer.decision.action is action
    if action is Action.ANSWER:
        assert (answer.decision.model, answer.decision.rule) == ("gpt", "general")
        assert answer.decision.source is Source.CLASSIFIER
        assert "text alone" in answer.decision.reason


HELPER = HelperPrompt("title (a front end)", "What people said.", "Make a title of it.")
HELPER_RULES = replace(
    RULES, rules=(*RULES.rules, Rule("helper", "titles", Action.ANSWER, "claude", ("gpt",)))
)


@pytest.mark.parametrize(
    ("rules", "model"),
    [(HELPER_RULES, "claude"), (RULES, "gpt"), (replace(RULES, classifiers=("claude",)), "claude")],
)
async def test_helper_prompts_go_to_their_rule_or_the_small_model(
    rules: RuleSet, model: str
) -> None:
    classifier = FakeClassifier("draw")
    answer, _ = await answered(
        chat(helper=HELPER, options={}), classifier=classifier, rules=FakeRules(rules)
    )

    assert classifier.asked == []
    assert (answer.decision.model, answer.decision.rule) == (model, "helper")
    assert answer.decision.source is Source.REQUESTED
    assert "title (a front end)" in answer.decision.reason


def test_no_classifier_chooses_the_helper_rule() -> None:
    instructions = build_instructions(HELPER_RULES)

    assert '"helper"' not in instructions.system.content
    assert "helper" not in str(instructions.schema)


def test_the_helper_rule_answers() -> None:
    faults = rule_faults(Rule("helper", "titles", Action.REFUSE, refusal_reason="No."), RULES.model)

    assert [fault.field for fault in faults] == ["action"]


@pytest.mark.parametrize("shown", [True, False])
async def test_thoughts_are_shown_where_the_site_says_so(shown: bool) -> None:
    events: list[Any] = [
        AnsweringModel(CLAUDE),
        ThoughtDelta("Hm."),
        TextDelta("So."),
        Completed(CLAUDE, "stop", Usage(3, 5)),
    ]
    answer, sink = await answered(chat(), chat=FakeChat(events), shows_thoughts=shown)

    assert answer.content == "So."
    assert [event.text for event in sink.events if isinstance(event, Thought)] == ["Hm."] * shown


async def test_the_decision_says_that_the_first_choice_lacks_an_ability() -> None:
    events: list[Any] = [
        Switched(GPT, CLAUDE, "unsupported_parameter", discard=False),
        AnsweringModel(CLAUDE),
        TextDelta("So."),
        Completed(CLAUDE, "stop", Usage(3, 5)),
    ]
    answer, _ = await answered(chat(), chat=FakeChat(events))

    assert (answer.decision.model, answer.decision.fallback) == ("claude", True)
    assert answer.decision.reason == "because; gpt lacks what the request asks for"
