"""Telling languages apart, where it matters."""

from __future__ import annotations

import pytest

from routing.reuse.languages import LATIN, language_of, readable_by


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
        ("Jak si změním heslo?", "cs"),
        ("Kde je hlavné nádražie?", "cs"),
        ("Hvordan skifter jeg min adgangskode?", "da"),
        ("Hva er hovedstaden i Norge?", "da"),
        ("Kuidas ma saan oma parooli vahetada?", "et"),
        ("Miten vaihdan salasanani?", "fi"),
        ("Kako mogu promijeniti lozinku?", "hr"),
        ("Hogyan tudom megváltoztatni a jelszavamat?", "hu"),
        ("Bagaimana cara mengganti kata sandi saya?", "id"),
        ("Cum îmi pot schimba parola?", "ro"),
        ("Şifremi nasıl değiştirebilirim?", "tr"),  # noqa: RUF001
        ("Làm thế nào để đổi mật khẩu của tôi?", "vi"),
        ("Какая столица Франции?", "cyrillic"),
        ("フランスの首都はどこですか", "japanese"),
        ("法国的首都是哪里", "cjk"),
        ("프랑스의 수도는 어디입니까?", "hangul"),
        ("ما هي عاصمة فرنسا؟", "arabic"),
        ("Ile kosztuje bilet?", "pl"),
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
