"""What a turn is, what comes out of it, and what is recorded on the way. Pure and frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from routing.domain.actions import Action
from routing.domain.guard import GuardReport
from routing.domain.llm import Attempt, ChatMessage, Usage
from routing.domain.release import Release
from routing.domain.rules import Decision, ModelRef, RuleSet

CacheOutcome = Literal["exact", "semantic", "miss", "bypass"]
StepKind = Literal["span", "guardrail", "retriever", "tool", "generation", "embedding"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One prompt and where it belongs.

    ``origin`` is the site's scheme and host, for the URLs in the answer. ``user`` is the primary
    key of the person who asks. ``first`` says that nothing was said in the conversation before.
    ``release`` holds the rules in force when it was let in, if they were at hand: it is answered by
    the same.
    ``begun`` is when the answer was stored as begun; ``None`` when it was not.
    """

    user: int
    conversation: UUID
    message: UUID
    user_message: UUID
    prompt: str
    first: bool
    trace_id: str
    requested_model: str | None = None
    origin: str = ""
    request_id: str = ""
    release: Release | None = None
    begun: datetime | None = None


@dataclass(frozen=True, slots=True)
class CacheFacts:
    """The contract's ``cache`` object. ``similarity`` is cosine in [-1, 1]; ``entry`` an id."""

    outcome: CacheOutcome = "bypass"
    similarity: float | None = None
    entry: UUID | None = None


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """A stored answer that may be served again: facts for the wire, text, and who wrote it."""

    facts: CacheFacts
    content: str
    provider: str | None
    model: str | None
    rule: str | None
    ruleset: int | None


@dataclass(frozen=True, slots=True)
class Picture:
    """A stored picture. ``url`` is absolute; sizes are in pixels."""

    url: str
    alt: str
    width: int
    height: int
    revised_prompt: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole outcome of a turn that did not fail."""

    content: str
    decision: Decision
    guard: GuardReport
    cache: CacheFacts = field(default_factory=CacheFacts)
    image: Picture | None = None
    usage: Usage = field(default_factory=Usage)
    finish_reason: str = "stop"

    @property
    def refused(self) -> bool:
        """Whether nobody answered and the person was asked to reformulate."""
        return self.decision.action is Action.REFUSE


@dataclass(frozen=True, slots=True)
class Step:
    """One node's work, for the trace. Times are Unix nanoseconds."""

    name: str
    kind: StepKind
    started_ns: int
    ended_ns: int
    input: Any = None
    output: Any = None
    error: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Degraded:
    """A part that did not answer and was done without: ``code`` of the error, in words ``detail``."""

    part: str
    detail: str


@dataclass(frozen=True, slots=True)
class Shadowed:
    """What a version in shadow shall be asked once the answer is given: the same prompt after the same
    history. ``decision`` is what was decided in its place."""

    rules: RuleSet
    history: tuple[ChatMessage, ...]
    decision: Decision


Record = Step | Attempt | Degraded | Shadowed


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """All that is told to the tracer, once, when the turn is over.

    ``status`` is the message's; ``prompt`` and ``content`` the person's words and the answer's.
    """

    turn: Turn
    started_ns: int
    ended_ns: int
    status: str
    content: str
    steps: tuple[Step, ...]
    decision: Decision | None = None
    guard: GuardReport | None = None
    cache: CacheFacts = field(default_factory=CacheFacts)
    usage: Usage = field(default_factory=Usage)
    error: str = ""
    degraded: tuple[Degraded, ...] = ()
    answered_by: ModelRef | None = None
