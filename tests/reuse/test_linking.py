"""Links of answers: certain conflicts, groups, and what a simulated cache knows of its answers."""

from __future__ import annotations

import numpy as np
import pytest

from routing.reuse.lab.agreement import Spoiled, make_agreement, spoiled_names
from routing.reuse.lab.dataset import LabelledStream
from routing.reuse.linking import SHOWN, Known, conflict, link_candidates
from routing.reuse.model import NEIGHBOURS, Neighbourhood, ReuseCandidate
from tests.reuse.test_training import stream

NOTHING: frozenset[int] = frozenset()


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("The limit is 500 euros a day.", "You can send 10,000 euros a day.", True),
        ("Run `git reset --soft HEAD~1`.", "Run `git reset --hard HEAD~1`.", True),
        ("Use sorted(x, reverse=True).", "Use sorted(x, key=len).", True),
        ("You may eat before the test.", "You may not eat before the test.", True),
        ("Up to 10,000 euros a day, 50,000 a month.", "A day: 10,000 EUR at most.", False),
        ("Ten thousand euros a day.", "10,000 euros a day.", False),
        ("1. Open Cards.\n2. Tap Freeze.", "Open Cards in 3 taps and freeze it.", False),
        ("Cards take a week. Not there? Ask us.", "It takes about 7 days by post.", False),
    ],
)
def test_numbers_code_and_negation_split(one: str, other: str, clash: bool) -> None:
    assert conflict(one, other) is clash
    assert conflict(other, one) is clash


def test_an_answer_joins_one_group_and_is_apart_from_the_others_shown() -> None:
    near = [("first", "a"), ("second", "a"), *((f"n{at}", f"g{at}") for at in range(9))]
    shown = link_candidates(near)
    assert [name for name, _ in shown] == ["first", *(f"n{at}" for at in range(SHOWN - 1))]
    assert len(shown) == SHOWN
    groups = [group for _, group in shown]
    assert Known.judged("own", groups, 1) == Known("g0", frozenset(groups) - {"g0"})
    assert Known.judged("own", groups, None) == Known("own", frozenset(groups))


def candidates(apart: frozenset[int] | None, *says: int) -> list[ReuseCandidate]:
    return [ReuseCandidate(f"q{at}", 0.9 - at / 100, said, apart) for at, said in enumerate(says)]


def test_what_is_not_known_to_differ_is_no_rival() -> None:
    unknown = Neighbourhood.of(candidates(NOTHING, 1, 2, 3, 4, 5)).signals(0)
    known = Neighbourhood.of(candidates(None, 1, 2, 3, 4, 5)).signals(0)
    assert (unknown["unrivalled"], unknown["mass"], unknown["open"]) == (1, 1, 1)
    assert (known["unrivalled"], known["rival"], known["open"]) == (0, 0.89, 0)
    split = Neighbourhood.of(candidates(frozenset({1}), 1, 2, 1)).signals(0)
    assert (split["rival"], split["open"]) == (0.89, 0)


def test_signatures_hint_only_where_nothing_is_known() -> None:
    def among(*alike: str) -> float:
        each = [
            ReuseCandidate(f"q{at}", 0.9, at, frozenset(), name) for at, name in enumerate(alike)
        ]
        return Neighbourhood.of(each).signals(0)["alike"]

    assert among("x", "x", "y") == 0.5
    assert among("", "", "") == 0


def test_spoiled_names_join_and_merge_as_often_as_they_say() -> None:
    chance = np.random.default_rng(0)
    intents = chance.integers(0, 20, 4_000)
    vectors = np.eye(20, dtype=np.float32)[intents] + 0.01
    many = LabelledStream("x", [str(at) for at in range(4_000)], list(map(str, intents)), vectors)
    names = spoiled_names(many, 0.5, 0.0, seed=1)
    of_one = names[many.numbers == 3]
    pairs = (of_one[:, None] == of_one[None]).sum() - len(of_one)
    assert pairs / (len(of_one) * (len(of_one) - 1)) == pytest.approx(0.5, abs=0.08)
    merged = spoiled_names(many, 1.0, 0.2, seed=1)
    assert (merged != many.numbers).mean() == pytest.approx(0.2, abs=0.03)


def test_a_judge_that_never_errs_links_what_the_labels_say() -> None:
    fields = stream()
    agreement = make_agreement(fields, Spoiled(linked=True, error=0.0), 0)
    for place in range(len(fields.texts)):
        before = np.arange(max(0, place - NEIGHBOURS), place)
        agreement.store(place, before, np.full(len(before), 0.9, np.float32))
    said = [agreement.candidate(place, 0.9) for place in range(len(fields.texts))]
    assert len({one.says for one in said}) == 3
    for place, one in enumerate(said[1:], 1):
        assert one.differs(said[place - 1]) is (fields.answers[place] != fields.answers[place - 1])
    assert agreement.calls == len(said) - 1
