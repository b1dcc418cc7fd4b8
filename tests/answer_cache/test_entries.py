"""Which questions are the same question."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversations.adapters.answer_cache.entries import curated_id, normalized, question_hash


@pytest.mark.parametrize(
    "same",
    [
        "what is the capital of france",
        "  What is the\n capital of France ?!",
        "WHAT IS THE CAPITAL OF FRANCE…",
        "\uff37hat is the \uff43apital of France\uff1f",
    ],
)
def test_form_makes_no_difference(same: str) -> None:
    assert question_hash(same) == question_hash("What is the capital of France?")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 10²?", "What is 102?"),
        ("What is ½ of 3?", "What is 1\u20442 of 3?"),
        ("What is 5!", "What is 5"),
        ("Is C++ fast?", "Is C fast?"),
        ("?", "!"),
        ("résumé", "resume"),
        ("Can I?", "I can?"),
        ("What does ls -r do?", "What does ls -R do?"),
        ("grep --Only", "grep --only"),
        (r"Meaning of \d in a regex", r"Meaning of \D in a regex"),
        ("date with %m", "date with %M"),
    ],
)
def test_meaning_does(one: str, other: str) -> None:
    assert question_hash(one) != question_hash(other)


@given(st.text())
def test_any_text_has_a_hash_that_space_around_it_does_not_change(question: str) -> None:
    assert question_hash(f" \n{question}\t ") == question_hash(question)
    assert normalized(question).strip() == normalized(question)


def test_a_curated_answer_has_one_id_however_it_is_written() -> None:
    assert curated_id("How do I pay?") == curated_id("how do i pay")
