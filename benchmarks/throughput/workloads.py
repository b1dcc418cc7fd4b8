"""What is asked and what is answered: the prompt says how long the answer is and how it is paced."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

_ASKED = re.compile(
    rb"\[(\d{1,5}) tokens(?: after (\d{1,6}) ms, then every (\d{1,6}) ms)?(?:, decided in (\d{1,6}) ms)?\]"
)
_WORDS = (
    "light", "water", "stone", "paper", "garden", "window", "river", "silver", "morning", "letter",
    "copper", "harbour", "winter", "music", "forest", "candle", "bridge", "market", "island", "thunder",
)  # fmt: skip
_ADJECTIVES = [
    "old",
    "quiet",
    "narrow",
    "heavy",
    "golden",
    "distant",
    "wooden",
    "frozen",
    "early",
    "hidden",
    "open",
    "steep",
]
_NOUNS = [
    "lighthouse",
    "tractor",
    "violin",
    "volcano",
    "library",
    "beehive",
    "submarine",
    "bakery",
    "glacier",
    "loom",
    "telescope",
    "orchard",
    "locomotive",
    "mosaic",
    "windmill",
    "compass",
    "aquarium",
    "cathedral",
    "skateboard",
    "greenhouse",
]
_DEEDS = [
    "repaired",
    "painted",
    "moved",
    "measured",
    "insured",
    "photographed",
    "cleaned",
    "sold",
    "translated",
    "catalogued",
    "inspected",
    "restored",
]
_PLACES = [
    "Norway",
    "Peru",
    "Kyoto",
    "Ghana",
    "Malta",
    "Oregon",
    "Crete",
    "Lapland",
    "Samoa",
    "Bavaria",
    "Patagonia",
]


@dataclass(frozen=True, slots=True)
class Workload:
    """An answer of ``tokens`` tokens. The first comes after ``first_ms``, the others every
    ``between_ms``; with neither, all come at once. A classifier that is asked about it takes ``decided_ms``."""

    tokens: int
    first_ms: int = 0
    between_ms: int = 0
    decided_ms: int = 0

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.tokens} tokens, paced" if self.is_paced else f"{self.tokens}-token burst"

    @property
    def is_paced(self) -> bool:
        """Whether its tokens come one by one."""
        return bool(self.first_ms or self.between_ms)

    @property
    def seconds(self) -> float:
        """From the request to the last token."""
        return (self.first_ms + (self.tokens - 1) * self.between_ms) / 1000

    @property
    def mark(self) -> str:
        """How a prompt asks for it."""
        pace = f" after {self.first_ms} ms, then every {self.between_ms} ms" * self.is_paced
        decided = f", decided in {self.decided_ms} ms" * bool(self.decided_ms)
        return f"[{self.tokens} tokens{pace}{decided}]"

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(pieces(self.tokens))


ONE = Workload(1)
HUNDRED = Workload(100)
PACED = Workload(200, first_ms=300, between_ms=20)
REALISTIC = Workload(20, first_ms=500, between_ms=20, decided_ms=600)
UNASKED = HUNDRED
"""For a prompt that does not say."""


def asked(body: bytes) -> Workload:
    """The workload that a request's body asks for: the last one, should there be several."""
    found = _ASKED.findall(body)
    return Workload(*(int(number or 0) for number in found[-1])) if found else UNASKED


def pieces(tokens: int) -> Iterator[str]:
    """The texts of the tokens; every one but the first begins with the answer's only spaces."""
    for at in range(tokens):
        yield f"{' ' if at else ''}{_WORDS[at % len(_WORDS)]}"


def prompts(workload: Workload, start: int = 0) -> Iterator[str]:
    """Questions that nobody asked before, and that mean something else each time."""
    for at in count(start):
        adjective, noun = _ADJECTIVES[at % 12], _NOUNS[at * 7 % 20]
        deed, place = _DEEDS[at * 5 % 12], _PLACES[at * 3 % 11]
        about = f"how the {adjective} {noun} number {at} was {deed} in {place}"
        yield f"{workload.mark} Tell me {about}."
