"""Text as it comes from providers is fit to be stored and sent."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.common.text import TextCleaner, unicode_form


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


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@given(text=st.text(st.characters(codec="utf-8"), max_size=400), times=st.integers(1, 40))
def test_a_unicode_form_is_the_standards(form: Any, text: str, times: int) -> None:
    assert unicode_form(form, text * times) == unicodedata.normalize(form, text * times)


@pytest.mark.parametrize(
    "text",
    [
        "\u1112\u1161\u11ab\u1100\u1173\u11af " * 100,
        "e\u0323\u0301" * 200,
        "\u0928\u093c\u093e" * 200,
        "\uff76\uff9e" * 200,
        "x" * 127 + "e\u0301" * 5,
    ],
)
def test_no_character_is_cut_in_two(text: str) -> None:
    assert unicode_form("NFKC", text) == unicodedata.normalize("NFKC", text)
