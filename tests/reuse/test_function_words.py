"""Small words that turn a question although its topic stays: vetoes, doubts, and pairs without either."""

from __future__ import annotations

import pytest

from routing.reuse.pair_features import UNCERTAIN, VETOES, compare, uncertain, vetoes


def signals(one: str, other: str) -> dict[str, float]:
    return compare(one, other, lambda _: 3.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Which mushrooms are edible?", "Which mushrooms aren't edible?"),
        ("Welche Pilze sind essbar?", "Welche Pilze sind nicht essbar?"),
        ("Puis-je manger avant ?", "Je ne peux rien manger avant ?"),
        ("¿Qué puedo comer antes?", "¿Qué no puedo comer antes?"),
        ("Cosa posso mangiare prima?", "Cosa non posso mangiare prima?"),
        ("O que posso comer antes de um exame?", "O que não posso comer antes de um exame?"),
        ("Wat mag ik eten?", "Wat mag ik niet eten?"),
        ("Co mogę jeść przed badaniem?", "Czego nie mogę jeść przed badaniem?"),
        ("Vad kan jag äta?", "Vad kan jag inte äta?"),
        ("How do I sign in with a password?", "How do I sign in without a password?"),
    ],
)
def test_a_negation_in_one_question_is_a_veto(one: str, other: str) -> None:
    assert "negation_words" in vetoes(signals(one, other))
    assert "negation_words" in vetoes(signals(other, one))
    assert not vetoes(signals(one, one))


@pytest.mark.parametrize(
    ("doubt", "one", "other"),
    [
        ("quantifier", "Are all mushrooms edible?", "Are any mushrooms edible?"),
        ("quantifier", "How do I log out of a device?", "How do I log out of all devices?"),
        ("quantifier", "Sind alle Pilze essbar?", "Sind einige Pilze essbar?"),
        ("quantifier", "¿Cuántos días tiene el mes?", "¿Cuántos días tiene todo el mes?"),
        ("tense", "Who is the mayor of Berlin?", "Who was the mayor of Berlin?"),
        ("tense", "Who is the mayor of Berlin?", "Who will be the mayor of Berlin?"),
        ("tense", "Quel est le prix ?", "Quel était le prix ?"),
        (
            "tense",
            "I'm sanding the floor, may I walk on it?",
            "I have sanded the floor, may I walk on it?",
        ),
        ("particle", "Can I lease out my garage?", "Can I lease a garage?"),
        ("modal", "Should toddlers drink cocoa?", "May toddlers drink cocoa?"),
        ("modal", "Soll man Welpen baden?", "Muss man Welpen baden?"),
        ("roles", "Darf mein Chef mich filmen?", "Darf ich meinen Chef filmen?"),
        ("roles", "¿Puede mi vecina denunciarme?", "¿Puedo denunciar a mi vecina?"),
        ("counted", "Write a poem of four verses", "Write four poems of verses"),
        ("syntax_one_sided", "What does || do in C?", "What do | and || do in C?"),
        ("reordered", "Who beat Germany?", "Who did Germany beat?"),
        ("reordered", "Can my boss see my mail?", "Can I see my boss's mail?"),
        ("unlisted", "Как включить защиту?", "Как выключить защиту?"),
        ("unlisted", "如何重置我的密码?", "如何删除我的账户?"),
        ("unlisted", "Hvorfor virker internettet?", "Hvorfor virker internettet ikke?"),
        ("unlisted", "Şifremi değiştirebilir miyim?", "Şifremi değiştiremez miyim?"),
        ("quantifier", "Which plants need water every day?", "Which need water every other day?"),
        ("quantifier", "How do I water it every third day?", "How do I water it every day?"),
        ("quantifier", "Can I eat until the test?", "Can I eat once the test is over?"),
        ("reordered", "My sister owes me money", "I owe my sister money"),
        ("reordered", "What must my employer give me?", "What must I give my employer?"),
        (
            "reordered",
            "Le train est-il plus rapide que l'avion ?",
            "L'avion est-il plus rapide que le train ?",
        ),
        ("tense", "How has the pension law changed?", "How is the pension law going to change?"),
        ("tense", "Has the museum opened?", "When will the museum open?"),
        ("tense", "Is my parcel lost?", "Was my parcel lost?"),
        ("quantifier", "May I carry exactly two bags?", "May I carry at least two bags?"),
        ("quantifier", "Do up to 3 guests fit in?", "Do more than 3 guests fit in?"),
        ("quantifier", "Only Ann saw Bob, is that proof?", "Ann saw only Bob, is that proof?"),
        ("modal", "Do I have to tip in Oman?", "Can I tip in Oman?"),
        (
            "modal",
            "Is it a good idea to wake a sleepwalker?",
            "Is it allowed to wake a sleepwalker?",
        ),
        ("roles", "Who trained Mozart?", "Who did Mozart train?"),
        ("roles", "What firm bought Saab?", "What firm did Saab buy?"),
        ("voice", "How do I invite someone?", "How do I get invited by someone?"),
    ],
)
def test_a_difference_that_an_embedding_hardly_sees_is_a_doubt(
    doubt: str, one: str, other: str
) -> None:
    assert doubt in uncertain(signals(one, other))
    assert doubt in uncertain(signals(other, one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Why can't penguins fly?", "Why are penguins unable to fly?"),
        ("How do I sort a list in Python?", "In Python, how do I sort a list?"),
        ("What is the difference between a cat and a dog?", "How do a dog and a cat differ?"),
        ("Python sort list", "sort list Python"),
        ("How many ounces are in one pound?", "How many ounces are in a pound?"),
        ("Why was I charged twice?", "Why am I charged twice?"),
        ("Qual é o horário no Brasil?", "Qual é o horário do Brasil?"),
        ("Is the pool heated or not?", "Is the pool heated?"),
        ("Come mai è lento?", "Perché è lento?"),
        ("Show me how to fold a shirt", "How do I fold a shirt?"),
        ("What do people eat in Oman?", "What is eaten in Oman?"),
        ("What removes wax?", "What do I use to remove wax?"),
        ("Is it allowed to film here?", "Am I permitted to film here?"),
        ("Do I need to register a drone?", "Must I register a drone?"),
        ("Why was I charged twice?", "Why am I billed twice?"),
        ("Is it just a cold?", "Is it a cold?"),
    ],
)
def test_paraphrases_stay_free_of_function_words_objections(one: str, other: str) -> None:
    found = signals(one, other)
    assert not found["negation_words"]
    assert not uncertain(found)


def test_the_explained_signals_are_computed() -> None:
    assert signals("Why?", "How?").keys() >= VETOES.keys() | UNCERTAIN.keys()
