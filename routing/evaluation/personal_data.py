"""How well personal data is told from what is everybody's, on labelled sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from routing.common.files import read_table
from routing.guard.personal import personal_data


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence; ``personal`` where it tells something of somebody."""

    text: str
    kind: str
    language: str
    personal: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A sentence and the kinds of personal data that were found in it."""

    sentence: Sentence
    found: frozenset[str]

    @property
    def right(self) -> bool:
        """Whether something was found where, and only where, it should be."""
        return bool(self.found) == self.sentence.personal


@dataclass(frozen=True, slots=True)
class Counts:
    """Personal sentences and those of them that were found, and the others found by mistake."""

    personal: int
    found: int
    others: int
    mistaken: int

    @property
    def precision(self) -> float | None:
        """Of all that was found, the share that is personal; ``None`` where nothing was found."""
        either = self.found + self.mistaken
        return self.found / either if either else None


def read_sentences(path: Path) -> list[Sentence]:
    """Rows of a CSV file with ``text``, ``label`` (1: personal), and ``kind`` and ``language`` where there
    are some. Raises ``TableFault``."""
    rows = read_table(path, "'text' and 'label'", {"text"}, {"label"})
    return [
        Sentence(
            row["text"] or "", row.get("kind") or "", row.get("language") or "", row["label"] == "1"
        )
        for row in rows
    ]


def judge(sentences: Iterable[Sentence]) -> list[Judged]:
    """What is found in each."""
    return [Judged(sentence, personal_data(sentence.text)) for sentence in sentences]


def counts(judged: Sequence[Judged]) -> Counts:
    """The sums of some sentences."""
    personal = [each for each in judged if each.sentence.personal]
    others = [each for each in judged if not each.sentence.personal]
    return Counts(
        len(personal),
        sum(each.right for each in personal),
        len(others),
        sum(not each.right for each in others),
    )
