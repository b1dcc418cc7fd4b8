"""Answering again, and editing a prompt: what is replaced goes, with all that came after it."""

from __future__ import annotations

import pytest

from conversations.models import Feedback
from tests.live_site import LiveSite
from tests.ui_stream.conftest import FrontEnd, Part, parts_of, said

FIRST, SECOND, THIRD = "Name a river in Spain.", "And one in Peru?", "And one in Kenya?"


def contents(front_end: FrontEnd) -> list[str]:
    return [each["content"] for each in front_end.stored() if each["role"] == "user"]


def test_the_last_answer_is_replaced(site: LiveSite, front_end: FrontEnd) -> None:
    front_end.send(FIRST)
    front_end.send(SECOND)
    before = front_end.stored()
    front_end.person.http.put(
        f"/api/v1/messages/{before[3]['id']}/feedback/", json={"verdict": "bad"}
    )
    front_end.regenerate()
    after = front_end.stored()

    assert [each["id"] for each in after[:3]] == [each["id"] for each in before[:3]]
    assert after[3]["id"] != before[3]["id"]
    assert len(after) == 4
    assert not Feedback.objects.filter(message_id=before[3]["id"]).exists()


def test_a_named_answer_is_replaced_and_what_came_after_it_goes(front_end: FrontEnd) -> None:
    for text in (FIRST, SECOND, THIRD):
        front_end.send(text)
    front_end.regenerate(front_end.messages[3]["id"])

    assert contents(front_end) == [FIRST, SECOND]
    assert len(front_end.stored()) == 4


def test_a_named_prompt_is_answered_again(front_end: FrontEnd) -> None:
    for text in (FIRST, SECOND, THIRD):
        front_end.send(text)
    front_end.regenerate(front_end.messages[2]["id"])  # the client's own id of its message

    assert contents(front_end) == [FIRST, SECOND]


def test_the_model_gets_the_memory_without_what_was_replaced(
    site: LiveSite, front_end: FrontEnd
) -> None:
    front_end.send("My dog is called Bello.")
    front_end.send("I have a cat called Minka.")
    front_end.messages[2]["parts"][0]["text"] = "I have a bird called Hansi."
    del front_end.messages[3:]
    front_end.request(trigger="submit-message", messageId=front_end.messages[2]["id"])
    front_end.send("Which animals do I have?")
    sent = str(site.simulator.requests[-1].body["messages"])

    assert contents(front_end) == [
        "My dog is called Bello.", "I have a bird called Hansi.", "Which animals do I have?",
    ]  # fmt: skip
    assert "Bello" in sent
    assert "Hansi" in sent
    assert "Minka" not in sent


def test_the_first_prompt_can_be_edited(front_end: FrontEnd) -> None:
    front_end.send(FIRST)
    front_end.send(SECOND)
    front_end.messages = [{**front_end.messages[0], "parts": said(THIRD)["parts"]}]
    front_end.request(trigger="submit-message", messageId=front_end.messages[0]["id"])

    assert contents(front_end) == [THIRD]


def source(parts: list[Part]) -> str:
    (told,) = [part["data"] for part in parts if part["type"] == "data-decision"]
    return str(told["decision"]["source"])


def test_an_answer_again_is_no_stored_one(site: LiveSite, front_end: FrontEnd) -> None:
    question = "What are rivers made of?"
    front_end.send(question)
    other = FrontEnd(front_end.person)

    assert source(other.send(question)) == "cache"
    assert source(other.regenerate()) == "classifier"


def test_a_client_need_not_repeat_the_prompt(front_end: FrontEnd) -> None:
    front_end.send(FIRST)
    answer = front_end.messages[1]["id"]
    last = front_end.post(trigger="regenerate-message")
    named = front_end.post(
        trigger="regenerate-message", messageId=parts_of(last.text)[0]["messageId"]
    )

    assert parts_of(named.text)[-1]["type"] == "finish"
    assert contents(front_end) == [FIRST]
    assert front_end.stored()[1]["id"] not in {answer, parts_of(last.text)[0]["messageId"]}


def test_a_turn_that_never_came_is_asked_instead(site: LiveSite, front_end: FrontEnd) -> None:
    front_end.send(FIRST)
    # Its first request failed before it was stored, a person over the limit for instance.
    front_end.messages.append(said(SECOND))
    front_end.request(trigger="regenerate-message")

    assert contents(front_end) == [FIRST, SECOND]
    assert len(front_end.stored()) == 4


def test_a_failed_answer_is_replaced(site: LiveSite, front_end: FrontEnd) -> None:
    front_end.send(FIRST)
    site.simulator.fault(match="Peru", status=500, times=50)
    failed = front_end.post(messages=[*front_end.messages, said(SECOND)])
    site.simulator.clear()
    front_end.messages.append(said(SECOND))
    front_end.request(trigger="regenerate-message")

    assert parts_of(failed.text)[-1]["type"] == "error"
    assert contents(front_end) == [FIRST, SECOND]
    assert [each["status"] for each in front_end.stored()] == ["complete"] * 4


def test_there_must_be_an_answer(front_end: FrontEnd) -> None:
    response = front_end.post(trigger="regenerate-message")

    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


def test_nothing_is_lost_for_an_unknown_message(front_end: FrontEnd) -> None:
    front_end.send(FIRST)
    front_end.send(SECOND)
    front_end.post(message=said(THIRD), messageId="never-heard-of")

    assert contents(front_end) == [FIRST, SECOND, THIRD]


def test_the_last_answer_is_not_replaced_for_one_that_is_gone(front_end: FrontEnd) -> None:
    front_end.send(FIRST)
    gone = front_end.messages[1]["id"]
    front_end.regenerate()
    front_end.send(SECOND)
    before = front_end.stored()
    for named in gone, "never-heard-of":
        response = front_end.post(trigger="regenerate-message", messageId=named)

        assert response.status_code == 404
        assert response.json()["code"] == "not_found"
    assert front_end.stored() == before


def test_a_request_that_is_sent_again_gets_its_answer_when_the_named_one_is_gone(
    front_end: FrontEnd,
) -> None:
    front_end.send(FIRST)
    body = {"trigger": "regenerate-message", "messageId": front_end.messages[1]["id"]}
    first, again = (
        front_end.post(headers={"Idempotency-Key": "regenerate-3"}, **body) for _ in range(2)
    )

    assert again.headers["idempotency-replayed"] == "true"
    assert parts_of(again.text)[0] == parts_of(first.text)[0]


@pytest.mark.parametrize("key", [{}, {"Idempotency-Key": "regenerate-1"}])
@pytest.mark.parametrize("edits", [False, True])
def test_an_answer_that_is_being_written_is_stopped_and_replaced(
    site: LiveSite, front_end: FrontEnd, edits: bool, key: dict[str, str]
) -> None:
    slow = "Name a river. [[simulate tokens=200 token_delay_ms=50 times=1]]"
    front_end.messages.append(said(slow))
    body = {"id": front_end.id, "messages": front_end.messages, "model": "gpt"}
    with front_end.person.http.stream("POST", "/api/chat", json=body) as response:
        assert next(line for line in response.iter_lines() if "text-delta" in line)
    if edits:
        front_end.messages[0]["parts"] = said(SECOND)["parts"]
        named = front_end.messages[0]["id"]
        front_end.request(trigger="submit-message", messageId=named, headers=key)
    else:
        front_end.request(trigger="regenerate-message", headers=key)

    assert contents(front_end) == [SECOND if edits else slow]
    assert front_end.stored()[1]["status"] == "complete"


def test_a_request_that_is_sent_again_stops_not_its_own_answer(
    site: LiveSite, front_end: FrontEnd
) -> None:
    front_end.send(FIRST)
    site.simulator.fault(call="chat", times=1, tokens=60, token_delay_ms=20)
    body = {"id": front_end.id, "messages": front_end.messages[:1], "trigger": "regenerate-message"}
    key = {"Idempotency-Key": "regenerate-2"}
    with front_end.person.http.stream("POST", "/api/chat", json=body, headers=key) as first:
        lines = first.iter_lines()
        assert next(line for line in lines if "text-delta" in line)
        again = front_end.person.http.post("/api/chat", json=body, headers=key)
        assert "data: [DONE]" in list(lines)

    assert again.headers["idempotency-replayed"] == "true"
    assert parts_of(again.text)[-1]["type"] == "finish"
