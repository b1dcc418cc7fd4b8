"""Fakes of the engine's ports: just enough behaviour to see what the engine does with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from conversations.engine.events import Event
from conversations.engine.ports import DeferredWork, OnCandidate, Ports
from conversations.engine.types import (
    Answer,
    CachedAnswer,
    Degraded,
    Picture,
    Record,
    Step,
    StoredAnswer,
    TraceRecord,
    Turn,
    Vector,
)
from conversations.models import new_id
from conversations.usage.estimates import Estimator
from routing.domain.actions import Action, ModelKind
from routing.domain.errors import AssistantError, NoProviderAvailable
from routing.domain.guard import GuardReport
from routing.domain.limits import PaidCall
from routing.domain.llm import (
    AnsweringModel,
    Attempt,
    ChatMessage,
    ChatOptions,
    ClassifierResult,
    Completed,
    GenerationEvent,
    Meter,
    TextDelta,
    Usage,
)
from routing.domain.release import Release
from routing.domain.rules import CachePolicy, Decision, ModelRef, Rule, RuleSet, Source, StaysTrue

GPT = ModelRef("gpt", "openai/gpt", "openai", ModelKind.CHAT)
CLAUDE = ModelRef("claude", "anthropic/claude", "anthropic", ModelKind.CHAT)
PAINTER = ModelRef("gpt-image", "openai/gpt-image-1", "openai", ModelKind.IMAGE)
RULES = RuleSet(
    version=7,
    rules=(
        Rule("general", "everything else", Action.ANSWER, "gpt", ("claude",)),
        Rule("reasoning", "hard thinking", Action.ANSWER, "claude", ("gpt",)),
        Rule("secret", "private matters", Action.ANSWER, "claude", cache=CachePolicy.NEVER),
        Rule("draw", "pictures", Action.IMAGE, "gpt-image"),
        Rule("no", "harm", Action.REFUSE, refusal_reason="I can't help with that."),
    ),
    models=(GPT, CLAUDE, PAINTER),
    default_rule="general",
    classifiers=(),
)


def turn(prompt: str = "Why is the sky blue?", **fields: object) -> Turn:
    """A first turn unless told otherwise."""
    values: dict[str, object] = {
        "user": 1,
        "conversation": new_id(),
        "message": new_id(),
        "user_message": new_id(),
        "prompt": prompt,
        "first": True,
        "trace_id": "0" * 31 + "1",
        **fields,
    }
    return Turn(**values)  # type: ignore[arg-type]


def attempt(model: ModelRef = GPT, outcome: str = "ok", **fields: object) -> Attempt:
    """One call to a model."""
    values: dict[str, object] = {
        "operation": "chat",
        "model": model.name,
        "provider": model.provider,
        "started_ns": 1,
        "ended_ns": 2,
        "outcome": outcome,
        "usage": Usage(3, 5),
        **fields,
    }
    return Attempt(**values)  # type: ignore[arg-type]


@dataclass
class FakeSink:
    """Keeps what it is told."""

    events: list[Event] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    deferred: list[DeferredWork] = field(default_factory=list)
    follow_ups: list[DeferredWork] = field(default_factory=list)

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def note(self, record: Record) -> None:
        self.records.append(record)

    def defer(self, work: DeferredWork) -> None:
        self.deferred.append(work)

    def follow_up(self, work: DeferredWork) -> None:
        self.follow_ups.append(work)

    async def settle(self) -> None:
        """Do what was left for the end, and for after it."""
        for work in self.deferred:
            await work()
        for work in self.follow_ups:
            await work()

    @property
    def steps(self) -> list[str]:
        return [record.name for record in self.records if isinstance(record, Step)]

    @property
    def degraded(self) -> list[str]:
        return [record.part for record in self.records if isinstance(record, Degraded)]


@dataclass
class FakeRules:
    rules: RuleSet = RULES

    async def current(self) -> Release:
        return Release(1, self.rules)

    async def for_person(self, user: int) -> Release:
        return await self.current()


@dataclass
class FakeGuard:
    report: GuardReport = field(default_factory=lambda: GuardReport("pass"))

    async def check(self, prompt: str) -> GuardReport:
        return self.report


@dataclass
class FakeMemory:
    said: list[ChatMessage] = field(default_factory=list)
    error: AssistantError | None = None

    async def recall(self, conversation: UUID) -> tuple[ChatMessage, ...]:
        if self.error:
            raise self.error
        return tuple(self.said)

    async def remember(self, conversation: UUID, exchange: Sequence[ChatMessage]) -> None:
        if self.error:
            raise self.error
        self.said.extend(exchange)


@dataclass
class FakeEmbedder:
    name: str = "fake"
    dimensions: int = 2
    error: AssistantError | None = None

    def reads(self, text: str) -> bool:
        return True

    async def embed(self, text: str, _: Meter | None = None, /) -> Vector:
        if self.error:
            raise self.error
        return (1.0, 0.0)

    async def embed_many(self, texts: Sequence[str]) -> list[Vector]:
        return [await self.embed(text) for text in texts]

    def warm(self) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass
class FakeCache:
    exact: CachedAnswer | None = None
    similar: CachedAnswer | None = None
    error: AssistantError | None = None
    stored: list[Answer] = field(default_factory=list)
    signed: list[tuple[UUID, str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    looked_up: str = ""

    async def lookup_exact(self, turn: Turn, rules: RuleSet) -> CachedAnswer | None:
        self.asked.append("exact")
        self.looked_up = turn.prompt
        if self.error:
            raise self.error
        return self.exact

    async def lookup_similar(
        self, turn: Turn, rules: RuleSet, vector: Vector, on_candidate: OnCandidate, meter: Meter
    ) -> CachedAnswer | None:
        self.asked.append("similar")
        on_candidate({"probability": 0.5})
        return self.similar

    async def store(self, turn: Turn, rules: RuleSet, vector: Vector, answer: Answer) -> UUID:
        if self.error:
            raise self.error
        self.stored.append(answer)
        return turn.message

    async def sign(self, entry: UUID, content: str) -> None:
        self.signed.append((entry, content))


@dataclass
class FakeLinks:
    settled: list[StoredAnswer] = field(default_factory=list)

    def settle(self, stored: StoredAnswer) -> None:
        self.settled.append(stored)


@dataclass
class FakeClassifier:
    rule: str = "general"
    self_contained: bool = True
    impersonal: bool = True
    stays_true: StaysTrue = StaysTrue.TIMELESS
    standalone: str = ""
    source: Source = Source.CLASSIFIER
    asked: list[str] = field(default_factory=list)
    flagged: bool = False
    pictures: int = 0
    vector: Sequence[float] | None = None

    async def classify(
        self,
        prompt: str,
        rules: RuleSet,
        history: Sequence[ChatMessage],
        meter: Meter | None = None,
        *,
        flagged: bool = False,
        pictures: int = 0,
        vector: Sequence[float] | None = None,
    ) -> ClassifierResult:
        self.asked.append(prompt)
        self.flagged, self.pictures, self.vector = flagged, pictures, vector
        rule = rules.rule(self.rule)
        assert rule is not None
        model = rules.model(rule.model) if rule.model else None
        decision = Decision(
            action=rule.action,
            source=self.source,
            provider=model.provider if model else None,
            model=model.name if model else None,
            rule=rule.name,
            reason="because",
            ruleset=rules.version,
            self_contained=self.self_contained,
            impersonal=self.impersonal,
            stays_true=self.stays_true,
            standalone=self.standalone,
        )
        asked = attempt(operation="classify")
        if meter:
            meter(asked)
        return ClassifierResult(decision, (asked,))


@dataclass
class FakeChat:
    """Says ``events``, then raises ``error``; with none, that every candidate failed. ``gate`` holds it
    before its end."""

    events: Sequence[GenerationEvent] | None = None
    error: AssistantError | None = None
    gate: asyncio.Event | None = None
    messages: tuple[ChatMessage, ...] = ()
    candidates: tuple[ModelRef, ...] = ()
    shortens: bool = True
    closed: bool = False
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    async def stream(
        self,
        candidates: Sequence[ModelRef],
        messages: Sequence[ChatMessage],
        meter: Meter,
        options: ChatOptions | None = None,
        *,
        shortens: bool = True,
    ) -> AsyncGenerator[GenerationEvent, None]:
        self.messages, self.candidates = tuple(messages), tuple(candidates)
        self.shortens = shortens
        try:
            if self.events is not None and not self.events:
                raise NoProviderAvailable(())
            for event in self._script():
                if isinstance(event, Completed):
                    if self.gate:
                        self.waiting.set()
                        await self.gate.wait()
                    meter(attempt(event.model))
                yield event
            if self.error:
                raise self.error
        finally:
            self.closed = True

    def _script(self) -> Sequence[GenerationEvent]:
        model = self.candidates[0]
        spoken = (AnsweringModel(model), TextDelta("Because "), TextDelta("light scatters."))
        return self.events or (*spoken, Completed(model, "stop", Usage(3, 5)))


@dataclass
class FakeImageTool:
    async def draw(
        self, turn: Turn, candidates: Sequence[ModelRef], meter: Meter
    ) -> tuple[Picture, ModelRef]:
        meter(attempt(candidates[0], operation="image"))
        return Picture("http://x/1", turn.prompt, 4, 4, None), candidates[0]


@dataclass
class FakeTracer:
    traces: list[TraceRecord] = field(default_factory=list)

    def record(self, trace: TraceRecord) -> None:
        self.traces.append(trace)

    def score(self, trace_id: str, *, message: UUID, verdict: str | None, comment: str) -> None:
        raise AssertionError("no feedback here")


def ports(**replaced: object) -> Ports:
    """All fakes, but for those given."""
    values: dict[str, object] = {
        "rules": FakeRules(),
        "guard": FakeGuard(),
        "memory": FakeMemory(),
        "embedder": FakeEmbedder(),
        "cache": FakeCache(),
        "classifier": FakeClassifier(),
        "chat": FakeChat(),
        "image_tool": FakeImageTool(),
        "system_prompt": "Be brief.",
        **replaced,
    }
    return Ports(**values)  # type: ignore[arg-type]


@dataclass
class FakeSideCalls:
    """Keeps what would be booked: purpose, rule and calls."""

    kept: list[tuple[str, str, list[Attempt]]] = field(default_factory=list)
    refusal: AssistantError | None = None
    estimator: Estimator = field(
        default_factory=lambda: Estimator(lambda _, usage: usage, output_tokens=1, memory_tokens=0)
    )

    @asynccontextmanager
    async def booked(
        self, purpose: str, *_: PaidCall, rule: str = ""
    ) -> AsyncIterator[list[Attempt]]:
        if self.refusal:
            raise self.refusal
        calls: list[Attempt] = []
        yield calls
        self.kept.append((purpose, rule, calls))
