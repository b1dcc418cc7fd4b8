"""Files of questions and answers, good and bad."""

from __future__ import annotations

from pathlib import Path

import pytest

from conversations.adapters.answer_cache.curated_files import CuratedRow, RowFault, read_rows


def read(tmp_path: Path, name: str, content: str | bytes) -> list[CuratedRow | RowFault]:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_rows(path, longest_question=40))


def test_csv_with_quotes_line_breaks_and_more_columns(tmp_path: Path) -> None:
    content = '\ufeffid,question,answer\n1,"How, exactly?","First.\nThen."\n\n2, Why? ,Because.\n'
    assert read(tmp_path, "faq.csv", content) == [
        CuratedRow(2, "How, exactly?", "First.\nThen."),
        CuratedRow(5, "Why?", "Because."),
    ]


def test_json_lines(tmp_path: Path) -> None:
    content = '{"question": "Why?", "answer": "Because."}\n\n{"answer": "Ü", "question": "Wie?"}'
    assert read(tmp_path, "faq.jsonl", content) == [
        CuratedRow(1, "Why?", "Because."),
        CuratedRow(3, "Wie?", "Ü"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "line", "told"),
    [
        ("a.csv", "q,a\nWhy?,Because.", 1, "does not name answer and question"),
        ("a.csv", "", 1, "does not name"),
        ("a.csv", "question,answer\n,Because.", 2, "has no question"),
        ("a.csv", "question,answer\nWhy?", 2, "has no answer"),
        ("a.csv", "question,answer\nWhy?,Because, of, commas", 2, "more fields"),
        ("a.csv", 'question,answer\n"Why?"x,y\n', 2, "no CSV"),
        ("a.csv", b"question,answer\nWhy\xff?,Because.", 2, "not UTF-8"),
        ("a.csv", f"question,answer\n{'x' * 41},Because.", 2, "more than 40 characters"),
        ("a.jsonl", '{"question": "Why?", "answer": 3}', 1, "has no answer"),
        ("a.jsonl", '\n{"question": "Why?"', 2, "no JSON"),
        ("a.jsonl", '["Why?", "Because."]', 1, "no JSON object"),
        ("a.jsonl", b'{"question": "Why\xff?", "answer": "Because."}', 1, "no JSON"),
    ],
)
def test_a_bad_row_is_named(
    tmp_path: Path, name: str, content: str | bytes, line: int, told: str
) -> None:
    (fault,) = read(tmp_path, name, content)
    assert isinstance(fault, RowFault)
    assert fault.line == line
    assert told in fault.detail


def test_a_header_that_is_no_csv_is_told(tmp_path: Path) -> None:
    found = read(tmp_path, "a.csv", 'question,"ans"wer\nWhy?,Because.\n')
    assert found
    assert all(isinstance(row, RowFault) for row in found)


def test_rows_after_a_bad_one_are_read(tmp_path: Path) -> None:
    content = 'question,answer\n"Why?"x,y\nHow?,So.\n,\nWhen?,Now.\n'
    found = read(tmp_path, "a.csv", content)
    assert [type(row) for row in found] == [RowFault, CuratedRow, RowFault, CuratedRow]
    assert [row.line for row in found] == [2, 3, 4, 5]


def test_the_same_question_twice_is_not_answered_by_chance(tmp_path: Path) -> None:
    content = "question,answer\nWhy?,Because.\nHow?,So.\nwhy,Who knows.\n"
    assert read(tmp_path, "a.csv", content)[2] == RowFault(4, "asks the same as line 2")
