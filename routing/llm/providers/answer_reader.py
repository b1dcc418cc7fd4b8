"""Answer reader: the pieces, the finish and the usage of one reply, from its bytes.

``http_stream`` feeds it. It holds the rules that are the same for all wire formats: a provider may send
one JSON object where a stream was requested, a stream where an object was; text or a tool call takes an
early finish back; once the finish is in, nothing beside or after the answer spoils it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from routing.domain.errors import ProviderStreamBroken
from routing.llm.providers import base
from routing.llm.providers.base import (
    MALFORMED,
    AnswerPiece,
    EventError,
    Provider,
    empty_answer,
    joined,
)
from routing.llm.providers.event_stream import (
    LONGEST_EVENT,
    SSEDecoder,
    json_object,
    says_nothing,
)
from routing.llm.providers.finish_reasons import FinishReason

_END_MARKER = b"[DONE]"
_BEFORE_TEXT = b"\xef\xbb\xbf \t\r\n"
_STALL_SHARE = 0.8
_WHOLE = frozenset({FinishReason.STOP, FinishReason.TOOL_CALLS})


class AnswerReader:
    """Reads one reply of ``provider``. ``model`` names errors. With ``ends_without_finish`` the end of the
    stream stands for its finish. ``keep`` gets every event that could be read.

    ``finish`` is ``None`` until the provider sent one, and again when more of the answer follows it; ``usage`` is the
    provider's own object; after ``done`` nothing is read.
    """

    def __init__(
        self,
        provider: Provider,
        model: str,
        *,
        ends_without_finish: bool = False,
        keep: Callable[[Mapping[str, Any]], None] = lambda _: None,
    ) -> None:
        self._provider, self._model = provider, model
        self._ends_without_finish, self._keep = ends_without_finish, keep
        self._events = provider.stream()
        self._decoder = SSEDecoder()
        self._body: bytearray | None = None
        self._undecided = True
        self._answered = self._with_text = self._retracted = False
        self.finish: FinishReason | None = None
        self.usage: Any = None
        self.done = False

    def feed(self, data: bytes) -> tuple[AnswerPiece | None, Exception | None]:
        """The pieces of these bytes as one, and the error that follows them.

        No bytes end the reply. The error is ``EventError`` or ``ProviderStreamBroken``.
        """
        pieces: list[AnswerPiece] = []
        error: Exception | None = None
        try:
            if self._in_one_object(data):
                self._read_object(pieces)
            else:
                self._read_events(data, pieces)
        except MALFORMED as exc:
            error = ProviderStreamBroken(self._model, type(exc).__name__)
            error.__cause__ = exc
        except (EventError, ProviderStreamBroken) as exc:
            error = exc
        piece = joined(pieces) if pieces else None
        self._answered = self._answered or bool(piece and piece.answers)
        return piece, error

    def grace(self, stall: float) -> float:
        """Seconds to wait for more after the finish: for the usage, or for text where the finish came
        with text already. A server that marks every piece so is waited for nearly as long as one that
        stalls, which takes ``stall`` seconds."""
        grace = base.USAGE_GRACE
        return max(grace, stall * _STALL_SHARE) if self._with_text else grace

    def check_whole(self) -> None:
        """Raise ``ProviderStreamBroken`` or ``ProviderRefused`` for a reply that ended incomplete."""
        if self.finish is None and self.done and self._ends_without_finish:
            self.finish = FinishReason.STOP
        if self.finish is None:
            raise ProviderStreamBroken(self._model, "the stream ended without a finish")
        if not self._answered:
            raise empty_answer(self._model, self.finish)

    def _in_one_object(self, data: bytes) -> bool:
        """Keep the bytes of a whole answer; true when all of them are there."""
        if self._undecided and (visible := data.lstrip(_BEFORE_TEXT)):
            self._undecided = False
            # No line of an event stream begins so.
            self._body = bytearray() if visible.startswith(b"{") else None
            data = visible if self._body is not None else data
        if self._body is None:
            return False
        self._body += data
        if len(self._body) > LONGEST_EVENT:
            raise ProviderStreamBroken(self._model, "an answer that is too long")
        return not data

    def _read_object(self, pieces: list[AnswerPiece]) -> None:
        answer = self._provider.whole(json_object(bytes(self._body or b"")))
        self._refuse_broken(answer.finish)
        pieces.append(answer.piece)
        # An object that is whole in itself ended well enough to be told.
        self.finish, self.usage = answer.finish or FinishReason.OTHER, answer.usage
        self.done = True

    def _read_events(self, data: bytes, pieces: list[AnswerPiece]) -> None:
        if self._body is not None:
            return
        for event in self._decoder.feed(data) if data else self._decoder.end():
            says = event.startswith(b"{") or not self._ends_or_says_nothing(event)
            if says and (piece := self._read(event)) is not None:
                pieces.append(piece)
            if self.done:
                break

    def _ends_or_says_nothing(self, event: bytes) -> bool:
        if event.lstrip().startswith(_END_MARKER):
            self.done = True
        return self.done or says_nothing(event)

    def _read(self, data: bytes) -> AnswerPiece | None:
        events = self._events
        events.finish = None
        try:
            event = json_object(data)
            piece = events.read(event)
        except (EventError, *MALFORMED):
            if self.finish is None or self._retracted:
                raise
            return None
        self._keep(event)
        self.usage, self.done = events.usage, events.done
        self._end(events.finish, answers=piece is not None and piece.answers)
        return piece

    def _end(self, finish: FinishReason | None, *, answers: bool) -> None:
        """Take an event's finish, or take an earlier one back for more of the answer."""
        if answers:
            self._retracted = self._retracted or self.finish is not None
            self._with_text = self._retracted or finish is not None
            self.finish = None
        if finish is None and self.finish is None:
            return
        # A later word may lessen a whole answer, and not spoil it.
        if self.finish is None or finish not in {None, FinishReason.BROKEN, *_WHOLE}:
            self.finish = finish
        self._refuse_broken(self.finish)

    def _refuse_broken(self, finish: FinishReason | None) -> None:
        if finish is FinishReason.BROKEN:
            raise ProviderStreamBroken(self._model, "the provider broke its answer off")
