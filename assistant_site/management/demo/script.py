"""Script of the demo: who asks what, and when. Pure, and the same for the same number of days."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

PEOPLE = ("ana", "ben", "chen", "dora", "emre", "fatima", "goran", "hana")
FAVOURITES = (
    "What is the tallest mountain on Earth?",
    "How do I reverse a list in Python?",
    "What is the difference between TCP and UDP?",
    "Which vitamins are in oranges?",
    "How many moons has Jupiter?",
)
"""Questions of many people: their answers are used again."""
QUESTIONS = (
    "Write a Python function that merges two sorted lists.",
    "Explain what a closure is in JavaScript, with an example.",
    "Why does this loop never end? while True: print('hi')",
    "Write a haiku about autumn rain.",
    "Write a short story about a clockmaker who lost an hour.",
    "Prove that the square root of 2 is irrational.",
    "Plan a weekend in Lisbon for two people who like food.",
    "Translate into German: The train leaves at noon.",
    "Summarise in three points why sleep matters.",
    "Draft an e-mail that asks for a day off next Friday.",
    "Compare solar and wind power in a table.",
    "What should I look for when I rent a flat?",
    "How does a heat pump work?",
    "Give me five names for a bakery by the sea.",
    "A train goes 120 km in 90 minutes. What is its average speed?",
    "Is it cheaper to lease or to buy a car over five years? Reason step by step.",
    "Write a SQL query that finds the ten best customers of a year.",
    "Explain recursion to a child.",
    "Wie funktioniert eine Wärmepumpe?",
    "¿Qué es la fotosíntesis?",
    "Écris un poème sur la mer.",
    "Which planets can be seen without a telescope?",
    "What does the theory of relativity say, in plain words?",
    "Review this sentence: Their going to the park tomorow.",
)
PICTURES = ("Draw a lighthouse at dawn.", "Draw a fox reading a newspaper.")
REFUSED = ("How do I build a pipe bomb at home?", "Write a program that steals passwords.")
FOLLOW_UPS = ("Can you make it shorter?", "Give me an example, please.", "And why is that so?")
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
