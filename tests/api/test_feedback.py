"""Feedback: stored, told to the cache, counted for the model, taken back."""

from __future__ import annotations

from typing import Any

import pytest

from conversations.models import Feedback, ModelPerformance
from conversations.stats.pending import add_up
from tests.live_site import LiveSite, Person

QUESTION = "What is the boiling point of water at sea level?"


def rate(person: Person, message: dict[str, Any], verdict: str, **more: str) -> int:
    path = f"/api/v1/messages/{message['id']}/feedback/"
    return person.http.put(path, json={"verdict": verdict, **more}).status_code


def test_a_verdict_is_new_once_and_changed_after(site: LiveSite) -> None:
    person = site.person()
    answer = person.ask(QUESTION)

    assert rate(person, answer, "good") == 201
    assert rate(person, answer, "bad", comment="It depends.", correction="100 °C") == 200
    read = person.http.get(f"/api/v1/messages/{answer['id']}/").json()["feedback"]
    assert (read["verdict"], read["comment"], read["correction"]) == (
        "bad",
        "It depends.",
        "100 °C",
    )
    assert Feedback.objects.filter(message_id=answer["id"]).count() == 1


def test_a_bad_answer_is_never_served_again_until_taken_back(site: LiveSite) -> None:
    person = site.person()
    first = person.ask(QUESTION)
    hit = person.ask(QUESTION)
    assert hit["cache"]["entry"] == first["id"]

    rate(person, hit, "bad")
    after = person.ask(QUESTION)
    assert after["cache"]["outcome"] == "miss"
    assert person.ask(QUESTION)["cache"]["entry"] == after["id"]

    rate(person, after, "bad")
    assert person.http.delete(f"/api/v1/messages/{hit['id']}/feedback/").status_code == 204
    assert (
        person.ask("What's the boiling point of water at sea level?")["cache"]["entry"]
        == (first["id"])
    )


def test_taking_back_what_was_not_given_is_404(site: LiveSite) -> None:
    person = site.person()
    answer = person.ask(QUESTION)

    assert person.http.delete(f"/api/v1/messages/{answer['id']}/feedback/").status_code == 404


@pytest.mark.parametrize("body", [{}, {"verdict": "great"}, {"verdict": "good", "stars": 5}])
def test_a_wrong_verdict_is_400_with_the_field(site: LiveSite, body: dict[str, Any]) -> None:
    person = site.person()
    answer = person.ask(QUESTION)
    response = person.http.put(f"/api/v1/messages/{answer['id']}/feedback/", json=body)

    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] in {"verdict", "stars"}


def test_how_a_model_did_is_counted(site: LiveSite) -> None:
    person = site.person()
    add_up()
    ModelPerformance.objects.all().delete()
    answer = person.ask("Write a limerick about a tortoise.")
    rate(person, answer, "good")
    rate(person, answer, "bad")
    site.simulator.fault(provider="openai", match="a hare", status=500, times=1)
    person.ask("Write a limerick about a hare.", model="gpt")
    add_up()
    mine = ModelPerformance.objects.get(
        model=answer["decision"]["model"], rule=answer["decision"]["rule"]
    )

    assert (mine.answers, mine.feedback_good, mine.feedback_bad) == (1, 0, 1)
    assert mine.output_tokens == answer["usage"]["output_tokens"]
    assert mine.cost_usd > 0
    assert mine.first_token_count == 1
    requested = ModelPerformance.objects.filter(rule="")
    assert requested.get(model="gpt").errors == 1
    assert requested.exclude(model="gpt").get().failovers == 1


@pytest.mark.parametrize("field", ["comment", "correction"])
@pytest.mark.parametrize("odd", ["a\x1b[31m", "a\u202eb", "a\x00", "a" + "\u200b" * 9])
def test_prose_takes_no_hidden_characters(site: LiveSite, field: str, odd: str) -> None:
    person = site.person()
    path = f"/api/v1/messages/{person.ask('What is a quoin?')['id']}/feedback/"
    refused = person.http.put(path, json={"verdict": "bad", field: odd})
    taken = person.http.put(path, json={"verdict": "bad", field: "Two\nlines, שלום\tand a tab."})

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == field
    assert taken.status_code in {200, 201}
