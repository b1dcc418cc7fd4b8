"""Text as it comes from providers is fit to be stored and sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.common.text import TextCleaner


def cleaned(*pieces: str) -> str:
    cleaner = TextCleaner()
    return "".join(cleaner.clean(piece) for piece in pieces)


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        (("plain",), "plain"),
        (("a\x00b",), "ab"),
        (("é\x00",), "é"),
        (("\ud83d", "\ude00!"), "😀!"),
        (("\ud83d", "x"), "\ufffdx"),
        (("\ude00x",), "\ufffdx"),
        (("\ud83d\ude00",), "😀"),
    ],
)
def test_halves_meet_and_what_cannot_be_stored_goes(pieces: tuple[str, ...], text: str) -> None:
    assert cleaned(*pieces) == text


@given(st.lists(st.text(st.characters(categories=["L", "N", "So", "Cs", "Cc"]))))
def test_what_comes_out_can_always_be_sent(pieces: list[str]) -> None:
    text = cleaned(*pieces)

    assert text.encode().decode() == text
    assert "\x00" not in text
