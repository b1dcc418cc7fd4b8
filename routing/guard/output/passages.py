"""Streaming filter: long literal passages of a protected text, such as the system prompt, are cut out.

A passage counts by its words, whatever stands between them. What looks like the begin of one is held back
until it is long enough to be cut out, or goes on differently. Linear in the length of the answer.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from functools import cached_property, lru_cache

HELD_FROM, CUT_FROM = 4.0, 12.0
"""Words in the order of the protected text from which an answer is held back, and cut."""
LEAST_WORDS, MOST_WORDS = 20, 4_000
"""Words of a protected text: a shorter one tells nothing, of a longer one these are looked for."""
MOST_KNOWN = 100_000
"""The newest characters of the conversation that are compared."""
MARK = "[…]"
_LONGEST_WORD = 60

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
_SHINGLE = 12
"""Words of a passage that are looked for in the conversation."""
_ONE_CHARACTER = 0.5
"""What a character of Chinese or Japanese counts, whose words are not told apart."""


class PassageFilter:
    """Filter of one answer. ``known`` is what the reader has written or read: it is no secret."""

    kind = "system_prompt"

    def __init__(self, protected: str, known: Sequence[str]) -> None:
        self._automaton, self._known = automaton_of(protected), known
        self._buffer, self._sent, self._at = "", 0, 0
        """The newest text, how much of it was passed on or cut, and how much was looked at."""
        self._state, self._passage, self._weight = 0, deque[str](), 0.0
        """The last words that stand in this order in the protected text, and what they count."""
        self._newest = deque[str](maxlen=_SHINGLE)
        self._cuts = self._allowed = False
        self.found = False

    def feed(self, text: str) -> str:
        """The text that may be passed on now."""
        if not self._automaton:
            return text
        self._buffer += text
        out = self._followed(whole=False)
        if not self._cuts and (self._allowed or self._weight < HELD_FROM):
            out += self._buffer[self._sent :]
            self._buffer = self._buffer[self._at :]
            self._at, self._sent = 0, len(self._buffer)
        return out

    def flush(self) -> str:
        """The rest, at the end of the answer."""
        out = self._followed(whole=True)
        if not self._cuts:
            out += self._buffer[self._sent :]
        self._buffer, self._sent, self._at = "", 0, 0
        return out

    def _followed(self, *, whole: bool) -> str:
        out, end = "", len(self._buffer)
        for match in _WORD.finditer(self._buffer, self._at):
            if match.end() == end and not whole and end - match.start() < _LONGEST_WORD:
                end = match.start()  # it may go on
                break
            out += self._follow(match)
        self._at = end
        return out

    def _follow(self, match: re.Match[str]) -> str:
        """Look at one more word; returns what was held back before it and need not be any more."""
        out, before = "", len(self._passage)
        self._lengthen(match[0].casefold())
        if len(self._passage) <= before or not before:
            out = self._ended(match.start())
        if self._weight >= CUT_FROM and not self._cuts and not self._allowed:
            self._allowed = tuple(self._newest) in self._known_passages
            self._cuts = not self._allowed
            if self._cuts:
                self.found, out = True, f"{out}{MARK}"
        if self._cuts:
            self._sent = match.end()
        return out

    @cached_property
    def _known_passages(self) -> frozenset[tuple[str, ...]]:
        words = _words("\n".join(self._known)[-MOST_KNOWN:])
        return frozenset(zip(*(words[at:] for at in range(_SHINGLE)), strict=False))

    def _lengthen(self, word: str) -> None:
        """The longest passage that ends with this word."""
        assert self._automaton  # noqa: S101 - without one nothing is looked at
        self._state, length = self._automaton.step(self._state, len(self._passage), word)
        self._newest.append(word)
        if length:
            self._passage.append(word)
            self._weight += _weight(word)
        while len(self._passage) > length:
            self._weight -= _weight(self._passage.popleft())

    def _ended(self, start: int) -> str:
        """End the passage before the word at ``start``. Returns it, unless it was cut."""
        out = "" if self._cuts else self._buffer[self._sent : start]
        if not self._cuts:
            self._sent = max(self._sent, start)
        self._cuts = self._allowed = False
        return out


class SuffixAutomaton:
    """Suffix automaton of a text's words: follows the longest passage that ends with the newest word, in
    constant time a word on average (Blumer et al., 1985)."""

    def __init__(self, words: Sequence[str]) -> None:
        self._next: list[dict[str, int]] = [{}]
        self._link, self._length = [-1], [0]
        self._last = 0
        for word in words:
            self._extend(word)

    def step(self, state: int, length: int, word: str) -> tuple[int, int]:
        """The state after one more word, and how many words the passage has then."""
        while state and word not in self._next[state]:
            state = self._link[state]
            length = self._length[state]
        if word not in self._next[state]:
            return 0, 0
        return self._next[state][word], length + 1

    def _extend(self, word: str) -> None:
        state, new = self._last, self._add(self._length[self._last] + 1)
        while state != -1 and word not in self._next[state]:
            self._next[state][word] = new
            state = self._link[state]
        if state != -1:
            self._link[new] = self._suffix(state, word)
        self._last = new

    def _suffix(self, state: int, word: str) -> int:
        """The state of exactly one word more than ``state``: there, or split off."""
        after = self._next[state][word]
        if self._length[after] == self._length[state] + 1:
            return after
        copy = self._add(self._length[state] + 1)
        self._next[copy], self._link[copy] = dict(self._next[after]), self._link[after]
        self._link[after] = copy
        while state != -1 and self._next[state].get(word) == after:
            self._next[state][word] = copy
            state = self._link[state]
        return copy

    def _add(self, length: int) -> int:
        self._next.append({})
        self._link.append(0)
        self._length.append(length)
        return len(self._next) - 1


@lru_cache(maxsize=16)
def automaton_of(protected: str) -> SuffixAutomaton | None:
    """The automaton of a text; ``None`` for one that is too short to tell anything."""
    words = _words(protected)
    return SuffixAutomaton(words[:MOST_WORDS]) if len(words) >= LEAST_WORDS else None


def _words(text: str) -> list[str]:
    return [match[0].casefold() for match in _WORD.finditer(text)]


def _weight(word: str) -> float:
    return _ONE_CHARACTER if len(word) == 1 and word > "\u3000" else 1.0
