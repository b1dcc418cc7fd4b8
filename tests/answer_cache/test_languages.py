"""Telling languages apart, where it matters."""

from __future__ import annotations

import pytest

from conversations.adapters.answer_cache.entries import LATIN, language_of, readable_by


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the capital of France?", "en"),
        ("how do I reset my password", "en"),
        ("Was ist die Hauptstadt von Frankreich?", "de"),
        ("Wie kann ich mein Passwort zurücksetzen?", "de"),
        ("Quelle est la capitale de la France ?", "fr"),
        ("¿Cuál es la capital de Francia?", "es"),
        ("Qual è la capitale della Francia?", "it"),
        ("Qual é a capital da França?", "pt"),
        ("Wat is de hoofdstad van Frankrijk?", "nl"),
        ("Jak mogę zresetować hasło do konta?", "pl"),
        ("Vad är huvudstaden i Frankrike?", "sv"),
        ("Какая столица Франции?", "cyrillic"),
        ("フランスの首都はどこですか", "japanese"),
        ("法国的首都是哪里", "cjk"),
        ("프랑스의 수도는 어디입니까?", "hangul"),
        ("ما هي عاصمة فرنسا؟", "arabic"),
        ("enable 2FA", LATIN),
        ("1 + 1", LATIN),
        ("", LATIN),
    ],
)
def test_a_question_is_in_a_language(text: str, language: str) -> None:
    assert language_of(text) == language


def test_who_reads_what() -> None:
    assert readable_by("en") == ["en", LATIN]
    assert readable_by("cyrillic") == ["cyrillic"]
    assert {"en", "de", LATIN} <= set(readable_by(LATIN))
    assert "cyrillic" not in readable_by(LATIN)
