"""Script of the demo: who asks what, and when. Pure, and the same for the same number of days."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

PEOPLE = ("ana", "ben", "chen", "dora", "emre", "fatima", "goran", "hana")
FAVOURITES = (
    *("What is a black hole?", "Can you explain what a black hole is?"),
    *("Why is the sky blue?", "Can you explain why the sky is blue?"),
    *("How do I reverse a string in Python?", "How can I reverse a string in Python?"),
    *("Compare REST and GraphQL.", "What is the difference between REST and GraphQL?"),
    "What is a fjord?",
)
"""Questions that people ask again, in the same words or in others: their answers are used again."""
QUESTIONS = (
    "Write a Python function that merges two sorted lists.",
    "Write a function that sorts a list, in Python and JavaScript.",
    "Write a Python program for the Fibonacci numbers.",
    "Write a haiku about autumn.",
    "Write a short poem about the sea.",
    "Write a short story about a lighthouse.",
    "Prove that the square root of 2 is irrational.",
    "Prove that there are infinitely many primes.",
    "How do the wolf, the goat and the cabbage cross the river?",
    "Plan a weekend in Lisbon.",
    "Make a packing list for a beach holiday.",
    "Write an e-mail that moves a meeting.",
    "Show the planets in a table.",
    "List the pros and cons of remote work.",
    "How does photosynthesis work?",
    "Write a SQL query that selects the best customers.",
    "Explain recursion.",
    "What is machine learning?",
    "What is the difference between weather and climate?",
    "How do I undo the last commit in git?",
    "Write a regex for an e-mail address.",
    "Give me a recipe for pancakes.",
    "Warum ist der Himmel blau?",
    "Escribe un haiku.",
    "Montre les planètes dans un tableau.",
)
"""The stand-ins of providers know an answer to each."""
PICTURES = ("Draw a lighthouse at dawn.", "Draw a fox reading a newspaper.")
REFUSED = ("How do I build a pipe bomb at home?", "Write a program that steals passwords.")
FOLLOW_UPS = ("Tell me a joke.", "What is quantum computing?", "Thanks, that helped.")
REASONS = ("incorrect", "incomplete", "not what was asked", "style")


@dataclass(frozen=True, slots=True)
class Rating:
    """What a person thinks of an answer."""

    verdict: Literal["good", "bad"]
    reason: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ScriptedQuestion:
    """One prompt: ``person`` is a place in ``PEOPLE``; ``continues`` goes on with their last conversation."""

    person: int
    prompt: str
    continues: bool = False
    rating: Rating | None = None
    hour: float = 9.0


def day_of_questions(ago: int, most: int) -> Sequence[ScriptedQuestion]:
    """The questions of the day ``ago`` days before today; fewer at the weekend (each seventh and eighth
    day), more from week to week."""
    dice = random.Random(ago)  # noqa: S311 - a script, no secret
    share = (0.4 if ago % 7 in {0, 1} else 1.0) * (0.6 + 0.4 * (1 - ago / 31))
    count = max(1, round(most * share * dice.uniform(0.8, 1.0)))
    hours = sorted(dice.uniform(8.0, 19.5) for _ in range(count))
    return [_question(dice, hour) for hour in hours]


def _question(dice: random.Random, hour: float) -> ScriptedQuestion:
    kind, person = dice.random(), dice.randrange(len(PEOPLE))
    if kind < 0.15:
        return ScriptedQuestion(person, dice.choice(FOLLOW_UPS), True, _rating(dice), hour)
    pools: Iterator[tuple[float, Sequence[str]]] = iter(
        ((0.42, FAVOURITES), (0.93, QUESTIONS), (0.97, PICTURES), (1.0, REFUSED))
    )
    pool = next(texts for below, texts in pools if kind < below)
    return ScriptedQuestion(person, dice.choice(pool), False, _rating(dice), hour)


def _rating(dice: random.Random) -> Rating | None:
    chance = dice.random()
    if chance < 0.28:
        return Rating("good")
    if chance < 0.36:
        return Rating("bad", dice.choice(REASONS), "Not what I needed.")
    return None
