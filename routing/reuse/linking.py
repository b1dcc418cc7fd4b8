"""Links between stored answers: which are known to say the same, and which are known to differ. Pure.

An answer is compared once, when it is stored, with the answers of its nearest neighbours, one of each group
that is known to say the same. It joins the group that it agrees with and is apart from the others that
were shown; of all else nothing is known. A mistake stays with the one answer.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

from routing.reuse.pair_features import compare

Group = TypeVar("Group", bound=Hashable)
Item = TypeVar("Item")

NEAR_ENOUGH = 0.5
"""Cosine of two questions from which their answers are compared."""
SHOWN = 6
"""Answers that one is compared with at most."""


@dataclass(frozen=True, slots=True)
class Known(Generic[Group]):
    """Knowledge of an answer: its ``group`` of answers that say the same, and the groups that differ."""

    group: Group
    apart: frozenset[Group]

    @classmethod
    def judged(cls, own: Group, shown: Sequence[Group], same: int | None) -> Known[Group]:
        """After it was compared with one answer of each group in ``shown``; it says the same as the one
        at ``same``, or as none, and then has a group of its ``own``."""
        group = own if same is None else shown[same]
        return cls(group, frozenset(shown) - {group})


def link_candidates(near: Sequence[tuple[Item, Group]]) -> list[tuple[Item, Group]]:
    """The nearest answer of each of the nearest groups."""
    nearest: dict[Group, tuple[Item, Group]] = {}
    for one in near:
        nearest.setdefault(one[1], one)
    return list(nearest.values())[:SHOWN]


def conflict(one: str, other: str) -> bool:
    """Whether two answers differ for certain: they have numbers, or
    parts of code, but not one in common, or the same words where only one has a negation."""
    a, b = _figures(one), _figures(other)
    if any(left and right and not left & right for left, right in zip(a, b, strict=True)):
        return True
    signals = compare(_plain(one), _plain(other), lambda _: 3.0)
    return bool(signals["negated"] or signals["negation_alone"])


_LISTED = re.compile(r"^[ \t]{0,8}(?:\d{1,2}[.)]|step \d{1,2}:?)\s", re.IGNORECASE | re.MULTILINE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CODE = re.compile(
    r"`([^`\n]{1,200})`|(?<!\S)(--?[a-z][\w-]{0,60})|\b(\w{1,60}=\w{1,60})", re.IGNORECASE
)


def _plain(text: str) -> str:
    # The numbers of a list's items say nothing.
    return _LISTED.sub("", text)


@lru_cache(maxsize=1_024)
def _figures(text: str) -> tuple[frozenset[str], frozenset[str]]:
    code = frozenset("".join(found).strip() for found in _CODE.findall(text))
    # Number words are left out: "ten thousand" is two of them.
    return frozenset(one.replace(",", "") for one in _NUMBER.findall(_plain(text))), code
