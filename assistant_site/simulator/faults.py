"""Fault injection: scripted failures, the requests they hit, and how often.

A fault comes over the admin endpoint, from ``Simulator.fault``, in the header ``X-Simulate`` or
in the prompt as ``[[simulate …]]``. docs/simulator.md has the table of all fields.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args, get_type_hints

import orjson

HEADER = "X-Simulate"
# The socket is closed in the middle of the body; it is reset; the body ends well, without a finish.
CUTS = ("abort", "reset", "close")
_IN_PROMPT = re.compile(r"\[\[simulate\s([^\[\]]+)\]\]", re.IGNORECASE)
_PAIR = re.compile(r"""([a-z_0-9]+)\s*=\s*("[^"]*"|'[^']*'|[^\s;]+)|([a-z_0-9]+)""")
# A prompt is also classified, embedded and moderated: a fault written in it is meant for its answer.
_PROMPT_CALLS = "chat,image"


@dataclass(frozen=True, slots=True)
class SimulatedFault:
    """One scripted fault. The first block selects requests, the rest are effects.

    Times are in milliseconds except ``retry_after`` (seconds); positions count content tokens
    already sent.
    """

    provider: str | None = None  # openai, anthropic
    path: str | None = None  # part of the path
    model: str | None = None  # part of the model's name
    match: str | None = None  # part of the prompt (of any text sent, for calls without one)
    call: str | None = (
        None  # chat, classify, image, embedding, moderation, models, count; several with commas
    )
    times: int | None = None  # how many requests it hits; none: until cleared
    skip: int = 0  # how many fitting requests are let through first

    status: int | None = None
    error: str | None = None  # the error's type or code, or context_length, insufficient_quota
    message: str | None = None
    retry_after: float | None = None
    drop: bool = False  # close the connection without any answer
    empty: bool = False  # 200 with no body
    content_type: str | None = None  # 200 with a page of this type

    headers_delay_ms: float = 0
    first_token_delay_ms: float | None = None
    token_delay_ms: float | None = None

    cut_after: int | None = None
    cut: str = "abort"  # one of CUTS
    malformed_after: int | None = None
    error_after: int | None = None
    stall_after: int | None = None
    stall_ms: float | None = None  # none: until the client leaves
    ping_ms: float | None = None

    text: str | None = None
    tokens: int | None = None
    huge_token: int | None = None  # characters
    empty_deltas: int = 0
    finish: str | None = None
    no_usage: bool = False
    no_done: bool = False
    chunk_bytes: int | None = None
    split_utf8: bool = False
    bad_utf8_after: int | None = None  # a byte that is no UTF-8, in the token at this position
    crlf: bool = False
    comments: bool = False
    multiline: bool = False
    obey: bool = False  # the classifier obeys instructions found in the prompt

    def to_dict(self) -> dict[str, Any]:
        """The fields that differ from their defaults."""
        return {
            field.name: value
            for field, value in zip(fields(self), asdict(self).values(), strict=True)
            if value != field.default
        }


NO_FAULT = SimulatedFault()


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """The facts of a request that faults match. ``text`` is the prompt, or all text that was sent."""

    provider: str
    path: str
    call: str
    model: str = ""
    text: str = ""


class BadFault(ValueError):
    """A fault that cannot be read; the text says why."""


def read_fault(values: Mapping[str, Any]) -> SimulatedFault:
    """A fault from loosely typed values. Raises ``BadFault``."""
    unknown = sorted(set(values) - set(_KINDS))
    if unknown:
        raise BadFault(f"unknown field {', '.join(unknown)}; known are {', '.join(_KINDS)}")
    fault = SimulatedFault(**{name: _coerced(name, value) for name, value in values.items()})
    if fault.cut not in CUTS:
        raise BadFault(f"cut is one of {', '.join(CUTS)}")
    return fault


def parse_fault(text: str) -> SimulatedFault:
    """A fault from ``name=value`` pairs (a bare name means true) or a JSON object."""
    if text.lstrip().startswith("{"):
        try:
            return read_fault(orjson.loads(text))
        except orjson.JSONDecodeError as exc:
            raise BadFault(f"not JSON: {exc}") from exc
    return read_fault(
        {
            name or flag: value.strip("\"'") if name else True
            for name, value, flag in _PAIR.findall(text)
        }
    )


def _kinds() -> dict[str, type]:
    hints = get_type_hints(SimulatedFault)
    return {name: next(iter(get_args(hint)), hint) for name, hint in hints.items()}


_KINDS = _kinds()


def _coerced(name: str, value: Any) -> Any:
    kind = _KINDS[name]
    if value is None:
        return None
    if kind is bool:
        return (
            value if isinstance(value, bool) else str(value).lower() in {"1", "true", "yes", "on"}
        )
    try:
        return kind(value)
    except (TypeError, ValueError) as exc:
        raise BadFault(f"{name} must be {kind.__name__}") from exc


@dataclass(slots=True)
class _Scripted:
    fault: SimulatedFault
    hits: int = 0

    def take(self) -> bool:
        self.hits += 1
        past = self.hits - self.fault.skip
        return past > 0 and (self.fault.times is None or past <= self.fault.times)


class FaultBook:
    """All scripted faults, in the order they were given; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._scripted: list[_Scripted] = []
        self._in_prompts: dict[tuple[str, str], _Scripted] = {}

    def add(self, fault: SimulatedFault) -> None:
        """Script ``fault`` behind those already there."""
        with self._lock:
            self._scripted.append(_Scripted(fault))

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._scripted.clear()
            self._in_prompts.clear()

    def listed(self) -> list[dict[str, Any]]:
        """The scripted faults, each with the number of requests it has matched."""
        with self._lock:
            return [{**item.fault.to_dict(), "hits": item.hits} for item in self._scripted]

    def take(self, facts: RequestFacts, header: str | None) -> SimulatedFault:
        """The fault for this request: the header's, the prompt's, or the first scripted one that
        still has hits left. Raises ``BadFault`` for one that cannot be read."""
        if header:
            return parse_fault(header)
        with self._lock:
            for item in (*self._from_prompt(facts), *self._scripted):
                if _fits(item.fault, facts) and item.take():
                    return item.fault
        return NO_FAULT

    def _from_prompt(self, facts: RequestFacts) -> list[_Scripted]:
        scripted = []
        for text in _IN_PROMPT.findall(facts.text):
            fault = parse_fault(text)
            if fault.call is None and facts.call not in _PROMPT_CALLS.split(","):
                continue
            scripted.append(self._in_prompts.setdefault((facts.text, text), _Scripted(fault)))
        return scripted


def _fits(fault: SimulatedFault, facts: RequestFacts) -> bool:
    called = fault.call is None or fault.call == "any" or facts.call in fault.call.split(",")
    return (
        called
        and fault.provider in {None, facts.provider}
        and (fault.path or "") in facts.path
        and (fault.model or "") in facts.model
        and (fault.match or "").lower() in facts.text.lower()
    )
