"""Types of the LLM layer: messages in, raw answers and events out, usage with its price, and ports.

Pure: standard library only.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal, Protocol

from routing.domain.errors import ErrorKind
from routing.domain.moderation import ModerationResult
from routing.domain.rules import Decision, ModelRef

_BYTES_PER_TOKEN = 4
_MILLION = Decimal(1_000_000)
_SMALLEST = Decimal("1e-8")
"""The precision of costs, in all tables and the ledger."""
DEAREST_CALL = Decimal(100_000)
"""US dollars; more is no cost of a call."""

ChatOptions = Mapping[str, Any]
"""Parameters of a chat beside its messages, by OpenAI's names: ``temperature``, ``stop``, …"""
ListPrice = tuple[Decimal, Decimal]
"""US dollars for the input and the output of one call."""
ImageOptions = Mapping[str, str]
"""Parameters of a picture by OpenAI's names: ``size`` (``1024x1536``) and ``quality``."""
EmbeddingInputs = Sequence[str] | Sequence[Sequence[int]]
"""Texts, or lists of the model's own token ids; never empty."""
Operation = Literal[
    "chat", "classify", "image", "embedding", "judge", "link", "speculate", "moderation"
]
BESIDE: Collection[Operation] = frozenset({"classify", "judge", "link", "speculate", "moderation"})
"""Operations that are no part of the answer itself."""


@dataclass(frozen=True, slots=True)
class ThinkingBlock:
    """A thought of an answer that its provider has signed or sealed, and wants back unchanged.

    ``provider`` is LiteLLM's name of it: no other can read the block, which is in Anthropic's form. ``at`` are
    the characters of the answer's text before it, in a chunk those of the chunk's.
    """

    provider: str
    block: Mapping[str, str]
    at: int = 0


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a chat, as both providers name its parts.

    ``form`` is the whole message in OpenAI's form, where it has more than a text: pictures and files,
    tool calls, the result of a tool, marks for the provider's cache. ``content`` is its text all the
    same. ``thinking`` are the blocks of an earlier answer, in their order, for the provider that made them.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    form: Mapping[str, Any] | None = None
    thinking: tuple[ThinkingBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one attempt, or of all attempts of an answer together, and their price in US dollars.

    ``cost_usd`` is ``None`` when no price is known; ``unpriced`` counts the attempts of which that is so.
    ``estimated`` marks our own counts, made where the provider sent none (a stopped or broken stream).
    ``cached_tokens`` are a part of the input, ``reasoning_tokens`` a part of the output.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal | None = None
    estimated: bool = False
    unpriced: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        costs = [usage.cost_usd for usage in (self, other) if usage.cost_usd is not None]
        unpriced = self.unpriced + other.unpriced
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            # What is known of it is not its cost.
            cost_usd=sum(costs, Decimal(0)) if costs and not unpriced else None,
            estimated=self.estimated or other.estimated,
            unpriced=unpriced,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
        )

    def at(self, cost_usd: Decimal | None) -> Usage:
        """The same tokens of one attempt, at this cost; ``None`` where it is not known."""
        return replace(self, cost_usd=cost_usd, unpriced=int(cost_usd is None))


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call that the model wants the caller to make.

    ``index`` is the call's place among the calls of the answer, from 0. ``call_id`` and ``name`` are in its
    first piece only; ``arguments`` is the next piece of a JSON text, of a ``custom`` tool any text.
    """

    index: int
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    custom: bool = False


@dataclass(frozen=True, slots=True)
class RawChunk:
    """One step of a stream as the provider sent it. ``text`` is empty while a model thinks, and in steps
    of tool calls; ``thought`` is the text of the thinking, where the provider shows it.

    ``thinking`` are blocks that ended before the text.
    ``logprobs`` are those of ``text``, one object per token, as in OpenAI's ``logprobs.content``.
    ``finish_reason`` and ``usage`` are on the last one only: a stream without it was cut off.
    ``usage`` is ``None`` when the provider sent none.
    """

    text: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    thought: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    logprobs: tuple[Mapping[str, Any], ...] = ()
    thinking: tuple[ThinkingBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class RawText:
    """A whole answer that was not streamed; ``text`` is never empty."""

    text: str
    finish_reason: str
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class RawImage:
    """A picture as the provider sent it: unchecked bytes."""

    data: bytes
    revised_prompt: str | None
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class RawVectors:
    """One vector an input, in their order, as the provider scales them."""

    vectors: Sequence[Sequence[float]]
    usage: Usage


@dataclass(frozen=True, slots=True)
class ModerationInput:
    """The subject of one call: some texts, or one picture by its address (``https:`` or ``data:``)."""

    texts: tuple[str, ...] = ()
    picture: str = ""

    @property
    def parts(self) -> int:
        """How many results there will be."""
        return len(self.texts) or 1


@dataclass(frozen=True, slots=True)
class RawModeration:
    """One result a text, in their order, or one of the picture."""

    results: tuple[ModerationResult, ...]
    usage: Usage


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to one model, however it ended: the unit of metering and tracing.

    ``started_ns`` and ``ended_ns`` are Unix nanoseconds; ``first_token_ms`` counts from the start.
    ``outcome`` is ``ok``, ``cancelled`` or the error's code, and ``error_kind`` the reason of an error. ``prompt`` and ``output`` are for the
    trace only and are never logged.
    """

    operation: Operation
    model: str
    provider: str
    started_ns: int
    ended_ns: int
    outcome: str
    usage: Usage = Usage()
    first_token_ms: float | None = None
    finish_reason: str | None = None
    detail: str = ""
    error_kind: ErrorKind | None = None
    prompt: tuple[ChatMessage, ...] = ()
    output: str = ""

    @property
    def ok(self) -> bool:
        """Whether the attempt gave a whole, usable result."""
        return self.outcome == "ok"


Meter = Callable[[Attempt], None]
"""Receives every attempt as it ends, a cancelled one too."""


class Priced(Protocol):
    """A model with the prices that an operator entered, published or not yet."""

    @property
    def name(self) -> str: ...

    @property
    def litellm_name(self) -> str: ...

    @property
    def input_price(self) -> Decimal | None: ...

    @property
    def output_price(self) -> Decimal | None: ...


class _Prices(Protocol):
    def priced(self, model: ModelRef, usage: Usage) -> Usage:
        """The same usage with its cost."""
        ...


class ChatClient(_Prices, Protocol):
    """Port: a provider client that streams an answer."""

    def stream(
        self, model: ModelRef, messages: Sequence[ChatMessage], options: ChatOptions | None = None
    ) -> AsyncGenerator[RawChunk, None]:
        """Text, then one last chunk with the finish. Raises ``ProviderError``."""
        ...

    def abilities(self, model: ModelRef) -> frozenset[str]:
        """The model's, as values of ``abilities.Ability``."""
        ...

    def unsupported(
        self, model: ModelRef, options: ChatOptions, messages: Sequence[ChatMessage] = ()
    ) -> str | None:
        """The name of an option that the model does not know, or ``messages`` where it can't read them;
        ``None`` where it can do all."""
        ...


class JSONClient(_Prices, Protocol):
    """Port: a provider client that answers whole, as JSON of ``schema`` where there is one."""

    async def complete_json(
        self, model: ModelRef, messages: Sequence[ChatMessage], schema: Mapping[str, Any] | None
    ) -> RawText:
        """Raises ``ProviderError``."""
        ...


class ImageClient(Protocol):
    """Port: a provider client that draws."""

    async def image(
        self, model: ModelRef, prompt: str, options: ImageOptions | None = None
    ) -> RawImage:
        """Raises ``ProviderError``."""
        ...


class EmbeddingClient(Protocol):
    """Port: a provider client that embeds."""

    async def vectors(
        self, model: ModelRef, inputs: EmbeddingInputs, dimensions: int | None = None
    ) -> RawVectors:
        """Raises ``ProviderError``."""
        ...

    def takes_dimensions(self, model: ModelRef, dimensions: int) -> bool:
        """Whether the model's vectors may be of this length."""
        ...


class ModerationClient(Protocol):
    """Port: a provider client that moderates."""

    async def moderate(self, model: ModelRef, asked: ModerationInput) -> RawModeration:
        """Raises ``ProviderError``."""
        ...


@dataclass(frozen=True, slots=True)
class AnsweringModel:
    """``model`` has just sent its first token and answers from here on."""

    model: ModelRef


@dataclass(frozen=True, slots=True)
class TextDelta:
    """Some text, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class ThoughtDelta:
    """Some text of the model's thinking, never empty. It is no part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class LogprobsDelta:
    """The log probabilities of the ``TextDelta`` that follows, one object per token."""

    tokens: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Switched:
    """``from_model`` failed and ``to_model`` is asked next; they may be the same.

    ``discard`` is true when text of ``from_model`` was already passed on: it is void.
    ``reason`` is the error's code, ``circuit_open`` when ``from_model`` was not asked at all, or
    ``slow_first_token`` when ``to_model`` was asked beside it and was sooner.
    """

    from_model: ModelRef
    to_model: ModelRef
    reason: str
    discard: bool


@dataclass(frozen=True, slots=True)
class Continued:
    """``model`` was cut off and goes on where it stopped: the text so far stays.

    ``reason`` is the error's code.
    """

    model: ModelRef
    reason: str


@dataclass(frozen=True, slots=True)
class Shortened:
    """``model`` had no room for the whole conversation: its ``dropped`` oldest messages are left out."""

    model: ModelRef
    dropped: int


@dataclass(frozen=True, slots=True)
class Completed:
    """The answer ended. ``finish_reason`` is the provider's, in OpenAI's words (``stop``, ``length``,
    ``tool_calls``, ``content_filter``), or ``other`` for a word that leaves open whether the answer is whole."""

    model: ModelRef
    finish_reason: str
    usage: Usage


GenerationEvent = (
    AnsweringModel
    | TextDelta
    | ThoughtDelta
    | ThinkingBlock
    | LogprobsDelta
    | ToolCallDelta
    | Switched
    | Continued
    | Shortened
    | Completed
)


@dataclass(frozen=True, slots=True)
class ClassifierResult:
    """The decision, every call that was made to reach it, and how many rules were sent in each."""

    decision: Decision
    attempts: tuple[Attempt, ...] = ()
    rules_sent: int = 0


@dataclass(frozen=True, slots=True)
class ImageBytes:
    """A picture as the provider sent it. ``media_type`` is read from the bytes, not believed."""

    data: bytes
    media_type: str
    width: int
    height: int
    revised_prompt: str | None


def estimated_tokens(text: str) -> int:
    """Roughly the tokens of ``text``: a token is about four UTF-8 bytes, in any script."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)


def cost(model: ModelRef, usage: Usage, listed: ListPrice | None) -> Decimal | None:
    """US dollars, to the hundred-millionth: the model's own prices over the price list's.

    ``listed`` is the list's price of this input and this output, which knows cached input and reasoning
    itself; ``None`` for a model that it does not have. The result is ``None`` when a part has no price.
    """
    parts = (
        _part(
            _shares(usage.input_tokens, usage.cached_tokens), model.input_price, model.cached_price
        ),
        _part(
            _shares(usage.output_tokens, usage.reasoning_tokens),
            model.output_price,
            model.reasoning_price,
        ),
    )
    whole = [part if part is not None else (listed and listed[at]) for at, part in enumerate(parts)]
    if whole[0] is None or whole[1] is None:
        return None
    total = whole[0] + whole[1]
    return total.quantize(_SMALLEST) if 0 <= total <= DEAREST_CALL else None


def _shares(tokens: int, apart: int) -> tuple[int, int]:
    """The tokens of the usual price, and those with one of their own."""
    own = min(max(0, apart), tokens)
    return tokens - own, own


def _part(
    shares: tuple[int, int], price: Decimal | None, price_apart: Decimal | None
) -> Decimal | None:
    if price is None:
        return None
    usual, apart = shares
    other = price if price_apart is None else price_apart
    return (price * usual + other * apart) / _MILLION
