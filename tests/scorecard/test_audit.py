"""Every invariant of the score card can be violated, and then says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from benchmarks.scorecard.audit import CHECKS, audited
from benchmarks.scorecard.books import Books
from benchmarks.scorecard.ledger import Asked
from conversations.models import Message
from tests.scorecard.test_ledger import heard

TEXT = "About [q1-1]: a word."
NAMES = list(CHECKS)


def person(text: str = TEXT, **told: Any) -> Asked:
    question = Asked(tag="q1-1", key="k", user=1, manner="listens", accepted=True)
    end = {"status": "complete", "content": TEXT, **told}
    name = "error" if "code" in told else "done"
    question.hear(heard(1, "start"))
    question.hear(heard(2, "token", text=text))
    question.hear(heard(3, name, **end))
    return question


def answer(**fields: Any) -> Message:
    whole = {"content": TEXT, "status": "complete", "attempts": [{"operation": "chat"}]}
    return Message(**{**whole, **fields})


def request(**fields: Any) -> dict[str, Any]:
    return {"call": "chat", "outcome": "complete", "status": 200, "model": "gpt", **fields}


def books(
    question: Asked,
    stored: Message | None,
    *,
    prompts: int = 1,
    requests: Sequence[Mapping[str, Any]] = (request(),),
    log: list[bytes] | None = None,
) -> Books:
    if stored:
        question.message = str(stored.pk)
    return Books(
        asked=[question],
        stored={"q1-1": stored} if stored else {},
        prompts={"q1-1": prompts},
        requests={"q1-1": requests},
        logs={"q1-1": log or []},
    )


def violated(of: Books) -> list[int]:
    """The numbers of the invariants that are violated, in their order."""
    found = audited(of).violations
    return [at for at, name in enumerate(NAMES) if found[name]]


def test_a_question_that_went_well_violates_nothing() -> None:
    log = [b"id: 1\nevent: start\ndata: {}", b"id: 2\nevent: token\ndata: {}"]

    assert violated(books(person(), answer(), log=log)) == []


@pytest.mark.parametrize(
    ("of", "numbers"),
    [
        (books(person(), None), [0]),
        (books(person(), answer(), prompts=2), [0]),
        (books(person(), answer(status="streaming")), [1, 3]),
        (books(person(text="half"), answer()), [3]),
        (books(person(), answer(content="Something else.")), [3, 4]),
        (books(person(code="database_unavailable"), answer()), [3]),
        (books(person(), answer(), log=[b"id: 1\nevent: token\ndata: {}"]), [5]),
        (books(person(), answer(), requests=[request(), request()]), [6, 7]),
        (books(person(), answer(attempts=[])), [7]),
    ],
)
def test_what_went_wrong_is_found(of: Books, numbers: list[int]) -> None:
    assert violated(of) == numbers


def test_a_killed_worker_has_written_what_it_said() -> None:
    interrupted = answer(
        content=TEXT[:5], status="failed", problem={"code": "interrupted"}, attempts=[]
    )

    assert violated(books(person(code="interrupted"), interrupted)) == [3]
