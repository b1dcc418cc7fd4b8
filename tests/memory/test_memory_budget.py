"""What fits a budget, on generated conversations too."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from conversations.adapters.memory import (
    GAP,
    OVERHEAD,
    Exchange,
    exchanges,
    fitting,
)
from routing.domain.llm import ChatMessage, estimated_tokens


def said(prompt: str, answer: str) -> Exchange:
    return ChatMessage("user", prompt), ChatMessage("assistant", answer)


def cost(window: tuple[Exchange, ...]) -> int:
    return sum(estimated_tokens(message.content) + OVERHEAD for turn in window for message in turn)


def test_the_newest_exchanges_that_fit_are_kept_whole_and_in_order() -> None:
    talk = [said(f"question {number}", "x" * 400) for number in range(10)]
    window = fitting(talk, 350)
    assert list(window) == talk[-3:]


def test_a_gap_is_never_left_for_a_smaller_older_exchange() -> None:
    talk = [said("tiny", "tiny"), said("big", "x" * 4000), said("last", "x" * 40)]
    assert list(fitting(talk, 100)) == talk[-1:]


def test_a_last_exchange_over_the_budget_is_shortened_in_the_middle() -> None:
    text = "beginning " + "x" * 40_000 + " end"
    ((prompt, answer),) = fitting([said(text, "Short answer.")], 500)
    assert answer.content == "Short answer."
    assert prompt.content.startswith("beginning")
    assert prompt.content.endswith("end")
    assert GAP in prompt.content


def test_prompts_without_an_answer_and_answers_without_a_prompt_are_left_out() -> None:
    lonely = [
        ChatMessage("assistant", "hello"),
        ChatMessage("user", "never answered"),
        *said("question", "answer"),
        ChatMessage("user", "being answered now"),
    ]
    assert exchanges(lonely) == [said("question", "answer")]


texts = st.text(st.characters(codec="utf-8"), max_size=300)


@given(st.lists(st.builds(said, texts, texts), max_size=8), st.integers(40, 400))
def test_any_conversation_fits_its_budget(talk: list[Exchange], budget: int) -> None:
    window = fitting(talk, budget)
    assert cost(window) <= budget
    assert bool(window) == bool(talk)
    assert list(window[:-1]) == talk[len(talk) - len(window) : -1]
