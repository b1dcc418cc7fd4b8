"""Branches: prompts that are edited and answers that are made once more, beside those that they replace."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from conversations.models import Message
from tests.live_site import LiveSite, Person

PATH = "/api/v1/messages"
UNKNOWN = "0198a5a0-0000-7000-8000-000000000000"


@pytest.fixture
def person(site: LiveSite) -> Person:
    return site.person()


def shown(person: Person, conversation: str) -> list[dict[str, Any]]:
    """The messages of the branch that is shown."""
    listed = person.http.get(f"/api/v1/conversations/{conversation}/messages/").json()
    messages: list[dict[str, Any]] = listed["results"]
    return messages


def contents(person: Person, conversation: str) -> list[str]:
    return [each["content"] for each in shown(person, conversation) if each["role"] == "user"]


def regenerated(person: Person, message: str, **body: Any) -> dict[str, Any]:
    headers = {"Accept": "application/json"}
    response = person.http.post(f"{PATH}/{message}/regenerate/", json=body, headers=headers)
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


def told_to_model(site: LiveSite) -> list[str]:
    """What people said in the last request to a model that answers."""
    chats = [each for each in site.simulator.requests if each.body.get("stream")]
    return [said["content"] for said in chats[-1].body["messages"] if said["role"] == "user"]


def test_a_turn_tells_what_it_follows(person: Person) -> None:
    first = person.ask("Tell me of trains.")
    second = person.ask("And of ships?", conversation=first["conversation"])
    prompt, answer, follow_up, _ = shown(person, first["conversation"])
    assert prompt["parent"] is None
    assert answer["parent"] == prompt["id"]
    assert follow_up["parent"] == first["id"]
    assert second["parent"] == follow_up["id"]
    assert prompt["versions"] == [prompt["id"]]
    assert answer["versions"] is None


def test_an_edited_prompt_leaves_the_other_branch_whole(site: LiveSite, person: Person) -> None:
    thread = person.ask("Tell me of trains.")["conversation"]
    person.ask("And of ships?", conversation=thread)
    person.ask("And of planes?", conversation=thread)
    before = shown(person, thread)

    edited = person.ask("And of bicycles?", conversation=thread, parent=before[1]["id"])
    assert contents(person, thread) == ["Tell me of trains.", "And of bicycles?"]
    assert told_to_model(site) == ["Tell me of trains.", "And of bicycles?"]
    assert shown(person, thread)[2]["versions"] == [before[2]["id"], edited["parent"]]

    person.ask("Why?", conversation=thread)
    assert told_to_model(site) == ["Tell me of trains.", "And of bicycles?", "Why?"]

    assert person.http.post(f"{PATH}/{before[2]['id']}/show/").status_code == 204
    assert [each["id"] for each in shown(person, thread)] == [each["id"] for each in before]
    person.ask("How so?", conversation=thread)
    asked = ["Tell me of trains.", "And of ships?", "And of planes?", "How so?"]
    assert told_to_model(site) == asked


def test_the_first_prompt_is_edited(site: LiveSite, person: Person) -> None:
    thread = person.ask("Tell me of trains.")["conversation"]
    edited = person.ask("Tell me of boats.", conversation=thread, parent=None)
    assert contents(person, thread) == ["Tell me of boats."]
    assert told_to_model(site) == ["Tell me of boats."]
    assert len(shown(person, thread)[0]["versions"]) == 2
    assert edited["status"] == "complete"


def test_an_answer_made_once_more_is_a_version(site: LiveSite, person: Person) -> None:
    site.simulator.fault(match="trains", call="chat", text="One.", times=1)
    site.simulator.fault(match="trains", call="chat", text="Two.", times=1)
    one = person.ask("Tell me of trains.")
    two = regenerated(person, one["id"])
    assert (one["content"], two["content"]) == ("One.", "Two.")
    assert two["cache"]["outcome"] in {"miss", "bypass"}
    prompt, answer = shown(person, one["conversation"])
    assert answer["id"] == two["id"]
    assert prompt["versions"] == [one["parent"], two["parent"]]
    # By the prompt's id as well, and by a model's name.
    assert regenerated(person, prompt["id"], model="claude-sonnet")["decision"]["model"]
    assert len(person.http.get(f"{PATH}/{prompt['id']}/").json()["versions"]) == 3

    person.http.post(f"{PATH}/{one['id']}/show/")
    assert shown(person, one["conversation"])[1]["content"] == "One."


def test_messages_that_are_older_than_branches_get_their_parents(person: Person) -> None:
    thread = person.ask("Tell me of trains.")["conversation"]
    second = person.ask("And of ships?", conversation=thread)
    person.ask("And of planes?", conversation=thread)
    Message.objects.filter(conversation_id=thread).update(parent=None)

    again = regenerated(person, second["id"])
    assert contents(person, thread) == ["Tell me of trains.", "And of ships?"]
    assert shown(person, thread)[2]["versions"] == [second["parent"], again["parent"]]
    person.http.post(f"{PATH}/{second['id']}/show/")
    assert contents(person, thread) == ["Tell me of trains.", "And of ships?", "And of planes?"]


def test_a_failure_tells_its_reason_later_too(site: LiveSite, person: Person) -> None:
    site.simulator.fault(match="trains", call="chat", status=500)
    response = person.post_prompt("Tell me of trains.", accept="text/event-stream")
    assert "event: error" in response.text
    (thread,) = person.http.get("/api/v1/conversations/").json()["results"]
    answer = shown(person, thread["id"])[1]
    assert answer["status"] == "failed"
    assert answer["error"]["code"] == "no_provider_available"
    assert answer["error"]["detail"]

    site.simulator.clear()
    assert regenerated(person, answer["id"])["error"] is None


@pytest.mark.parametrize(("parent", "status"), [("x", 400), (5, 400), ([], 400), (UNKNOWN, 404)])
def test_a_wrong_parent_is_refused(person: Person, parent: Any, status: int) -> None:
    thread = person.ask("Tell me of trains.")["conversation"]
    response = person.post_prompt("More.", conversation=thread, parent=parent)
    assert response.status_code == status
    assert contents(person, thread) == ["Tell me of trains."]


def test_a_new_conversation_has_no_parent(person: Person) -> None:
    assert person.post_prompt("More.", parent=str(uuid4())).status_code == 400
    assert person.post_prompt("More.", parent=None).status_code == 200


def test_the_messages_of_others_are_not_found(site: LiveSite, person: Person) -> None:
    mine, other = person.ask("Tell me of trains."), site.person()
    for call in ("regenerate", "show"):
        assert other.http.post(f"{PATH}/{mine['id']}/{call}/").status_code == 404
        assert other.http.post(f"{PATH}/{uuid4()}/{call}/").status_code == 404
    theirs = other.ask("Tell me of ships.")
    refused = other.post_prompt("More.", conversation=theirs["conversation"], parent=mine["id"])
    assert refused.status_code == 404


def test_no_other_branch_is_shown_while_an_answer_is_written(
    site: LiveSite, person: Person
) -> None:
    first = person.ask("Tell me of trains.")
    again = regenerated(person, first["id"])
    site.simulator.fault(match="ships", call="chat", token_delay_ms=100)
    with person.streaming("And of ships?", conversation=first["conversation"]) as (_, events):
        next(events)
        assert person.http.post(f"{PATH}/{first['id']}/show/").status_code == 409
        person.http.post(f"{PATH}/{next(iter(_answers(first)))}/stop/")
        for _event in events:
            pass
    assert again["status"] == "complete"


def _answers(first: dict[str, Any]) -> Any:
    streaming = Message.objects.filter(conversation_id=first["conversation"], status="streaming")
    return streaming.values_list("id", flat=True)


def test_the_last_page_is_read_first_and_the_others_backwards(person: Person) -> None:
    thread = person.open_conversation("Long")
    for number in range(5):
        Message.objects.create(conversation_id=thread, role="user", content=str(number))
    path = f"/api/v1/conversations/{thread}/messages/?page_size=2&cursor=last"
    pages = []
    while path:
        page = person.http.get(path).json()
        pages.append([each["content"] for each in page["results"]])
        path = page["previous"]
    assert pages == [["3", "4"], ["1", "2"], ["0"]]


def test_conversations_are_searched(site: LiveSite, person: Person) -> None:
    thread = person.ask("Tell me of lighthouses.")["conversation"]
    person.ask("Tell me of trains.")
    site.person().ask("Tell me of lighthouses.")

    def found(words: str) -> list[str]:
        listed = person.http.get("/api/v1/conversations/", params={"search": words}).json()
        return [each["id"] for each in listed["results"]]

    assert found("LIGHTHOUSES") == [thread]
    assert len(found("tell me")) == len(found("")) == 2
    assert found("100%_") == []
    for wrong in ("x" * 201, "a\x00b", "a\nb"):
        refused = person.http.get("/api/v1/conversations/", params={"search": wrong})
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["field"] == "search"
