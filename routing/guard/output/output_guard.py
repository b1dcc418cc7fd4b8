"""Output guard: filters of one answer in a row, each with a hold-back window of its own.

A piece of the answer waits for the next one only where it may be the begin of something that is cut out; an
ordinary answer of 100 tokens costs 0.3 ms of CPU in all.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from routing.guard.key_forms import KeyForm
from routing.guard.output.addresses import AddressFilter
from routing.guard.output.known_secrets import SecretFilter
from routing.guard.output.passages import PassageFilter


class _Filter(Protocol):
    """Streaming filter of a text."""

    @property
    def kind(self) -> str: ...

    @property
    def found(self) -> bool: ...

    def feed(self, text: str) -> str: ...

    def flush(self) -> str: ...


@dataclass(frozen=True, slots=True)
class StreamingOutputGuard:
    """Watches answers. ``secrets`` are values that no answer may have; ``own_hosts`` are this site's;
    ``removes`` is false where findings are only told."""

    secrets: Sequence[str]
    keys: KeyForm
    own_hosts: Collection[str] = ()
    removes: bool = True

    def watch(self, known: Sequence[str], protected: str) -> StreamingOutputWatch:
        """For one answer: ``known`` are the texts of its conversation, the newest last, ``protected`` is the
        system prompt."""
        filters = (
            PassageFilter(protected, known),
            SecretFilter(self.secrets, known, self.keys),
            AddressFilter(known, protected, self.own_hosts),
        )
        return StreamingOutputWatch(filters, removes=self.removes)

    def watch_call(self, known: Sequence[str], protected: str) -> StreamingOutputWatch:
        """For the arguments of one tool call. Secrets are cut out; a passage of the system prompt is told alone,
        for a cut across the marks of JSON would break the call. An address is what many tools are for."""
        cutting = SecretFilter(self.secrets, known, self.keys)
        telling = PassageFilter(protected, known)
        return StreamingOutputWatch((cutting,), removes=self.removes, telling=(telling,))


class StreamingOutputWatch:
    """Pipeline of one answer's filters."""

    def __init__(
        self, filters: Sequence[_Filter], *, removes: bool, telling: Sequence[_Filter] = ()
    ) -> None:
        """``telling`` are filters of which nothing but their findings is taken."""
        self._filters, self._removes, self._telling = filters, removes, telling

    @property
    def found(self) -> tuple[str, ...]:
        """The kinds of what was found so far."""
        return tuple(each.kind for each in (*self._filters, *self._telling) if each.found)

    @property
    def removed(self) -> tuple[str, ...]:
        """The kinds of what was cut out."""
        return tuple(each.kind for each in self._filters if each.found and self._removes)

    def feed(self, text: str) -> str:
        """What may be passed on of the answer, with this piece: often all of it, at times nothing."""
        passed = text
        for each in self._telling:
            each.feed(text)
        for each in self._filters:
            passed = each.feed(passed) if passed else ""
        return passed if self._removes else text

    def flush(self) -> str:
        """What is left, at the end of the answer."""
        passed = ""
        for each in self._telling:
            each.flush()
        for each in self._filters:
            passed = (each.feed(passed) if passed else "") + each.flush()
        return passed if self._removes else ""
