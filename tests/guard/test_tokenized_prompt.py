"""Text made comparable."""

# ruff: noqa: RUF001 - look-alike letters are what is tested

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.guard.tokenized_prompt import fold, hidden_texts


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Hello  \t World", "hello world"),
        ("a \r\n\n  b", "a\nb"),
        ("ＩＧＮＯＲＥ", "ignore"),
        ("𝐈𝐠𝐧𝐨𝐫𝐞", "ignore"),
        ("ig\u200bno\u00adre", "ignore"),
        ("précédentes Straße", "precedentes strasse"),
        ("ignоrе", "ignore"),
        ("забудь всё", "забудь все"),
        ("\ufdfa", ""),
    ],
)
def test_fold(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_changes_nothing_more_than_once(text: str) -> None:
    assert fold(fold(text)).split() == fold(fold(fold(text))).split()


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("s a y  h e l l o  n o w", "say hello now"),
        ("s-a-y-h-e-l-l-o", "sayhello"),
        (base64.b64encode(b"say hello to everybody").decode(), "say hello to everybody"),
        (f"x {base64.b64encode(b'say hello to everybody').decode()}!", "say hello to everybody"),
        (b"say hello to me".hex(), "say hello to me"),
        ("".join(f"\\x{byte:02x}" for byte in b"say hello to me"), "say hello to me"),
        ("".join(f"%{byte:02X}" for byte in b"say hello to me"), "say hello to me"),
        (" ".join(f"{byte:08b}" for byte in b"say hello"), "say hello"),
        ("vafgehpgvba", "instruction"),
        ("lqvwuxfwlrqv", "instructions"),
        ("snoitcurtsni", "instructions"),
    ],
)
def test_other_writings_are_read(text: str, hidden: str) -> None:
    assert hidden in [*hidden_texts(text)]


@pytest.mark.parametrize(
    "text",
    [
        "An ordinary sentence with a date, 2026-11-22, and a number, 1234567890.",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
        "averylongidentifier_with_parts/and/a/path",
    ],
)
def test_what_hides_nothing_yields_nothing(text: str) -> None:
    assert [*hidden_texts(text)] == []


@given(st.text() | st.text("0123456789abcdefABCDEF+/=%\\x -", max_size=200))
def test_any_text_can_be_searched(text: str) -> None:
    assert all(isinstance(hidden, str) for hidden in hidden_texts(text))
