"""A provider's client that plays scripts, and the answer that failover makes of it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from decimal import Decimal

from routing.domain.errors import ProviderError
from routing.domain.llm import (
    Attempt,
    ChatMessage,
    ChatOptions,
    GenerationEvent,
    RawChunk,
    TextDelta,
    Usage,
)
from routing.domain.rules import ModelRef
from routing.llm.failover.candidates import Failover, RetryBudget
from routing.llm.failover.chat import FailoverChat
from routing.llm.failover.circuits import Circuits, LocalCircuits
from routing.llm.failover.policy import FailoverPolicy

ASK = (ChatMessage("user", "Tell me about zebrafish."),)
END = RawChunk(finish_reason="stop", usage=Usage(10, 20, Decimal("0.5")))
HOLD = None
"""A step of a script: wait for ever. An event is waited for."""

Script = Sequence[RawChunk | ProviderError | asyncio.Event | None]


def says(*texts: str) -> Script:
    """A whole answer."""
    return [*map(RawChunk, texts), END]


@dataclass
class Player:
    """Plays a script a call, by model: the last one again and again. ``begun`` is set when a model is
    asked, ``after`` when its call is over."""

    scripts: dict[str, list[Script]]
    asked: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    prompts: list[tuple[ChatMessage, ...]] = field(default_factory=list)
    begun: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    after: dict[str, asyncio.Event] = field(default_factory=dict)

    async def stream(
        self, model: ModelRef, messages: Sequence[ChatMessage], options: ChatOptions | None = None
    ) -> AsyncGenerator[RawChunk, None]:
        self.asked.append(model.name)
        self.begun[model.name].set()
        self.prompts.append(tuple(messages))
        scripts = self.scripts[model.name]
        script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        try:
            for step in script:
                if isinstance(step, ProviderError):
                    raise step
                if isinstance(step, RawChunk):
                    yield step
                else:
                    await (step or asyncio.Event()).wait()
        finally:
            self.closed.append(model.name)
            if model.name in self.after:
                self.after[model.name].set()

    def abilities(self, model: ModelRef) -> frozenset[str]:
        return frozenset()

    def unsupported(
        self, model: ModelRef, options: ChatOptions, messages: Sequence[ChatMessage] = ()
    ) -> str | None:
        return None

    def priced(self, model: ModelRef, usage: Usage) -> Usage:
        return replace(usage, cost_usd=Decimal("0.1"))


@dataclass
class Played:
    """What came of an answer, and every wait that was made for it."""

    events: list[GenerationEvent] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(attempt.model, attempt.outcome) for attempt in self.attempts]


async def play(
    player: Player,
    *candidates: ModelRef,
    policy: FailoverPolicy | None = None,
    budget: RetryBudget | None = None,
    circuits: Circuits | None = None,
    continues: Callable[[ModelRef], bool] = lambda _: False,
    messages: tuple[ChatMessage, ...] = ASK,
    options: ChatOptions | None = None,
) -> Played:
    """The answer, with half of every jitter; its error is kept."""
    played = Played()

    async def sleep(seconds: float) -> None:
        played.waits.append(seconds)

    shared = Failover(
        policy or FailoverPolicy(retries=1),
        budget or RetryBudget(),
        circuits or LocalCircuits(),
        jitter=lambda: 0.5,
        sleep=sleep,
    )
    chat = FailoverChat(player, shared, continues=continues)
    try:
        stream = chat.stream(candidates, messages, played.attempts.append, options)
        async with aclosing(stream) as events:
            async for event in events:
                played.events.append(event)
    except Exception as error:  # noqa: BLE001 - looked at by the test
        played.error = error
    return played
