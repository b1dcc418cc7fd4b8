"""The story of a thumb that is turned down: what it changes, for whom, and how it is undone."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from conversations.admin.review_decisions import answer_curate, review_decide
from conversations.bootstrap import container
from conversations.engine.types import Turn
from conversations.models import AnswerReview
from tests.live_site import LiveSite, Person

QUESTION = "Which colour has the flag of the island?"


def rate(person: Person, message: dict[str, Any], verdict: str, **more: str) -> None:
    path = f"/api/v1/messages/{message['id']}/feedback/"
    assert person.http.put(path, json={"verdict": verdict, **more}).status_code in {200, 201}


def take_back(person: Person, message: dict[str, Any]) -> None:
    path = f"/api/v1/messages/{message['id']}/feedback/"
    assert person.http.delete(path).status_code == 204


def ask(person: Person, number: int) -> dict[str, Any]:
    return person.ask(f"{QUESTION} ({number})")


def review_of(first: dict[str, Any]) -> AnswerReview:
    return AnswerReview.objects.get(pk=UUID(first["id"]))


def test_a_hit_is_a_message_of_its_own_and_shared_under_an_id_of_its_own(shared: LiveSite) -> None:
    ada, bob = shared.person(), shared.person()
    first, hit = ask(ada, 1), ask(bob, 1)

    assert first["cache"]["outcome"] == "miss"
    assert (hit["cache"]["outcome"], hit["decision"]["source"]) == ("exact", "cache")
    assert hit["content"] == first["content"]
    assert hit["id"] != first["id"]
    assert first["id"] not in str(hit)
    assert first["trace_id"] not in str(hit)


def test_bad_hides_it_from_its_person_at_once_and_from_nobody_else(shared: LiveSite) -> None:
    ada, bob, eve = shared.person(), shared.person(), shared.person()
    ask(ada, 2)
    hit = ask(bob, 2)
    rate(bob, hit, "bad")

    assert ask(eve, 2)["cache"]["entry"] == hit["cache"]["entry"]
    assert ask(bob, 2)["cache"]["outcome"] == "miss"
    take_back(bob, hit)
    assert ask(bob, 2)["cache"]["outcome"] == "exact"


def test_bad_hides_it_although_its_question_still_seems_to_be_answered(shared: LiveSite) -> None:
    ada = shared.person()
    first, house = ask(ada, 11), container()
    turn = Turn(
        user=ada.user.pk,
        conversation=UUID(first["conversation"]),
        message=UUID(first["id"]),
        user_message=uuid4(),
        prompt=f"{QUESTION} (11)",
        first=True,
        trace_id="",
    )
    rules = shared.run(house.rules.current()).rules_for(ada.user.pk)
    single_flight = house.engine.ports.single_flight
    assert single_flight
    # What a Redis leaves that went away just when the answer was whole.
    assert shared.run(single_flight.claim(turn, rules)) is None
    try:
        rate(ada, first, "bad")
        again = ask(ada, 11)
    finally:
        shared.run(single_flight.release(turn))

    assert again["cache"] == {"outcome": "miss", "similarity": None, "entry": None}


def test_enough_of_it_quarantines_the_answer_and_opens_a_review(shared: LiveSite) -> None:
    people = [shared.person() for _ in range(3)]
    first = ask(people[0], 3)
    hits = [ask(person, 3) for person in people[1:]]
    rate(people[1], hits[0], "bad")
    assert review_of(first).review == "none"
    rate(people[2], hits[1], "bad", comment="It is red.")

    review = review_of(first)
    assert (review.state, review.review, review.uses) == ("quarantined", "open", 3)
    assert review.urgency > 0
    assert ask(shared.person(), 3)["cache"]["outcome"] == "miss"

    take_back(people[1], hits[0])
    assert review_of(first).state == "live"


def test_one_person_who_calls_it_bad_again_and_again_counts_once(shared: LiveSite) -> None:
    ada, bob = shared.person(), shared.person()
    first = ask(ada, 4)
    hits = [ask(bob, 4) for _ in range(4)]
    for hit in hits:
        rate(bob, hit, "bad")

    assert review_of(first).state == "live"
    assert ask(shared.person(), 4)["cache"]["outcome"] == "exact"


def test_good_outweighs_a_grumbler(shared: LiveSite) -> None:
    people = [shared.person() for _ in range(5)]
    first = ask(people[0], 5)
    hits = [ask(person, 5) for person in people[1:]]
    for person, hit in zip(people[3:], hits[2:], strict=True):
        rate(person, hit, "good")
    for person, hit in zip(people[1:3], hits[:2], strict=True):
        rate(person, hit, "bad")

    review = review_of(first)
    assert review.state == "live"
    assert 0 < review.penalty < 1


def test_a_correction_opens_a_review_by_itself(shared: LiveSite) -> None:
    ada = shared.person()
    first = ask(ada, 6)
    rate(ada, first, "good", correction="Red and white.")

    review = review_of(first)
    assert (review.state, review.review) == ("live", "open")


def test_a_person_who_leaves_takes_their_verdicts_along(shared: LiveSite) -> None:
    people = [shared.person() for _ in range(3)]
    first = ask(people[0], 7)
    for person in people[1:]:
        rate(person, ask(person, 7), "bad")
    assert review_of(first).state == "quarantined"
    people[1].user.delete()

    assert review_of(first).state == "live"


def test_the_desk_brings_it_back_or_gives_everybody_a_better_one(shared: LiveSite) -> None:
    people, desk = [shared.person() for _ in range(3)], shared.user()
    first = ask(people[0], 8)
    for person in people[1:]:
        rate(person, ask(person, 8), "bad")
    subject = UUID(first["id"])
    assert review_of(first).state == "quarantined"

    review_decide(subject=subject, state="live", by=desk.pk)
    assert ask(shared.person(), 8)["content"] == first["content"]
    assert ask(people[1], 8)["cache"]["entry"] is None  # it stays hidden from who called it bad

    question = f"{QUESTION} (8)"
    answer_curate(subject=subject, question=question, answer="Red and white.", by=desk.pk)
    shared.run(container().outbox_worker.curate())
    for person in (shared.person(), people[1]):
        assert ask(person, 8)["content"] == "Red and white."
