"""What a client read, judged afterwards: which tokens came when, and whether the answer was whole."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import orjson

from benchmarks.throughput.workloads import tokens_in

Reads = Sequence[tuple[float, bytes]]
"""When, in seconds of one clock, and what."""


class WrongAnswer(Exception):
    """What came is not the answer that was asked for; the message says how."""


@dataclass(slots=True)
class Answer:
    """One whole answer. ``arrivals`` has, for every read with tokens, when it came and how many
    tokens had come by then."""

    text: str = ""
    arrivals: list[tuple[float, int]] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)


def answer_in(reads: Reads, dialect: str, text: str | None) -> Answer:
    """The answer in an HTTP response. Raises ``WrongAnswer`` where it is not ``text`` (``None``: any
    text), or where its end is missing."""
    raw = b"".join(read for _, read in reads)
    head, _, _ = raw.partition(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0] or b"chunked" not in head.lower():
        raise WrongAnswer(raw[:600].decode("utf-8", "replace"))
    answer, parts, ends = Answer(), [], False
    clock = _Clock(reads)
    for at, event in _events(raw, len(head) + 4):
        said, ends = _DIALECTS[dialect](event, answer.facts)
        if said:
            parts.append(said)
            answer.arrivals.append((clock.at(at), tokens_in("".join(parts)) if text else 0))
    answer.text = "".join(parts)
    if not ends:
        raise WrongAnswer(f"no end after {len(answer.text)} characters: {raw[-300:]!r}")
    if answer.text != (answer.text if text is None else text):
        raise WrongAnswer(f"{len(answer.text)} characters instead of {len(text or '')}")
    return answer


class _Clock:
    """When a byte was there."""

    def __init__(self, reads: Reads) -> None:
        self._times = [when for when, _ in reads]
        self._upto = list(accumulate(len(read) for _, read in reads))

    def at(self, offset: int) -> float:
        return self._times[bisect_left(self._upto, offset)]


def _events(raw: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Each event, with the offset of the end of the HTTP chunk that ended it."""
    rest = b""
    while True:
        end = raw.index(b"\r\n", at)
        size = int(raw[at:end].partition(b";")[0], 16)
        if not size:
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
        return orjson.loads(data)["text"], False
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
