"""Frames: the same question in other words is told, and one small word that turns it is seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.reuse.frames import frame_of
from routing.reuse.framing import LONGEST, framed_alike
from routing.reuse.languages import language_of
from routing.reuse.model import ReuseModel
from routing.reuse.pair_features import compare


def alike(one: str, other: str) -> bool:
    languages = [language_of(text.casefold()) for text in (one, other)]
    told = framed_alike(one, other, languages)
    assert framed_alike(other, one, languages) == told
    return told


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Why do onions make us cry?", "What's the reason onions make us cry?"),
        ("How do I descale a kettle?", "What is the best way to descale a kettle?"),
        ("how 2 descale a kettle", "Show me how to descale a kettle, please."),
        ("How many strings does a harp have?", "What is the number of strings on a harp?"),
        ("How tall is Ben Nevis?", "What's the height of Ben Nevis?"),
        ("What does 'laconic' mean?", "Definition of laconic"),
        ("What is the anthem of Latvia?", "Which is Latvia's anthem?"),
        ("Recipe for a sponge cake", "How do I bake a sponge cake?"),
        ("How do yoghurt and kefir differ?", "Difference between yoghurt and kefir"),
        ("Who wrote Middlemarch?", "Who is the author of Middlemarch?"),
        ("How do I cancel my lease?", "How can I terminate my lease?"),
        ("What does HTTP 418 mean?", "Meaning of HTTP status 418"),
        ("Warum sind Flamingos rosa?", "Aus welchem Grund sind Flamingos rosa?"),
        ("Wie hoch ist der Watzmann?", "Was ist die Höhe des Watzmanns?"),
        (
            "Comment détartrer une bouilloire ?",
            "Quelle est la meilleure façon de détartrer une bouilloire ?",
        ),
        (
            "¿Por qué los flamencos son rosas?",
            "¿Cuál es la razón por la que los flamencos son rosas?",
        ),
        ("Quanto custa um bilhete de metrô?", "Qual é o preço de um bilhete de metrô?"),
        ("Perché i fenicotteri sono rosa?", "Per quale motivo i fenicotteri sono rosa?"),
        ("Hoe bak ik een appeltaart?", "Wat is het recept voor een appeltaart?"),
        ("Dlaczego flamingi są różowe?", "Z jakiego powodu flamingi są różowe?"),
        ("Varför är flamingor rosa?", "Vad är anledningen till att flamingor är rosa?"),
        ("Compare rum and gin.", "How do rum and gin differ?"),
        ("Tips on how to prune ivy", "What is the recommended method for pruning ivy?"),
        ("Why don't my figs ripen?", "Why are my figs not ripening?"),
        (
            "Why did the Fidenae theatre collapse?",
            "What caused the collapse of the Fidenae theatre?",
        ),
        ("How is felt made?", "How do they make felt?"),
        ("Where do I renew a fishing licence?", "Where can I renew a licence for fishing?"),
        ("Suggest a stretching plan for runners", "Could you recommend a runner stretching plan?"),
        ("In Kotlin, how do I reverse a map?", "How do I reverse a map in Kotlin?"),
        ("What is the difference between fog and mist", "whats the diffrence between fog and mist"),
        ("How do I treat rheumatism?", "How do I treat rhuematism?"),
        ("How many kilometres are 9 miles?", "convert 9 miles to km"),
        ("Wie schäle ich eine Mango?", "Kannst du mir erklären, wie man eine Mango schält?"),
        ("Worin unterscheiden sich Nebel und Dunst?", "Vergleiche Nebel und Dunst"),
        ("Wann starb Haydn?", "Was war das Datum von Haydns Tod?"),
        ("Comment tailler un figuier ?", "Pourriez-vous me dire comment tailler un figuier ?"),
        ("¿Cuándo murió Goya?", "¿Cuál fue la fecha de la muerte de Goya?"),
        ("Come si pota un fico?", "Qual è il modo giusto di potare un fico?"),
        ("Perché crollò il ponte?", "Quali furono le cause del crollo del ponte?"),
        ("Como faço para podar uma figueira?", "Qual é o jeito certo de podar uma figueira?"),
        ("Hoe snoei ik een vijg?", "Kunt u mij vertellen hoe je een vijg snoeit?"),
    ],
)
def test_the_same_in_other_words(one: str, other: str) -> None:
    assert alike(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Why do onions make us cry?", "How do onions make us cry?"),
        ("Why do onions make us cry?", "Why do shallots make us cry?"),
        ("Who taught Plato?", "Who did Plato teach?"),
        ("How do I sublet a room?", "How do I sublet a room from a tenant?"),
        ("How do I print a list?", "How do I print out a list?"),
        ("How many strings does a harp have?", "How many strings does a lute have?"),
        ("How tall is Ben Nevis?", "How old is Ben Nevis?"),
        ("What is the anthem of Niger?", "What is the anthem of Nigeria?"),
        ("Why did she leave him?", "Why did he leave her?"),
        ("Who lent me a pen?", "Who did I lend a pen?"),
        ("What is & in C?", "What is && in C?"),
        ("When was the abbey built?", "Where was the abbey built?"),
        ("Can I feed ducks bread?", "Should I feed ducks bread?"),
        ("What happens if I mix them?", "Why should I mix them?"),
        ("Wer lehrte Platon?", "Wen lehrte Platon?"),
        ("Vem lärde Platon?", "Vem lärdes Platon av?"),
        ("Var är stationen?", "Var var stationen?"),
        ("How do I work for banks?", "How do banks work?"),
        ("What do you think of dogs?", "What do dogs think?"),
        ("How do I open Excel files in Word?", "How do I open Word in Excel files?"),
        ("Why do my figs ripen?", "Why don't my figs ripen?"),
        ("How is mediation learned?", "How is meditation learned?"),
        ("Convert 9 miles to km", "Convert 9 km to miles"),
        ("Warum liebt Anna Peter?", "Warum liebt Peter Anna?"),
        ("Pourquoi le chat mord le chien ?", "Pourquoi le chien mord le chat ?"),
        ("", "What is it?"),
        ("What is it?", "Which is it?"),
    ],
)
def test_another_question(one: str, other: str) -> None:
    assert not alike(one, other)


def test_languages_without_phrases_are_framed_like_none() -> None:
    assert not framed_alike("Jak upéct štrúdl?", "Recept na štrúdl?", ("cs", "cs"))


def test_long_questions_say_more_than_one_frame_holds() -> None:
    asked = "Why is it " + "very " * LONGEST + "late?"
    assert not framed_alike(asked, asked, ("en", "en"))


@given(st.text(max_size=LONGEST))
def test_any_text_has_a_frame(text: str) -> None:
    for language in ("en", "de", "fr", "sv"):
        assert frame_of(text, language) == frame_of(text, language)


def test_a_lone_answer_to_the_same_in_other_words_is_likelier() -> None:
    model = ReuseModel.load()
    asked, same = "How tall is Ben Nevis?", "What's the height of Ben Nevis?"
    other = "What's the weight of Ben Nevis?"

    assert compare(asked, same, model.weight_of)["framed"] == 1
    assert compare(asked, other, model.weight_of)["framed"] == 0
    assert model.estimate(asked, same, 0.9).probability > model.cut(1, known=0)
    assert model.estimate(asked, other, 0.9).probability < model.cut(1, known=0)
