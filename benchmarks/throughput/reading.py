"""What a client read, judged afterwards: which tokens came when, and whether the answer was whole."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import orjson

Reads = Sequence[tuple[float, bytes]]
"""When, in seconds of one clock, and what."""


class WrongAnswer(Exception):
    """What came is not the answer that was asked for; the message says how."""


@dataclass(slots=True)
class Answer:
    """One whole answer. ``arrivals`` has, for every read with tokens, when it came and how many
    tokens had come by then."""

    text: str = ""
    ended: bool = False
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)


def answer_in(reads: Reads, dialect: str, text: str) -> Answer:
    """The whole answer in an HTTP response. Raises ``WrongAnswer`` where it is not ``text``, or where
    its end is missing."""
    answer = heard(reads, dialect)
    if not answer.ended:
        last = b"".join(read for _, read in reads)[-300:]
        raise WrongAnswer(f"no end after {len(answer.text)} characters: {last!r}")
    if answer.text != text:
        raise WrongAnswer(f"{answer.text[:200]!r} instead of {text[:200]!r}")
    return answer


def heard(reads: Reads, dialect: str) -> Answer:
    """As much of an answer as came. Raises ``WrongAnswer`` for anything but a stream, and for an error
    in one."""
    raw = b"".join(read for _, read in reads)
    answer, parts, clock = Answer(), list[str](), _Clock(reads)
    head = raw.find(b"\r\n\r\n")
    if head < 0:
        return answer
    if b" 200 " not in raw[:20] or b"chunked" not in raw[:head].lower():
        raise WrongAnswer(raw[:600].decode("utf-8", "replace"))
    tokens = 0
    for at, event in _events(raw, head + 4):
        said, answer.ended = _DIALECTS[dialect](event, answer.facts)
        if said:
            parts.append(said)
            tokens += said.count(" ") + (not tokens)
            answer.arrivals.append((clock.at(at), tokens))
    answer.text = "".join(parts)
    return answer


class _Clock:
    """When a byte was there."""

    def __init__(self, reads: Reads) -> None:
        self._times = [when for when, _ in reads]
        self._upto = list(accumulate(len(read) for _, read in reads))

    def at(self, offset: int) -> float:
        return self._times[bisect_left(self._upto, offset)]


def _events(raw: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Each event, with the offset of the end of the HTTP chunk that ended it; half a chunk at the end
    is left out."""
    rest = b""
    while (end := raw.find(b"\r\n", at)) > 0:
        size = int(raw[at:end].partition(b";")[0], 16)
        if not size or end + 2 + size > len(raw):
            return
        at = end + 2 + size
        *whole, rest = (rest + raw[end + 2 : at]).split(b"\n\n")
        for event in whole:
            yield at, event
        at += 2


def _openai(event: bytes, _facts: dict[str, str]) -> tuple[str, bool]:
    if not event.startswith(b"data: "):
        return "", False
    if event == b"data: [DONE]":
        return "", True
    chunk = orjson.loads(event[6:])
    if "error" in chunk:
        raise WrongAnswer(event.decode())
    choices = chunk.get("choices")
    return (choices[0]["delta"].get("content") or "" if choices else ""), False


def _native(event: bytes, facts: dict[str, str]) -> tuple[str, bool]:
    lines = event.split(b"\n")
    if len(lines) != 3:
        return "", False  # a comment
    name, data = lines[1][7:], lines[2][6:]
    if name == b"token":
        return str(orjson.loads(data)["text"]), False
    if name in {b"error", b"reset"}:
        raise WrongAnswer(event.decode())
    if name != b"done":
        return "", False
    facts |= _told(orjson.loads(data))
    return "", True


def _told(message: Mapping[str, Any]) -> dict[str, str]:
    if message["status"] != "complete":
        raise WrongAnswer(f"the answer is {message['status']}")
    return {"cache": message["cache"]["outcome"], "source": message["decision"]["source"]}


_DIALECTS: Mapping[str, Callable[[bytes, dict[str, str]], tuple[str, bool]]] = {
    "openai": _openai,
    "native": _native,
}
