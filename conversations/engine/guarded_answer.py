"""Output guard over the parts of one answer: text, shown thoughts, and the arguments of each tool call.

Each part has a watch of its own, made when the part begins: what is held back of one does not wait for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from conversations.engine.ports import OutputWatch

TEXT, THOUGHT = "text", "thought"
Make = Callable[[], OutputWatch | None]
Part = str | int
"""TEXT, THOUGHT, or the index of a call."""


@dataclass(frozen=True, slots=True)
class Watches:
    """Makers of watches: one for text that people read, one for arguments that programs read."""

    text: Make = lambda: None
    call: Make = lambda: None


class GuardedAnswer:
    """Filters of one model's answer."""

    def __init__(self, make: Watches) -> None:
        self._make = make
        self._watches: dict[Part, OutputWatch | None] = {}

    def feed(self, part: Part, text: str) -> str:
        """What may be passed on of a part, with this piece."""
        if part not in self._watches:
            make = self._make.call if isinstance(part, int) else self._make.text
            self._watches[part] = make()
        watch = self._watches[part]
        return watch.feed(text) if watch else text

    def flush(self, *, but: Part | None = None) -> Iterator[tuple[Part, str]]:
        """The held rest of each part, but of the one that goes on."""
        for part, watch in self._watches.items():
            if part != but and watch and (rest := watch.flush()):
                yield part, rest

    @property
    def found(self) -> tuple[str, ...]:
        """The kinds of what was found so far."""
        return self._kinds(lambda watch: watch.found)

    @property
    def removed(self) -> tuple[str, ...]:
        """The kinds of what was cut out."""
        return self._kinds(lambda watch: watch.removed)

    def removed_of(self, part: Part) -> bool:
        """Whether something was cut out of a part."""
        watch = self._watches.get(part)
        return bool(watch and watch.removed)

    def _kinds(self, of: Callable[[OutputWatch], tuple[str, ...]]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(kind for watch in self._watches.values() if watch for kind in of(watch)))  # fmt: skip
