"""One run's events: order, coalescing, listeners at their own pace."""

from __future__ import annotations

import asyncio

import pytest

from conversations.domain.errors import BadRequest
from conversations.engine.events import Finished, Noticed, Reset, Started, Token
from conversations.engine.types import Degraded
from conversations.runs.run import Run, text_of
from tests.fakes import attempt, turn


async def test_tokens_that_arrive_together_go_out_together() -> None:
    run = Run(turn())
    run.emit(Token("a"))
    run.emit(Token("b"))
    await asyncio.sleep(0)
    run.emit(Token("c"))
    run.emit(Noticed("code", "detail"))

    assert run.events[1:] == [Token("ab"), Token("c"), Noticed("code", "detail")]


async def test_an_empty_token_is_no_event() -> None:
    run = Run(turn())
    run.emit(Token(""))
    run.flush()

    assert [type(event) for event in run.events] == [Started]


async def test_the_text_is_what_was_said_since_the_last_reset() -> None:
    run = Run(turn())
    for event in (Token("wrong"), Reset("r", "a", "b"), Token("right")):
        run.emit(event)
    run.flush()

    assert text_of(run.events) == "right"


async def test_listeners_hear_everything_whenever_they_come() -> None:
    run = Run(turn())
    early = asyncio.create_task(_heard(run))
    await asyncio.sleep(0)
    run.emit(Token("one"))
    await asyncio.sleep(0)
    late = asyncio.create_task(_heard(run, after=1))
    run.emit(Finished({}))

    assert await early == [1, 2, 3]
    assert await late == [2, 3]
    assert await _heard(run, after=3) == []


async def test_a_position_beyond_the_end_is_refused() -> None:
    with pytest.raises(BadRequest):
        await anext(Run(turn()).follow(after=2))


async def test_silence_is_told_and_disturbs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conversations.runs.run.IDLE_SECONDS", 0.001)
    run = Run(turn())
    events = run.follow(after=1)

    assert await anext(events) == ()
    assert await anext(events) == ()
    run.emit(Finished({}))
    assert await anext(events) == [(2, Finished({}))]
    await events.aclose()


async def test_what_is_told_again_is_no_silence() -> None:
    run = Run(turn())
    run.on_event = lambda: None  # told by hand, as by the writer of the log
    batches: list[list[int]] = []

    async def listen() -> None:
        batches.extend([[number for number, _ in batch] async for batch in run.follow(after=1)])

    listener = asyncio.create_task(listen())
    await asyncio.sleep(0)
    for _ in range(3):
        run.tell(1)
        await asyncio.sleep(0)
    run.emit(Token("a"))
    run.emit(Finished({}))
    for number in (2, 2, 3):
        run.tell(number)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await listener

    assert batches == [[2], [3]]


async def test_usage_is_of_the_answer_and_not_of_its_classification() -> None:
    run = Run(turn())
    run.note(attempt(operation="classify"))
    run.note(attempt())
    run.note(attempt(outcome="cancelled"))
    run.note(Degraded("memory", "a"))
    run.note(Degraded("memory", "b"))

    assert (run.usage.input_tokens, run.usage.output_tokens) == (6, 10)
    assert len(run.degraded) == 1


async def _heard(run: Run, after: int = 0) -> list[int]:
    return [number async for batch in run.follow(after) for number, _ in batch]
