"""Known answers: first questions in the words of people, and texts that are what they claim to be."""

from __future__ import annotations

import contextlib
import gettext
import io
import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from assistant_site.simulator import known_answers
from assistant_site.simulator.known_answers import known_answer
from assistant_site.simulator.languages import LANGUAGES
from assistant_site.simulator.small_model import classify
from tests.simulator.rules import asked

pytestmark = pytest.mark.pure

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ROOT / "assistant_site" / "simulator" / "texts"
LOCALE = ROOT / "assistant_site" / "locale"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)

# A first question, a sign of its answer.
ASKED = [
    ("Write a Python function that merges two sorted lists.", "def merge_sorted"),
    ("Can you please write me a function in Python to merge two sorted lists?", "def merge_sorted"),
    ("Combine 2 sorted lists in python", "def merge_sorted"),
    ("Prove step by step that the square root of 2 is irrational.", r"\sqrt{2} = \frac{a}{b}"),
    ("Prove the irrationality of the square root of two.", r"\sqrt{2} = \frac{a}{b}"),
    ("Write a haiku about autumn rain.", "Rain on fallen leaves"),
    ("Write a sorting function in Python and JavaScript.", "function insertionSort"),
    ("Write a sorting function in two languages", "function insertionSort"),
    ("Write a function that sorts a list", "def quicksort"),
    ("Prove that \N{SQUARE ROOT}2 is irrational", r"\sqrt{2} = \frac{a}{b}"),
    ("Write a poem", "The sea has no use"),
    ("Write a short story", "Ember"),
    ("What is the capital of France?", "Paris"),
    ("Summarize Hamlet", "Claudius"),
    ("Make a table of the planets", "| Neptune |"),
    ("Show me a table with the planets of our solar system and their diameters.", "| Neptune |"),
    ('Translate "Good morning, how are you?" into French', "comment allez-vous"),
    ("Write a polite e-mail to move a meeting to next week", "**Subject:**"),
    ("Plan a weekend in Lisbon", "   - Morning\n     - Walk"),
    ("Plan a 3-day trip to Lisbon with a nested list.", "   - Morning\n     - Walk"),
    ("Write a short poem about the sea.", "The sea has no use"),
    ("Tell me a bedtime story about a shy dragon.", "Ember"),
    ("Give me five slogans for a bicycle shop.", "5. **Go on"),
    ("Write a long story about a lighthouse keeper.", "A hundred and twelve"),
    ("Name three rivers in Europe.", "Danube"),
    ("Say hello.", "Hello!"),
    ("What can you do?", "Try one of these"),
    ("Why is the sky blue?", "Rayleigh"),
    ("Explain photosynthesis", "CO_2"),
    ("Explain recursion with an example in Python", "def factorial"),
    ("Compare Python and JavaScript in a table", "| Typing |"),
    ("Give me a packing checklist for a week at the beach", "- [x] Passport"),
    ("Write a regex that matches an e-mail address", "EMAIL = re.compile"),
    (r"Explain this regular expression: ^\d{4}-\d{2}$", "2026-03"),
    ("Which git command undoes the last commit but keeps the changes?", "git reset --soft"),
    ("How do I reset my password?", "Forgot password?"),
    ("What is the difference between weather and climate?", "**Climate**"),
    ("Compare the trade-offs of monoliths and microservices", "| Scaling |"),
    ("What is a fjord?", "Sognefjord"),
    ("Write a SQL query for the top five customers", "GROUP BY"),
    ("Prove that there are infinitely many prime numbers.", "Euclid"),
    ("A farmer must cross a river with a wolf, a goat and a cabbage. How does he do it?", "Seven"),
    ("Derive the quadratic formula step by step", r"\pm"),
    ("Schreibe eine Python-Funktion, die zwei sortierte Listen zusammenführt.", "Gehe beide"),
    ("Beweise, dass die Wurzel aus 2 irrational ist.", "Widerspruch"),
    ("Schreib ein Haiku über Herbstregen.", "Regen auf dem Laub"),
    ("Erstelle eine Tabelle der Planeten.", "| Neptun |"),
    ("Schreibe eine höfliche E-Mail, um einen Termin zu verschieben.", "**Betreff:**"),
    ("Warum ist der Himmel blau?", "Sonnenlicht"),
    ("Beweise, dass \N{SQUARE ROOT}2 irrational ist", "Widerspruch"),
    ("Wie geht's?", "Hallo!"),
    ("Plane eine Reise nach Lissabon", "Altstadt"),
    ("Schreibe eine E-Mail an meinen Chef, um einen Termin zu verschieben", "**Betreff:**"),
    ("Demuestra que \N{SQUARE ROOT}2 es irracional", "contradicción"),
    ("Démontre que \N{SQUARE ROOT}2 est irrationnel", "absurde"),
    ("Dresse un tableau des planètes", "| Neptune |"),
    ("Prépare un voyage à Lisbonne", "vieille ville"),
    ("Prove que \N{SQUARE ROOT}2 é irracional", "contradição"),
    ("Escribe una función en Python que combine dos listas ordenadas.", "Recorre"),
    ("Demuestra que la raíz cuadrada de 2 es irracional", "contradicción"),
    ("Haz una tabla de los planetas", "| Neptuno |"),
    ("¿Por qué el cielo es azul?", "luz del Sol"),
    ("Écris une fonction Python qui fusionne deux listes triées.", "Parcourez"),
    ("Traduis « Bonjour » en anglais", "Good morning."),
    ("Planifie un week-end à Lisbonne", "vieille ville"),
    ("Pourquoi le ciel est-il bleu ?", "lumière du Soleil"),
    ("Escreve uma função em Python que junta duas listas ordenadas.", "Percorra"),
    ("Faz uma tabela dos planetas", "| Neptuno |"),
    ("Planeia um fim de semana em Lisboa", "cidade velha"),
    ("Porque é que o céu é azul?", "luz do Sol"),
    ("Schreibe ein Gedicht über das Meer.", "einen Löffel vom Meer"),
    ("Schreib mir ein kurzes Gedicht über die See", "einen Löffel vom Meer"),
    ("Escribe un poema sobre el mar.", "el mar más sencillo"),
    ("Écris un poème sur la mer.", "la mer marcher derrière"),
    ("Écris un court poème sur l'océan", "la mer marcher derrière"),
    ("Escreve um poema sobre o mar.", "anda pela casa o mar"),
    ("Escreva um poema curto sobre o mar", "anda pela casa o mar"),
]
# One word more, and it is another question.
NOT_KNOWN = [
    "Write a Python function that merges three sorted lists.",
    "Write a Rust function that merges two sorted lists.",
    "Create a table of the planets with their moons",
    "Prove that \N{SQUARE ROOT}3 is irrational",
    "Démontre que \N{SQUARE ROOT}2 n'est pas irrationnel",
    "Write a Python function that merges two unsorted lists.",
    "Write a haiku about a rainbow",
    "Write a haiku about autumn rain without the letter e",
    "Plan a weekend in Paris",
    "Is it true that Python has no planets?",
    "Prove that the square root of 3 is irrational.",
    "Schreibe ein Haiku über Katzen",
    "Schreibe ein Gedicht über das Meer ohne den Buchstaben e",
    "Escribe un poema sobre el mar y la montaña",
    "Demuestra que la raíz cuadrada de 3 es irracional",
    "x" * 5000,
    "",
]


def table(language: str) -> dict[str, Any]:
    return tomllib.loads((TEXTS / f"{language}.toml").read_text(encoding="utf-8"))


def texts() -> list[tuple[str, str]]:
    return [(name, item["text"]) for name in LANGUAGES for item in table(name)["answers"]]


@pytest.mark.parametrize(("prompt", "sign"), ASKED)
def test_a_first_question_gets_its_answer(prompt: str, sign: str) -> None:
    answer = known_answer(prompt)
    assert answer is not None
    assert sign in answer.text


@pytest.mark.parametrize("prompt", NOT_KNOWN)
def test_another_question_gets_none(prompt: str) -> None:
    assert known_answer(prompt) is None


def test_there_are_enough_of_them() -> None:
    count = {name: len(table(name)["answers"]) for name in LANGUAGES}
    assert count["en"] >= 40
    assert all(number >= 10 for number in count.values())


PAGE = (ROOT / "assistant_site" / "templates" / "playground.html").read_text(encoding="utf-8")
CHIPS = re.findall(r'<button class="chip" type="button">\{% translate "(.+?)" %\}</button>', PAGE)


def chip_texts(language: str) -> list[str]:
    """The chips of the empty playground, as its reader sees them."""
    catalog = gettext.translation("django", LOCALE, [language], fallback=language == "en")
    return [catalog.gettext(chip) for chip in CHIPS]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("at", range(len(CHIPS)), ids=CHIPS)
def test_a_chip_of_the_playground_gets_a_real_answer(at: int, language: str) -> None:
    prompt = chip_texts(language)[at]
    if classify(asked(prompt), obey=False)["rule"] == "draw":
        return
    answer = known_answer(prompt)
    assert answer is not None
    assert answer.language == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_chip_of_each_language_is_drawn(language: str) -> None:
    rules = [classify(asked(prompt), obey=False)["rule"] for prompt in chip_texts(language)]
    assert rules == ["code", "complex-reasoning", "draw"]


@pytest.mark.parametrize(("language", "text"), texts())
def test_a_text_says_nothing_of_the_simulator(language: str, text: str) -> None:
    assert not re.search(r"simul(?!ating molecules)", text, re.IGNORECASE)


@pytest.mark.parametrize(("language", "text"), texts())
def test_the_markup_of_a_text_is_whole(language: str, text: str) -> None:
    plain = FENCE.sub("", text)
    assert "```" not in plain
    # Fewer brackets of each kind than of its other would be a broken formula.
    for formula in re.findall(r"\$\$.+?\$\$|\$[^$\n]+\$", plain, re.DOTALL):
        assert formula.count("{") == formula.count("}")
    assert re.sub(r"`[^`\n]+`", "", plain).count("$") % 2 == 0
    for lines in re.findall(r"(?:^\|.*\|$\n?)+", plain, re.MULTILINE):
        assert len({line.count("|") - line.count(r"\|") for line in lines.splitlines()}) == 1


@pytest.mark.parametrize(
    "code",
    sorted({code for _, text in texts() for kind, code in FENCE.findall(text) if kind == "python"}),
)
def test_python_of_a_text_prints_what_its_comments_say(code: str) -> None:
    if "islice(fibonacci" in code:
        code = FENCE.findall(known_answer("fibonacci").text)[0][1] + code  # type: ignore[union-attr]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {"__name__": "shown"})
    told = re.findall(r"^print\(.*\)\s+# (.+)$", code, re.MULTILINE)
    if told:
        assert printed.getvalue().splitlines() == told


def test_sorting_is_right_in_both_languages() -> None:
    text = known_answer("Write a sorting function in Python and JavaScript.").text  # type: ignore[union-attr]
    shown = dict(FENCE.findall(text))
    names: dict[str, Any] = {}
    exec(shown["python"], names)
    assert names["insertion_sort"]([5, 2, 9, 2, -7]) == [-7, 2, 2, 5, 9]
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    script = shown["javascript"] + "console.log(JSON.stringify(insertionSort([5, 2, 9, 2, -7])))"
    done = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [-7, 2, 2, 5, 9]


def test_a_merge_is_right_at_its_edges() -> None:
    names: dict[str, Any] = {}
    exec(FENCE.findall(known_answer("merge two sorted lists python").text)[0][1], names)  # type: ignore[union-attr]
    merge = names["merge_sorted"]
    assert merge([], []) == []
    assert merge([1], []) == merge([], [1]) == [1]
    assert merge([1, 1, 3], [1, 2]) == [1, 1, 1, 2, 3]


def test_the_stand_in_speaks_the_language_of_the_prompt() -> None:
    told = known_answers.stand_in("Warum gibt es die Gezeiten?", "gpt", '"gezeiten"')
    assert told.startswith("Das simulierte gpt weiß hierauf keine Antwort")
