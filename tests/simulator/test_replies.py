"""Ordinary answers: readable, deterministic, and aware of what was said before."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest

CHAT: dict[str, Any] = {"model": "gpt-4o"}


def _ask(gpt: openai.OpenAI, *texts: str) -> str:
    roles = ("user", "assistant")
    messages: Any = [
        {"role": roles[index % 2], "content": text} for index, text in enumerate(texts)
    ]
    answer = gpt.chat.completions.create(messages=messages, **CHAT)
    return answer.choices[0].message.content or ""


@pytest.mark.parametrize(
    ("told", "asked", "answer"),
    [
        ("My name is Ada.", "What is my name?", "Ada"),
        ("Hi, I'm Grace and I like ships", "Who am I?", "Grace"),
        ("My favourite colour is teal.", "What is my favourite colour?", "teal"),
        ("My dog is called Rex.", "What is my dog called?", "Rex"),
    ],
)
def test_it_remembers(gpt: openai.OpenAI, told: str, asked: str, answer: str) -> None:
    assert f" is {answer}. You told me" in _ask(gpt, told, "Noted.", asked)


def test_it_does_not_remember_what_it_was_not_told(gpt: openai.OpenAI) -> None:
    assert "not told me your name" in _ask(gpt, "hello", "Hello!", "What is my name?")


def test_it_shows_the_history_it_saw(gpt: openai.OpenAI) -> None:
    answer = _ask(gpt, "Explain tides", "The moon pulls.", "And what about the sun?")
    assert "I was sent 3 messages" in answer
    assert 'before this one you said: "Explain tides"' in answer


def test_claude_sees_its_history_in_content_blocks(claude: anthropic.Anthropic) -> None:
    answer = claude.messages.create(
        model="claude-haiku-4-5",
        max_tokens=300,
        system=[{"type": "text", "text": "Be kind."}],
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "My name is Ada"}]},
            {"role": "assistant", "content": "Hello Ada"},
            {"role": "user", "content": [{"type": "text", "text": "What is my name?"}]},
        ],
    )
    assert answer.content[0].type == "text"
    assert "Your name is Ada" in answer.content[0].text


@pytest.mark.parametrize(
    ("prompt", "sign"),
    [
        ("What is the capital of France?", "Paris is the capital of France"),
        ("What is 17 * 3?", "17 * 3 = 51"),
        ("Explain tides to a sailor", '"tides sailor"'),
        ("Erkläre die Gezeiten", "keine Antwort"),
    ],
)
def test_an_answer_suits_its_prompt_and_repeats(gpt: openai.OpenAI, prompt: str, sign: str) -> None:
    answer = _ask(gpt, prompt)
    assert sign in answer
    assert answer == _ask(gpt, prompt)


@pytest.mark.parametrize(
    ("told", "asked", "answer"),
    [
        ("Ich heiße Ada.", "Wie heiße ich?", "Du heißt Ada."),
        ("Me llamo Ada.", "¿Cómo me llamo?", "Te llamas Ada."),
        ("Je m'appelle Ada.", "Comment je m'appelle ?", "Vous vous appelez Ada."),
        ("Chamo-me Ada.", "Como me chamo?", "O seu nome é Ada."),
    ],
)
def test_it_remembers_in_other_languages(
    gpt: openai.OpenAI, told: str, asked: str, answer: str
) -> None:
    assert answer in _ask(gpt, told, "…", asked)


def test_a_known_answer_says_nothing_of_the_simulator(gpt: openai.OpenAI) -> None:
    answer = _ask(gpt, "Write a Python function that merges two sorted lists.")
    assert "def merge_sorted" in answer
    assert "simulated" not in answer.lower()


def test_a_picture_is_never_answered_by_heart(gpt: openai.OpenAI) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    messages: Any = [
        {"role": "user", "content": [{"type": "text", "text": "Write a haiku"}, picture]}
    ]
    answer = gpt.chat.completions.create(messages=messages, **CHAT).choices[0].message.content
    assert answer is not None
    assert "I was sent 1 picture." in answer


@pytest.mark.parametrize("prompt", ["Hello!", "Tell me about the moons of Jupiter", "2 + 2"])
def test_a_label_is_repeated(gpt: openai.OpenAI, prompt: str) -> None:
    assert _ask(gpt, f"[q1-7] {prompt}") == f"[q1-7] {_ask(gpt, prompt)}"
