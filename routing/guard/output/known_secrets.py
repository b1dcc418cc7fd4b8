"""Streaming filter: secrets of this service, such as its providers' keys, are cut out of an answer.

Whole values are looked for, and texts of the form of our own API keys and of those of well-known makers. From the
first three characters of one on the answer is held back as long as it agrees with it. Linear in the length of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from routing.guard.key_forms import MAKERS, KeyForm

SHORTEST = 12
"""Characters of a value that is looked for: shorter ones stand in ordinary text."""
_BEGIN = 3
MARK = "[removed]"


class SecretFilter:
    """Filter of one answer. What stands in a text of ``known`` is no secret to its reader."""

    kind = "secret"

    def __init__(self, secrets: Sequence[str], known: Sequence[str], keys: KeyForm) -> None:
        self._secrets = [
            secret
            for secret in secrets
            if len(secret) >= SHORTEST and not any(secret in text for text in known)
        ]
        self._forms, self._known = (keys, *MAKERS), known
        self._begins = {text[:_BEGIN] for text in self._secrets}
        self._begins |= {form.prefix[:_BEGIN] for form in self._forms}
        self._tail, self._held = "", ""
        """The last characters that were passed on, and the text that was not."""
        self.found = False

    def feed(self, text: str) -> str:
        """The text that may be passed on now."""
        return self._passed(text, ended=False)

    def flush(self) -> str:
        """The rest, at the end of the answer."""
        return self._passed("", ended=True)

    def _passed(self, text: str, *, ended: bool) -> str:
        view, at, out = self._tail + self._held + text, len(self._tail), []
        end = len(view)
        for start in range(len(view) - _BEGIN + 1):
            if start + _BEGIN <= at or view[start : start + _BEGIN] not in self._begins:
                continue
            length = self._length_of(view, start, ended=ended)
            if length is None:
                end = max(at, start)
                break
            if length:
                out += [view[at : max(at, start)], MARK]
                at, self.found = max(at, start + length), True
        out.append(view[at:end])
        passed = "".join(out)
        self._tail, self._held = (self._tail + passed)[-_BEGIN:], view[end:]
        return passed

    def _length_of(self, view: str, start: int, *, ended: bool) -> int | None:
        """Characters of the secret that begins there: 0 for none, ``None`` where the text to come decides."""
        found = next((each for each in self._secrets if view.startswith(each, start)), "")
        if found:
            return len(found)
        rest = len(view) - start
        begun = not ended and any(
            rest < len(each) and each.startswith(view[start:]) for each in self._secrets
        )
        for form in self._forms:
            length = form.read(view, start, ended=ended)
            if length and not any(view[start : start + length] in text for text in self._known):
                return length
            begun |= length is None
        return None if begun else 0
