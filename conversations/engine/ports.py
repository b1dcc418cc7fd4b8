"""What the engine needs from the outside world, as Protocols. Adapters implement them; unit
tests fake them. Every method raises from the tree in ``routing.domain.errors`` and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from conversations.engine.events import Event
from conversations.engine.types import (
    Answer,
    CachedAnswer,
    Picture,
    Record,
    Shadowed,
    TraceRecord,
    Turn,
)
from routing.domain.guard import GuardReport
from routing.domain.llm import Attempt, ChatMessage, ClassifierResult, GenerationEvent
from routing.domain.release import Release
from routing.domain.rules import ModelRef, RuleSet

Vector = Sequence[float]
Considered = Callable[[Mapping[str, Any]], None]
"""Hears of a candidate: JSON-ready, without anybody's words."""
Meter = Callable[[Attempt], None]
"""Hears of a call to a model as it ends."""


class Rules(Protocol):
    """The published rules."""

    async def current(self) -> Release:
        """The release in force now. Raises ``RulesUnavailable``."""
        ...


class Guard(Protocol):
    """Looks at a prompt before any provider does."""

    async def check(self, prompt: str) -> GuardReport:
        """Never raises: a guard that cannot decide says ``flag``."""
        ...


class Memory(Protocol):
    """A conversation's recent messages."""

    async def recall(self, conversation: UUID) -> tuple[ChatMessage, ...]:
        """Oldest first, whole exchanges, within the token budget. Raises ``MemoryUnavailable``."""
        ...

    async def remember(self, conversation: UUID, exchange: Sequence[ChatMessage]) -> None:
        """Append one exchange (the prompt, then the answer) to what its turn has recalled; without that
        there is nothing to append to. Raises ``MemoryUnavailable``."""
        ...


class Embedder(Protocol):
    """Text to vectors; unit length, so that a dot product is the cosine."""

    @property
    def name(self) -> str:
        """Model name, safe for an index name."""
        ...

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        ...

    async def embed(self, text: str) -> Vector:
        """One vector. Raises ``EmbedderUnavailable``."""
        ...


class AnswerCache(Protocol):
    """Earlier answers, found again by the question's text or meaning."""

    async def lookup_exact(self, turn: Turn, rules: RuleSet) -> CachedAnswer | None:
        """The stored answer to this very question (normalized text). Raises ``CacheUnavailable``."""
        ...

    async def lookup_similar(
        self, turn: Turn, rules: RuleSet, vector: Vector, told: Considered, meter: Meter
    ) -> CachedAnswer | None:
        """The best stored answer that serves this question too; none under ``rules.min_similarity``.
        ``told`` hears of each candidate and what was thought of it, ``meter`` of a call to a model that
        was asked about one. Raises ``CacheUnavailable``."""
        ...

    async def store(self, turn: Turn, rules: RuleSet, vector: Vector, answer: Answer) -> UUID:
        """Keep an answer, and return the id of its entry. Raises ``CacheUnavailable``."""
        ...

    async def sign(self, entry: UUID, content: str) -> None:
        """Add the signature of its answer, ``content``, to a stored entry. This embeds the text, which
        takes longer than the rest of ``store``. Raises ``CacheUnavailable``."""
        ...


@dataclass(frozen=True, slots=True)
class Leader:
    """The run that asks a question which others ask too: its message, whose it is, and where its
    claim lies."""

    message: UUID
    user: int
    claim: str


class Flights(Protocol):
    """Knows who is asking which question just now, on all workers. Every method raises
    ``CacheUnavailable``."""

    async def board(self, turn: Turn, rules: RuleSet) -> Leader | None:
        """Who asks this turn's question already; ``None`` when this turn leads from now on."""
        ...

    async def take_over(self, turn: Turn, rules: RuleSet, lost: Leader) -> Leader | None:
        """Lead in the place of ``lost`` (``None``), unless another one does by now: that one."""
        ...

    def follow(self, leader: Leader) -> AsyncGenerator[Event, None]:
        """The leader's events from the first on, to its terminal one, or until it is gone. Close it
        with ``contextlib.aclosing``."""
        ...

    def entry(self, leader: Leader, *, shared: bool) -> UUID:
        """The id under which the leader's answer will be kept."""
        ...

    async def land(self, turn: Turn) -> None:
        """Lead no more: the answer is kept, or there is none to keep. Again changes nothing."""
        ...


class Classifier(Protocol):
    """Chooses a rule for a prompt."""

    async def classify(
        self,
        prompt: str,
        rules: RuleSet,
        history: Sequence[ChatMessage],
        meter: Callable[[Attempt], None],
    ) -> ClassifierResult:
        """``meter`` hears of every attempt, a cancelled one too. Never raises a ``ProviderError``: where no classifier can be reached or understood,
        the published default decides and ``decision.source`` says so."""
        ...


class Chat(Protocol):
    """Asks the candidates in order until one answers whole."""

    def stream(
        self,
        candidates: Sequence[ModelRef],
        messages: Sequence[ChatMessage],
        meter: Callable[[Attempt], None],
    ) -> AsyncGenerator[GenerationEvent, None]:
        """Yield ``AnsweringModel`` before each model's first ``TextDelta``, ``Switched`` between
        candidates, ``Completed`` last. ``meter`` hears of every attempt as it ends, a cancelled
        one too. Raises ``NoProviderAvailable``. Close it with ``contextlib.aclosing``.
        """
        ...


class Painter(Protocol):
    """Draws, and keeps what it drew."""

    async def draw(
        self, turn: Turn, candidates: Sequence[ModelRef], meter: Callable[[Attempt], None]
    ) -> tuple[Picture, ModelRef]:
        """Draw the turn's prompt and store the picture for its owner. Raises
        ``NoProviderAvailable``."""
        ...


Deferred = Callable[[], Awaitable[None]]
"""Work that nobody waits for. It raises nothing but bugs."""


class Sink(Protocol):
    """Where a turn's events and records go. No call waits, none raises."""

    def emit(self, event: Event) -> None:
        """Tell the listeners."""
        ...

    def note(self, record: Record) -> None:
        """Keep for the trace, the meter and the message."""
        ...

    def defer(self, work: Deferred) -> None:
        """Do this while the answer is stored. Its listeners need not wait for it."""
        ...

    def follow_up(self, work: Deferred) -> None:
        """Do this after the listeners were told of the end."""
        ...


class Tracer(Protocol):
    """Sends finished turns to the tracing backend, in the background."""

    def record(self, trace: TraceRecord) -> None:
        """Queue a finished turn. Never waits, never raises."""
        ...

    def score(self, trace_id: str, *, message: UUID, verdict: str | None, comment: str) -> None:
        """Queue a person's feedback on a trace; ``verdict`` ``None`` takes it back."""
        ...


class Shadow(Protocol):
    """Asks versions in shadow, in the background."""

    def decide(self, turn: Turn, shadowed: Shadowed) -> None:
        """Have it decided and kept. Never waits, never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything a node may touch, composed once in ``conversations.bootstrap``."""

    rules: Rules
    guard: Guard
    memory: Memory
    embedder: Embedder
    cache: AnswerCache
    classifier: Classifier
    chat: Chat
    painter: Painter
    system_prompt: str = ""
    flights: Flights | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """A run's surroundings: the shared ports and this run's own sink."""

    ports: Ports
    sink: Sink
