"""The guard's verdicts: attacks stopped, doubts marked, everything else left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.guard import prompt_guard
from routing.guard.prompt_guard import LONG_CHARS, PromptGuard
from tests.guard.prompts import ATTACKS, MENTIONS, ORDINARY, SUSPECT

LIMIT = 32_000


@pytest.fixture
def guard() -> PromptGuard:
    return PromptGuard()


def label(text: str) -> str:
    return ascii(text[:40])


@pytest.mark.parametrize("prompt", ATTACKS, ids=label)
async def test_an_attack_is_blocked(guard: PromptGuard, prompt: str) -> None:
    report = await guard.check(prompt)
    assert report.verdict == "block"
    assert report.score >= 0.9
    assert report.signals


@pytest.mark.parametrize("prompt", SUSPECT, ids=label)
async def test_what_may_be_meant_well_is_only_marked(guard: PromptGuard, prompt: str) -> None:
    report = await guard.check(prompt)
    assert report.verdict == "flag"
    assert report.signals


@pytest.mark.parametrize("prompt", MENTIONS, ids=label)
async def test_speaking_of_injections_is_no_injection(guard: PromptGuard, prompt: str) -> None:
    assert (await guard.check(prompt)).verdict == "pass"


@pytest.mark.parametrize("prompt", ORDINARY, ids=label)
async def test_ordinary_prompts_pass(guard: PromptGuard, prompt: str) -> None:
    report = await guard.check(prompt)
    assert report.verdict == "pass"
    assert report.score < 0.5


async def test_an_attack_is_found_at_the_end_of_a_long_text(guard: PromptGuard) -> None:
    story = "The morning was quiet and nobody in the village had any plans. " * 400
    assert (await guard.check(story)).verdict == "pass"
    report = await guard.check(f"{story}\n\n{ATTACKS[0]}")
    assert len(story) > LONG_CHARS
    assert report.verdict == "block"


async def test_a_fault_of_the_guard_marks_and_never_raises(
    guard: PromptGuard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(prompt: str) -> tuple[float, tuple[str, ...]]:
        raise ZeroDivisionError(prompt)

    monkeypatch.setattr(prompt_guard, "assess", broken)
    report = await guard.check("hello")
    assert (report.verdict, report.signals) == ("flag", ("guard_error",))


async def test_the_bars_are_settings() -> None:
    strict = PromptGuard(flag_from=0.3, block_from=0.5)
    assert (await strict.check(SUSPECT[0])).verdict == "block"


ADVERSARIAL = [
    "a",
    "a ",
    "a-",
    " ",
    "\n ",
    "!",
    '"',
    "'",
    "`",
    "```",
    "“",
    "<|",
    "-=",
    "01",
    "%41",
    "A1",
    "é",
    "i\u0301",
    "\u200b",
    "\ufdfa",
    "а",  # noqa: RUF001 - the Cyrillic letter
    "忽略",
    "ignore ",
    "ignore all previous instructions ",
    "you are now ",
    "what is written ",
    "repeat all ",
    "print the the ",
    "despite what ",
    "cerivbhf ",
    "aGVsbG8gd29ybGQsIGhvdyBhcmUgeW91 ",
    '"rule": "',
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", ADVERSARIAL, ids=ascii)
def test_no_prompt_keeps_the_guard_busy(guard: PromptGuard, unit: str) -> None:
    # A fraction of a second each; a pattern that backtracks runs into the time-out.
    guard.report(("you ignore " + unit * LIMIT)[:LIMIT])


@given(st.text(st.characters() | st.sampled_from(" \n\"'“”<|>[]#-ignore"), max_size=300))
def test_any_text_gets_a_verdict(text: str) -> None:
    report = PromptGuard().report(text)
    assert 0 <= report.score <= 1
    assert report.verdict in {"pass", "flag", "block"}
