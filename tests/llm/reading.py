"""Replies read in-process, without sockets: bytes in, and all that came of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from routing.llm.providers.answer_reader import AnswerReader
from routing.llm.providers.base import AnswerPiece, Provider, joined
from routing.llm.providers.finish_reasons import FinishReason


@dataclass
class Read:
    """What a reply came to. ``error`` is the exception that ended it; ``fed`` counts its bytes."""

    text: str
    finish: FinishReason | None
    usage: Any
    error: Exception | None
    fed: int
    piece: AnswerPiece


def read(provider: Provider, pieces: Iterable[bytes], **settings: Any) -> Read:
    """The reply whose bytes come in these pieces, then end."""
    answer, said, fed = AnswerReader(provider, "model", **settings), [], 0
    error: Exception | None = None
    for piece in (*filter(None, pieces), b""):
        fed += len(piece)
        part, error = answer.feed(piece)
        said += [part] if part else []
        if error or answer.done:
            break
    try:
        if error is None:
            answer.check_whole()
    except Exception as exc:  # noqa: BLE001 - the tests look at its class
        error = exc
    whole = joined(said)
    return Read(whole.text, answer.finish, answer.usage, error, fed, whole)
