"""Curated files: questions and answers from CSV or JSON lines; every row is returned, good or at fault."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import orjson

from conversations.adapters.answer_cache.entries import question_hash


@dataclass(frozen=True, slots=True)
class CuratedRow:
    """A question and its answer, and the line of the file it begins on."""

    line: int
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class RowFault:
    """A row that can't be used, and the reason."""

    line: int
    detail: str


def read_rows(path: Path, *, longest_question: int) -> Iterator[CuratedRow | RowFault]:
    """Rows of a CSV file with the header ``question,answer``, or of a file of JSON lines (``.jsonl``,
    ``.ndjson``) with objects of these two. UTF-8. ``longest_question`` is in characters.

    Raises ``OSError`` when it can't be opened.
    """
    json_lines = path.suffix.lower() in {".jsonl", ".ndjson"}
    first_on: dict[str, int] = {}
    # What is no UTF-8 becomes half a surrogate pair, and is found in its own row.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        for line, record in _json_records(file) if json_lines else _csv_records(file):
            row = _checked(line, record, longest_question)
            if isinstance(row, CuratedRow):
                earlier = first_on.setdefault(question_hash(row.question), line)
                if earlier != line:
                    row = RowFault(line, f"asks the same as line {earlier}")
            yield row


class _Lines:
    """A file's lines, counted as they are taken: ``csv`` does not count those of a bad record."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.taken = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.taken += 1
            yield line


def _csv_records(file: TextIO) -> Iterator[tuple[int, Any]]:
    lines = _Lines(file)
    reader = csv.reader(lines, strict=True)
    try:
        header = next(reader, [])
    except csv.Error as exc:
        header = []
        yield 1, f"is no CSV: {exc}"
    if missing := {"question", "answer"} - set(header):
        yield 1, f"the header does not name {' and '.join(sorted(missing))}"
        return
    yield from _csv_rows(reader, lines, header)


def _csv_rows(
    reader: Iterator[list[str]], lines: _Lines, header: list[str]
) -> Iterator[tuple[int, Any]]:
    while True:
        line = lines.taken + 1
        try:
            fields = next(reader, None)
        except csv.Error as exc:
            yield line, f"is no CSV: {exc}"
            continue
        if fields is None:
            return
        if len(fields) > len(header):
            yield line, "has more fields than the header"
        elif fields:
            yield line, dict(zip(header, fields, strict=False))


def _json_records(file: TextIO) -> Iterator[tuple[int, Any]]:
    for line, text in enumerate(file, start=1):
        if text.strip():
            try:
                yield line, orjson.loads(text.encode("utf-8", "surrogateescape"))
            except orjson.JSONDecodeError as exc:
                yield line, f"is no JSON: {exc}"


def _checked(line: int, record: Any, longest_question: int) -> CuratedRow | RowFault:
    """``record`` is a row's fields, or the text of its fault."""
    if not isinstance(record, Mapping):
        return RowFault(line, record if isinstance(record, str) else "is no JSON object")
    texts = []
    for name in ("question", "answer"):
        text = record.get(name)
        if not isinstance(text, str) or not text.strip():
            return RowFault(line, f"has no {name}")
        if not _is_utf8(text):
            return RowFault(line, f"has a {name} that is not UTF-8")
        texts.append(text.strip())
    if len(texts[0]) > longest_question:
        return RowFault(line, f"has a question of more than {longest_question} characters")
    return CuratedRow(line, *texts)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
