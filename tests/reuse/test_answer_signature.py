"""Answers that say the same have gists that are near."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from routing.embeddings.local import MiniLM
from routing.reuse.answer_signature import answer_signature, group_answers

RESET = (
    "To reset your password, open the sign-in page, choose Forgot password and enter your address.",
    "You can reset your password from the login page: click Forgot password and follow the link.",
)
OTHERS = (
    "To change your email address, open Settings, choose Account, and enter the new email address.",
    "Paris is the capital of France.",
    "Madrid is the capital of Spain.",
)


@pytest.fixture(scope="module")
def mini() -> MiniLM:
    return MiniLM(Path(settings.DATA_DIR))


def test_answers_that_say_the_same_are_one_group(mini: MiniLM) -> None:
    said = [
        answer_signature(mini.vectors([mini.tokenize(text)])[0].tolist())
        for text in (*RESET, *OTHERS)
    ]
    assert group_answers(said) == [0, 0, 2, 3, 4]


def test_what_has_no_gist_is_by_itself() -> None:
    same = answer_signature([1.0, 0.0, 0.0])
    assert group_answers(["", same, "", same]) == [0, 1, 2, 1]


def test_a_gist_is_the_same_in_every_process() -> None:
    assert answer_signature([0.6, -0.8]) == answer_signature([0.6, -0.8])
    assert len(answer_signature([0.6, -0.8])) == 64
    assert answer_signature([0.6, -0.8]).startswith("5d2d9ad3")
