"""Engine types: a turn, its answer, the graph's state, and the records for the trace. Pure and frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypedDict
from uuid import UUID

from routing.domain.guard import GuardReport
from routing.domain.llm import Attempt, ChatMessage, ChatOptions, ThinkingBlock, Usage
from routing.domain.release import Release
from routing.domain.rules import Decision, RuleSet
from routing.domain.vectors import VectorOpinion

CacheOutcome = Literal["exact", "semantic", "miss", "bypass"]
StepKind = Literal["span", "guardrail", "retriever", "tool", "generation", "embedding"]
Vector = Sequence[float]


@dataclass(frozen=True, slots=True)
class HelperPrompt:
    """A prompt that a front end has made beside a chat, for a title for instance (``purpose``).

    ``history`` is the part that people and models have written, ``template`` the front end's own.
    """

    purpose: str
    history: str
    template: str


@dataclass(frozen=True, slots=True)
class CallerChat:
    """A whole chat that the caller sends with its request.

    ``messages`` are all of them, with the prompt among them, in the caller's order; they have the place
    of the memory. ``options`` go to the model. ``plain``: text alone, with nothing that changes how
    a model answers, so that a stored answer may serve it. ``context`` is the digest of all messages beside
    the prompt, empty without any; ``end_user`` the caller's name of its own user, where that is trusted.
    ``results`` are the ids of the tool calls whose results are the chat's end.
    ``streams``: the caller reads the answer as it is made, and can not be told to discard text.
    ``kept``: a conversation keeps the exchange, as it keeps the turns of its own; else nothing is kept.
    ``reused``: the answer may be stored for equal questions.
    ``shortens``: its oldest messages may be left out where a model has no room for all.
    ``helper`` is there where the prompt is a front end's.
    """

    messages: tuple[ChatMessage, ...]
    options: ChatOptions
    plain: bool
    context: str = ""
    end_user: str = ""
    results: tuple[str, ...] = ()
    kept: bool = False
    streams: bool = False
    reused: bool = True
    shortens: bool = False
    helper: HelperPrompt | None = None

    @property
    def needs_text(self) -> bool:
        """Whether a drawn picture would be no answer: tools or JSON are asked for, or there is more than
        text to read."""
        given = self.options.keys() & {"tools", "response_format", "logprobs"}
        return bool(given) or any(message.form for message in self.messages)

    @property
    def pictures(self) -> int:
        """How many pictures came with the prompt."""
        return len(self.addresses)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of the pictures that came with the prompt."""
        form = self.messages[-1].form if self.messages else None
        content = form.get("content") if form else None
        parts = content if isinstance(content, list) else ()
        return tuple(part["image_url"]["url"] for part in parts if part.get("type") == "image_url")


Notes = tuple[tuple[str, str], ...]
"""Names and texts."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One prompt and its place.

    ``origin`` is the site's scheme and host, for the URLs in the answer. ``user`` is the primary
    key of the user. ``first``: the conversation had no messages before. ``release`` holds the rules
    in force at admission, if they were at hand: the turn is answered by the same. ``begun`` is the
    time at which the empty answer was stored; ``None`` when it was not. ``chat`` is there for a turn
    whose caller sends all messages; it is a ``first`` one, for there is nothing to recall. ``fresh``: the
    same prompt is answered again, so no stored answer will do. ``session`` is the client's own name of the
    chat, ``notes`` its notes on the request, both for the trace alone. ``key`` and ``end_user`` are the API key of the request and the key's own end
    user: the ledger books for them. ``cheaper``: a limit has this model answer instead of the decided one.
    ``language`` is that in which the service itself speaks, its code.
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
    chat: CallerChat | None = None
    fresh: bool = False
    session: str = ""
    notes: Notes = ()
    key: UUID | None = None
    end_user: str = ""
    cheaper: str = ""
    language: str = "en"

    @property
    def kept(self) -> bool:
        """Whether a conversation keeps the turn."""
        return self.chat is None or self.chat.kept

    @property
    def opens(self) -> bool:
        """Whether the prompt follows on no other one and brings no picture, so that it is judged by its own
        words."""
        spoken = self.chat.messages if self.chat else ()
        pictured = self.chat is not None and self.chat.pictures > 0
        return (
            self.first and not pictured and sum(message.role != "system" for message in spoken) <= 1
        )


@dataclass(frozen=True, slots=True)
class CacheFacts:
    """The API's ``cache`` object. ``similarity`` is cosine in [-1, 1]; ``entry`` an id. ``usage`` is that of
    the first time, for a stored answer that is served again."""

    outcome: CacheOutcome = "bypass"
    similarity: float | None = None
    entry: UUID | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """A stored answer that may be served again; ``provider`` and ``model`` wrote it."""

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
    """The whole outcome of a turn that did not fail. ``thinking`` are the blocks that its provider wants back."""

    content: str
    decision: Decision
    guard: GuardReport
    cache: CacheFacts = field(default_factory=CacheFacts)
    image: Picture | None = None
    usage: Usage = field(default_factory=Usage)
    finish_reason: str = "stop"
    thinking: tuple[ThinkingBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class CallOrigin:
    """Model and rule of the answer that called a tool."""

    model: str
    rule: str | None


@dataclass(frozen=True, slots=True)
class Leader:
    """The run that leads a single flight: its message and user, and the Redis key of its claim."""

    message: UUID
    user: int
    claim: str


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer that the cache keeps as ``entry``: its ``content``, and the parts that it was stored with."""

    turn: Turn
    rules: RuleSet
    vector: Vector
    entry: UUID
    content: str


@dataclass(frozen=True, slots=True)
class AuditCase:
    """A decision that earlier verdicts made, or would have made (``opinion``), and the one in force. ``calls``
    are those to classifiers, none where the verdicts decided."""

    turn: Turn
    rules: RuleSet
    vector: Vector
    opinion: VectorOpinion
    decision: Decision
    calls: tuple[Attempt, ...] = ()


class State(TypedDict, total=False):
    """The graph's state, growing from node to node; ``initial_state`` sets the first keys.

    ``decision_sent``: the listeners got a ``Decided`` already. ``cacheable`` is false for an answer
    that was started over, continued, or made with less than the whole conversation.
    """

    turn: Turn
    rules: RuleSet
    guard: GuardReport
    history: tuple[ChatMessage, ...]
    vector: Vector | None
    opinion: VectorOpinion | None
    hit: CachedAnswer | None
    cache: CacheFacts
    decision: Decision
    answer: Answer
    cacheable: bool
    decision_sent: bool


Update = dict[str, Any]
"""The keys of ``State`` that a node has set."""


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
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Degraded:
    """A dependency that did not answer and was done without: ``part`` of the error, ``detail`` in words."""

    part: str
    detail: str


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A request to the version in shadow, for after the answer: the same prompt after the same history.
    ``decision`` is the effective one."""

    rules: RuleSet
    history: tuple[ChatMessage, ...]
    decision: Decision
    vector: Vector | None = None


@dataclass(frozen=True, slots=True)
class Speculated:
    """The end of a call ahead of the decision. ``saved_ms``: by how much a confirmed one brought the first token
    earlier."""

    confirmed: bool
    saved_ms: int = 0


Record = Step | Attempt | Degraded | Shadowed | Speculated


@dataclass(frozen=True, slots=True)
class TraceRecord:
    """A finished turn for the tracer. ``status`` is the message's, ``content`` the answer's text."""

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
