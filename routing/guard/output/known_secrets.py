"""Streaming filter: secrets of this service, such as its providers' keys, are cut out of an answer.

Whole values are looked for, and texts of the form of our own API keys. From the first three characters of one on
the answer is held back as long as it agrees with it. Linear in the length of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

SHORTEST = 12
"""Characters of a value that is looked for: shorter ones stand in ordinary text."""
_BEGIN = 3
MARK = "[removed]"


@dataclass(frozen=True, slots=True)
class KeyForm:
    """Keys that are told by their form: ``prefix``, then letters and digits up to ``length`` characters
    in all; ``is_key`` tells a real one."""

    prefix: str
    length: int
    is_key: Callable[[str], bool]


class SecretFilter:
    """Filter of one answer. What stands in a text of ``known`` is no secret to its reader."""

    kind = "secret"

    def __init__(self, secrets: Sequence[str], known: Sequence[str], keys: KeyForm) -> None:
        self._secrets = [
            secret
            for secret in secrets
            if len(secret) >= SHORTEST and not any(secret in text for text in known)
        ]
        self._keys, self._known = keys, known
        self._begins = {text[:_BEGIN] for text in (*self._secrets, keys.prefix)}
        self._tail, self._held = "", ""
        """The last characters that were passed on, and the text that was not."""
        self.found = False

    def feed(self, text: str) -> str:
        """The text that may be passed on now."""
        view, at, out = self._tail + self._held + text, len(self._tail), []
        end = len(view)
        for start in range(len(view) - _BEGIN + 1):
            if start + _BEGIN <= at or view[start : start + _BEGIN] not in self._begins:
                continue
            length = self._length_of(view, start)
            if length:
                out += [view[at : max(at, start)], MARK]
                at, self.found = max(at, start + length), True
            elif self._may_go_on(view, start):
                end = max(at, start)
                break
        out.append(view[at:end])
        passed = "".join(out)
        self._tail, self._held = (self._tail + passed)[1 - _BEGIN :], view[end:]
        return passed

    def flush(self) -> str:
        """The rest, at the end of the answer."""
        held, self._held, self._tail = self._held, "", ""
        return held

    def _length_of(self, view: str, start: int) -> int:
        """Characters of the secret that begins there; 0 for none."""
        found = next((each for each in self._secrets if view.startswith(each, start)), "")
        if not found:
            candidate = view[start : start + self._keys.length]
            if candidate.startswith(self._keys.prefix) and self._keys.is_key(candidate):
                found = "" if any(candidate in text for text in self._known) else candidate
        return len(found)

    def _may_go_on(self, view: str, start: int) -> bool:
        """Whether the end of the text may be the begin of a secret."""
        rest = len(view) - start
        if any(rest < len(each) and each.startswith(view[start:]) for each in self._secrets):
            return True
        prefix = self._keys.prefix
        if rest >= self._keys.length:
            return False
        written = view[start:]
        if rest < len(prefix):
            return prefix.startswith(written)
        key = written.removeprefix(prefix)
        return written.startswith(prefix) and (not key or (key.isascii() and key.isalnum()))
