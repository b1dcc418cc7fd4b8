"""What verdicts come to."""

from __future__ import annotations

import pytest

from conversations.feedback.weights import PersonalVerdict, weigh_verdicts


def bad(user: int, **habits: int | bool) -> PersonalVerdict:
    return PersonalVerdict(user, bad=True, **habits)  # type: ignore[arg-type]


def good(user: int) -> PersonalVerdict:
    return PersonalVerdict(user, bad=False)


def test_nothing_said_changes_nothing() -> None:
    assert weigh_verdicts([], 0).penalty == 0


def test_one_person_lowers_and_hides_it_from_themselves_two_condemn_it() -> None:
    alone = weigh_verdicts([bad(1)], 2)
    assert 0 < alone.penalty < 1
    assert alone.hidden_from == (1,)
    assert weigh_verdicts([bad(1), bad(2)], 2).condemned


def test_good_verdicts_raise_it() -> None:
    assert weigh_verdicts([bad(1), bad(2), good(3), good(4)], 4).penalty < 1
    assert weigh_verdicts([bad(1), good(2)], 2).penalty < weigh_verdicts([bad(1)], 2).penalty


def test_who_calls_everything_bad_counts_little() -> None:
    grumblers = [bad(user, others_bad=40) for user in range(5)]
    assert not weigh_verdicts(grumblers, 5).condemned
    assert bad(1, others_bad=3, others_good=20).weight > 0.85


def test_who_was_overruled_counts_less_still() -> None:
    assert bad(1, others_bad=3, overruled=3).weight < bad(1, others_bad=3).weight / 1.5


def test_a_crowd_that_came_for_one_answer_counts_little() -> None:
    crowd = [bad(user, passing=True) for user in range(20)]
    praised = [good(user) for user in range(100, 106)]
    assert weigh_verdicts(crowd, 20).bad < 4
    assert not weigh_verdicts([*praised, *crowd], 26).condemned
    assert weigh_verdicts([bad(1), bad(2), bad(3), bad(4), bad(5), *praised], 11).condemned


def test_uses_without_a_complaint_speak_for_it() -> None:
    assert weigh_verdicts([bad(1), bad(2)], 10).condemned
    assert not weigh_verdicts([bad(1), bad(2)], 100).condemned


def test_what_the_desk_has_seen_counts_no_more_but_stays_hidden() -> None:
    seen = [bad(1, counts=False), bad(2, counts=False)]
    stands = weigh_verdicts(seen, 2)
    assert (stands.bad, stands.penalty) == (0, 0)
    assert stands.hidden_from == (1, 2)


@pytest.mark.parametrize("verdict", [bad(1), bad(1, others_bad=1000, overruled=1000)])
def test_a_weight_is_above_nought_and_at_most_one(verdict: PersonalVerdict) -> None:
    assert 0 < verdict.weight <= 1
