"""Provider interface: one class per provider holds everything that its wire format decides.

``registry`` lists the classes. ``litellm`` builds a request, ``http_stream`` sends it, and the class of
the provider reads the reply: as a stream of events, or whole. Import-light: no LiteLLM, no SDK.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

from routing.domain.errors import ProviderError, ProviderRefused, ProviderStreamBroken
from routing.domain.rules import Timeouts
from routing.llm.providers.finish_reasons import FinishReason

USAGE_GRACE = 2.0
"""Seconds to wait for the usage after a stream's finish reason."""
MALFORMED = (ValueError, KeyError, TypeError, AttributeError, IndexError)
"""Exceptions of a reader that meets an event of another format."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A provider's key and address; an empty ``base_url`` is the provider's own.

    ``base_url`` has the form that the provider's SDK takes.
    """

    api_key: str
    base_url: str = ""

    def __repr__(self) -> str:
        return f"Credential(api_key=…, base_url={self.base_url!r})"


class EventError(Exception):
    """An error that the provider reports inside a reply. ``report`` is its JSON, in the provider's form."""

    def __init__(self, report: Any) -> None:
        error = report.get("error", report) if isinstance(report, Mapping) else report
        if isinstance(error, Mapping):
            error = f"{error.get('code') or error.get('type')}: {error.get('message')}"
        super().__init__(str(error))
        self.report = report


class CallPiece(NamedTuple):
    """A piece of a tool call as the provider sent it, unchecked.

    ``index`` names the call among those of the answer; ``None`` where the provider names none.
    ``arguments`` is a piece of JSON text, or the whole of it as a value; of a ``custom`` tool any text.
    """

    index: Any
    call_id: Any = None
    name: Any = None
    arguments: Any = None
    custom: bool = False


Thinking = tuple[tuple[int, Mapping[str, str]], ...]
"""Thinking blocks that ended, in the form in which they go back, each with the characters of text before it."""


class AnswerPiece(NamedTuple):
    """The parts of an answer that one event holds, or one whole answer. An empty one is a thought that is
    not shown. ``logprobs`` are one object per token of ``text``."""

    text: str = ""
    thought: str = ""
    calls: tuple[CallPiece, ...] = ()
    logprobs: tuple[Mapping[str, Any], ...] = ()
    thinking: Thinking = ()

    @property
    def answers(self) -> bool:
        """Whether it holds a part of the answer itself."""
        return bool(self.text or self.calls)


def joined(pieces: Sequence[AnswerPiece]) -> AnswerPiece:
    """The pieces as one."""
    if len(pieces) <= 1:
        return pieces[0] if pieces else AnswerPiece()
    texts, thoughts, calls, logprobs, thinking = zip(*pieces, strict=True)
    return AnswerPiece(
        "".join(texts),
        "".join(thoughts),
        tuple(chain.from_iterable(calls)),
        tuple(chain.from_iterable(logprobs)),
        _moved(texts, thinking) if any(thinking) else (),
    )


def _moved(texts: Sequence[str], thinking: Sequence[Thinking]) -> Thinking:
    """The blocks behind the texts before them."""
    lengths = accumulate(map(len, texts), initial=0)
    return tuple(
        (length + at, block)
        for length, blocks in zip(lengths, thinking, strict=False)
        for at, block in blocks
    )


class StreamReader(Protocol):
    """Reads the events of one stream.

    ``finish`` is that of the last event that had one; ``usage`` is the provider's own object; after
    ``done`` no event follows.
    """

    finish: FinishReason | None
    usage: dict[str, Any] | None
    done: bool

    def read(self, event: Mapping[str, Any]) -> AnswerPiece | None:
        """The parts of one event; ``None`` where it has none.

        Raises ``EventError``, and one of ``MALFORMED`` for an event of another format.
        """
        ...


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """An answer that was not streamed. ``finish`` and ``usage`` are as in ``StreamReader``; ``piece`` may
    be empty."""

    piece: AnswerPiece
    finish: FinishReason | None
    usage: Any


class AnswerEnd(Protocol):
    """The end of a stream, as the reader of it knows it. ``usage`` is the provider's own object."""

    @property
    def finish(self) -> FinishReason | None: ...

    @property
    def usage(self) -> Any: ...


class Provider(Protocol):
    """A provider with a wire format of its own.

    ``name`` is LiteLLM's, ``title`` is for people. ``key_variable`` and ``url_variable`` are the settings
    of its credential; ``url_suffix`` is the part of the path that its ``base_url`` ends with.
    ``litellm_client`` is the kind of connections that LiteLLM takes for it. ``error_words`` classify
    errors that have an ambiguous class, by words of the provider's message in lower case.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    key_variable: ClassVar[str]
    url_variable: ClassVar[str]
    url_suffix: ClassVar[str]
    litellm_client: ClassVar[Literal["handler", "openai_sdk"]]
    error_words: ClassVar[Mapping[str, type[ProviderError]]]

    def endpoint(self, base_url: str | None) -> str:
        """The address that chat requests are posted to."""
        ...

    def models_request(self, credential: Credential) -> tuple[str, Mapping[str, str]]:
        """Address and headers of a request for the list of models: the cheapest one that needs the key."""
        ...

    def stream(self) -> StreamReader:
        """A reader for a new stream."""
        ...

    def whole(self, answer: Mapping[str, Any]) -> WholeAnswer:
        """Read a whole answer. Raises as ``StreamReader.read`` does."""
        ...


@dataclass(frozen=True, slots=True)
class ProviderRequest:
    """One request as it goes over the wire, and the provider that reads the reply."""

    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    provider: Provider
    timeouts: Timeouts
    ends_without_finish: bool = False


def empty_answer(model: str, finish: FinishReason | None) -> ProviderError:
    """The error of a finished answer with neither text nor tool call."""
    if finish is FinishReason.FILTERED:
        return ProviderRefused(model, "the provider's content policy refused")
    return ProviderStreamBroken(model, f"an answer without text ({finish})")


def merge_usage(known: dict[str, Any] | None, told: Any) -> dict[str, Any] | None:
    """The usage so far, with the fields that an event told of. A field that is null was not told."""
    if not isinstance(told, dict):
        return known
    return {**(known or {}), **{name: told[name] for name in told if told[name] is not None}}
