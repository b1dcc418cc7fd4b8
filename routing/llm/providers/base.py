"""Provider interface: one class per provider holds everything that its wire format decides.

``registry`` lists the classes. ``litellm`` builds a request, ``http_stream`` sends it, and the class of
the provider reads the reply: as a stream of events, or whole. Import-light: no LiteLLM, no SDK.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from routing.domain.errors import ProviderError, ProviderRefused, ProviderStreamBroken
from routing.domain.rules import Timeouts

FINISH_REASONS: Mapping[str | None, str] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
}
"""Finish reasons as they leave the LLM layer, in OpenAI's words."""
DEFAULT_FINISH = "stop"
"""Stands for any other finish reason."""
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


class StreamReader(Protocol):
    """Reads the events of one stream.

    ``finish`` is in OpenAI's words, ``None`` until the provider sent one; ``usage`` is the provider's own
    object; after ``done`` no event follows. ``end_marker`` is the data of an event that ends the stream
    and is no JSON, where the format has one.
    """

    end_marker: ClassVar[bytes | None]
    finish: str | None
    usage: dict[str, Any] | None
    done: bool

    def read(self, event: Mapping[str, Any]) -> str | None:
        """The text of one event; ``""`` for a thought, ``None`` for an event without text.

        Raises ``EventError``, and one of ``MALFORMED`` for an event of another format.
        """
        ...


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """An answer that was not streamed. ``finish`` and ``usage`` are as in ``StreamReader``; ``text`` may
    be empty."""

    text: str
    finish: str | None
    usage: Any


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


def empty_answer(model: str, finish: str | None) -> ProviderError:
    """The error of a finished answer without text."""
    reason = FINISH_REASONS.get(finish, DEFAULT_FINISH)
    if reason == "content_filter":
        return ProviderRefused(model, "the provider's content policy refused")
    return ProviderStreamBroken(model, f"an answer without text ({reason})")
