"""Ports: the engine's needs from the outside world, as Protocols; adapters implement them, tests fake
them. Every method raises from the tree in ``routing.domain.errors`` and nothing else.

``Guard`` and ``Classifier`` are defined in ``routing.domain.decide``, ``Embedder`` in
``routing.embeddings.port``, beside the code that shares them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from conversations.engine.events import Event
from conversations.engine.moderation import Moderation
from conversations.engine.speculation import Speculation
from conversations.engine.types import (
    Answer,
    AuditCase,
    CachedAnswer,
    CallOrigin,
    Leader,
    Picture,
    Record,
    Shadowed,
    StoredAnswer,
    TraceRecord,
    Turn,
    Vector,
)
from routing.common.translatable import Translate
from routing.domain.decide import Classifier, Guard, PromptFlag
from routing.domain.llm import ChatMessage, ChatOptions, GenerationEvent, ImageOptions, Meter
from routing.domain.moderation import ModerationReport, ModerationTerms
from routing.domain.release import Release
from routing.domain.rules import Decision, ModelRef, RuleSet
from routing.domain.vectors import VectorOpinion
from routing.embeddings.port import Embedder

OnCandidate = Callable[[Mapping[str, Any]], None]
"""Called with each candidate of a lookup: JSON-ready, without any user's words."""
DeferredWork = Callable[[], Awaitable[None]]
"""Work for after the answer's last token. It raises nothing but bugs."""


class Rules(Protocol):
    """The published rules."""

    async def current(self) -> Release:
        """The release in force now, whole. Raises ``RulesUnavailable``."""
        ...

    async def for_person(self, user: int) -> Release:
        """The same, with no more than the person may use: for all that answers. Raises
        ``RulesUnavailable``."""
        ...


class Memory(Protocol):
    """A conversation's recent messages."""

    async def recall(self, conversation: UUID) -> tuple[ChatMessage, ...]:
        """Oldest first, whole exchanges, within the token budget. Raises ``MemoryUnavailable``."""
        ...

    async def remember(self, conversation: UUID, exchange: Sequence[ChatMessage]) -> None:
        """Append one exchange (the prompt, then the answer) to the recalled messages; does nothing if
        the turn recalled none. Raises ``MemoryUnavailable``."""
        ...


class CallOrigins(Protocol):
    """Decisions of answers that called tools, for a day. Every method raises ``MemoryUnavailable``."""

    async def remember(self, user: int, calls: Sequence[str], decision: Decision) -> None:
        """Keep model and rule of the answer that made these calls, by their ids."""
        ...

    async def recall(self, user: int, calls: Sequence[str]) -> CallOrigin | None:
        """Model and rule behind one of these calls; ``None`` where none is known."""
        ...


class AnswerCache(Protocol):
    """Earlier answers, by the question's text or meaning. Every method raises ``CacheUnavailable``."""

    async def lookup_exact(self, turn: Turn, rules: RuleSet) -> CachedAnswer | None:
        """The stored answer to this very question (normalized text)."""
        ...

    async def lookup_similar(
        self, turn: Turn, rules: RuleSet, vector: Vector, on_candidate: OnCandidate, meter: Meter
    ) -> CachedAnswer | None:
        """The best stored answer that serves this question too; none under ``rules.min_similarity``.
        ``on_candidate`` gets each candidate and its verdict, ``meter`` each call to a judging model."""
        ...

    async def store(self, turn: Turn, rules: RuleSet, vector: Vector, answer: Answer) -> UUID:
        """Keep an answer, and return the id of its entry."""
        ...

    async def sign(self, entry: UUID, content: str) -> None:
        """Add the signature of its answer, ``content``, to a stored entry. This embeds the text, which
        takes longer than the rest of ``store``."""
        ...


class AnswerLinks(Protocol):
    """Finds out in the background which stored answers say the same."""

    def settle(self, stored: StoredAnswer) -> None:
        """Compare a stored answer with those near it. Returns at once."""
        ...


class DecisionVectors(Protocol):
    """The classifier's earlier verdicts, by their questions' meaning. Every method raises
    ``CacheUnavailable``."""

    async def opinion(self, prompt: str, rules: RuleSet, vector: Vector) -> VectorOpinion | None:
        """The opinion of those on similar questions; ``None`` without one."""
        ...

    async def keep(self, turn: Turn, rules: RuleSet, vector: Vector, decision: Decision) -> None:
        """Keep a verdict of the first classifier, where the embedder can read its question."""
        ...


class VectorAudits(Protocol):
    """Compares decisions of earlier verdicts with the classifier's, in the background."""

    def settle(self, case: AuditCase) -> None:
        """Take a decision that earlier verdicts made or would have made. Never waits, never raises."""
        ...


class SingleFlight(Protocol):
    """Claims on questions, over all workers: one run answers a question, the others follow it. Every
    method raises ``CacheUnavailable``."""

    async def claim(self, turn: Turn, rules: RuleSet) -> Leader | None:
        """Claim the turn's question; the leader if another run has claimed it, ``None`` on success."""
        ...

    async def take_over(self, turn: Turn, rules: RuleSet, lost: Leader) -> Leader | None:
        """Claim the question in the place of ``lost``; the new leader if another run was quicker."""
        ...

    def follow(self, leader: Leader) -> AsyncGenerator[Event, None]:
        """The leader's events from the first on, to its terminal one, or until it is gone. Close it
        with ``contextlib.aclosing``."""
        ...

    def entry(self, leader: Leader, *, shared: bool) -> UUID:
        """The id under which the leader's answer will be kept."""
        ...

    async def release(self, turn: Turn) -> None:
        """Give the claim up: the answer is kept, or there is none to keep. Idempotent."""
        ...


class Chat(Protocol):
    """Asks the candidates in order until one answers whole."""

    def stream(
        self,
        candidates: Sequence[ModelRef],
        messages: Sequence[ChatMessage],
        meter: Meter,
        options: ChatOptions | None = None,
        *,
        shortens: bool = True,
    ) -> AsyncGenerator[GenerationEvent, None]:
        """Yield ``AnsweringModel`` before each model's first ``TextDelta``, ``Switched`` between
        candidates, ``Completed`` last. ``meter`` gets every attempt as it ends, a cancelled one
        too. ``shortens``: the oldest messages may be left out where a model has no room for all. Raises ``NoProviderAvailable`` and ``OptionUnsupported``. Close it with
        ``contextlib.aclosing``.
        """
        ...


class ImageTool(Protocol):
    """Draws pictures and stores them."""

    async def draw(
        self, turn: Turn, candidates: Sequence[ModelRef], meter: Meter
    ) -> tuple[Picture, ModelRef]:
        """Draw the turn's prompt and store the picture for its owner. Raises
        ``NoProviderAvailable``."""
        ...

    async def draw_all(
        self,
        turn: Turn,
        candidates: Sequence[ModelRef],
        meter: Meter,
        count: int,
        options: ImageOptions,
    ) -> tuple[Sequence[Picture], ModelRef]:
        """The same, ``count`` times, and the model of the first. Raises ``NoProviderAvailable``."""
        ...


class Sink(Protocol):
    """Receiver of a turn's events and records. No call waits, none raises."""

    def emit(self, event: Event) -> None:
        """Send an event to the listeners."""
        ...

    def note(self, record: Record) -> None:
        """Keep a record for the trace, the metrics and the message."""
        ...

    def defer(self, work: DeferredWork) -> None:
        """Do this while the answer is stored. Its listeners need not wait for it."""
        ...

    def follow_up(self, work: DeferredWork) -> None:
        """Do this after the listeners got the terminal event."""
        ...


class Tracer(Protocol):
    """Sends finished turns to the tracing backend, in the background."""

    def record(self, trace: TraceRecord) -> None:
        """Queue a finished turn. Never waits, never raises."""
        ...

    def score(self, trace_id: str, *, message: UUID, verdict: str | None, comment: str) -> None:
        """Queue a user's feedback on a trace; ``verdict`` ``None`` takes it back."""
        ...


class Shadow(Protocol):
    """Asks versions in shadow, in the background."""

    def decide(self, turn: Turn, shadowed: Shadowed) -> None:
        """Queue the turn for a decision without effect. Never waits, never raises."""
        ...


class Speculator(Protocol):
    """Guesses decisions, so that a model may be asked ahead."""

    def allows(self, rules: RuleSet) -> bool:
        """Whether any model may be asked ahead now."""
        ...

    async def guess(
        self, turn: Turn, rules: RuleSet, vector: Vector | None, opinion: VectorOpinion | None
    ) -> Decision | None:
        """The likeliest decision of the classifier; ``None`` where none is likely enough, or near a rule that
        refuses. Never raises."""
        ...

    def learn(self, rules: RuleSet, decision: Decision) -> None:
        """Take note of a decision of the classifier."""
        ...


class OutputWatch(Protocol):
    """Streaming filter of one answer's text."""

    @property
    def found(self) -> tuple[str, ...]:
        """The kinds of the findings so far: ``system_prompt``, ``secret``, ``address``."""
        ...

    @property
    def removed(self) -> tuple[str, ...]:
        """Those of them that were cut out of the text."""
        ...

    def feed(self, text: str) -> str:
        """The text that may be passed on now; the rest is held back until it is clear."""
        ...

    def flush(self) -> str:
        """The text that was held back, at the end of the answer."""
        ...


class OutputGuard(Protocol):
    """Looks at answers of models."""

    def watch(self, known: Sequence[str], protected: str) -> OutputWatch:
        """For one answer: the texts of its conversation, the newest last, and the system prompt."""
        ...

    def watch_call(self, known: Sequence[str], protected: str) -> OutputWatch:
        """The same for the arguments of one tool call."""
        ...


class Moderator(Protocol):
    """A provider that tells harmful texts and pictures."""

    @property
    def terms(self) -> ModerationTerms:
        """The effect of its word."""
        ...

    async def look(self, text: str, pictures: Sequence[str], meter: Meter) -> ModerationReport:
        """The word on a text and the pictures that came with it, by their addresses, within a time limit.
        A provider that is away is told in the report. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything that a node may touch, composed once in ``conversations.bootstrap``."""

    rules: Rules
    guard: Guard
    memory: Memory
    embedder: Embedder
    cache: AnswerCache
    classifier: Classifier
    chat: Chat
    image_tool: ImageTool
    system_prompt: str = ""
    shows_thoughts: bool = True
    single_flight: SingleFlight | None = None
    tool_calls: CallOrigins | None = None
    flag: PromptFlag | None = None
    output: OutputGuard | None = None
    moderator: Moderator | None = None
    answer_moderator: Moderator | None = None
    vectors: DecisionVectors | None = None
    vector_audits: VectorAudits | None = None
    links: AnswerLinks | None = None
    speculator: Speculator | None = None
    translate: Translate = str


@dataclass(frozen=True, slots=True)
class Context:
    """A run's surroundings: the shared ports, this run's own sink, its call ahead of the decision, and a
    provider's word on its prompt, where one is asked."""

    ports: Ports
    sink: Sink
    speculation: Speculation = field(default_factory=Speculation)
    moderation: Moderation | None = None
