"""The client that openapi-python-client generates of the document of the running server."""

import os
import sys
from http import HTTPStatus
from typing import get_args, get_type_hints

import httpx
from assistant_client import AuthenticatedClient, Client
from assistant_client.api.conversations import create_conversation, list_conversations
from assistant_client.api.feedback import give_feedback
from assistant_client.api.messages import ask, list_messages, resume_stream
from assistant_client.api.sign_in import sign_in
from assistant_client.models import (
    Ask,
    BadRequestProblem,
    ConversationRequest,
    FeedbackRequest,
    FeedbackVerdictEnum,
    Message,
    NotAuthenticatedProblem,
    NotFoundProblem,
    SignInRequest,
    TokenPair,
)

URL, NAME, PASSWORD = (os.environ[f"ASSISTANT_{name}"] for name in ("URL", "NAME", "PASSWORD"))
QUESTION = "What are rivers made of?"


def signed_in() -> AuthenticatedClient:
    """A client with the access token of a session, that takes objects."""
    pair = sign_in.sync(client=Client(URL), body=SignInRequest(username=NAME, password=PASSWORD))
    assert isinstance(pair, TokenPair)
    return AuthenticatedClient(URL, pair.access, headers={"Accept": "application/json"})


def ask_as_json() -> None:
    answer = ask.sync(client=signed_in(), body=Ask(content=QUESTION))
    assert isinstance(answer, Message)
    assert answer.content
    types = {each.__name__ for each in get_args(get_type_hints(ask.sync)["return"])}
    assert "Message" in types
    assert "str" not in types


def stream() -> None:
    client = signed_in()
    answer = ask.sync(client=client, body=Ask(content=QUESTION))
    assert isinstance(answer, Message)
    events = client.with_headers({"Accept": "text/event-stream"})
    told = resume_stream.sync(answer.id, client=events)
    assert isinstance(told, str)
    assert "event: done" in told
    kwargs = ask._get_kwargs(body=Ask(content=QUESTION))
    kwargs["headers"]["Accept"] = "text/event-stream"
    with client.get_httpx_client().stream(**kwargs) as response:
        lines = [line for line in response.iter_lines() if line.startswith("event:")]
    assert lines[0] == "event: start"
    assert lines[-1] == "event: done"


def lists() -> None:
    client = signed_in()
    made = create_conversation.sync(client=client, body=ConversationRequest(title="Rivers"))
    page = list_conversations.sync(client=client)
    assert page.results[0].id == made.id
    assert list_messages.sync(made.id, client=client).results == []


def feedback() -> None:
    client = signed_in()
    answer = ask.sync(client=client, body=Ask(content=QUESTION))
    good = FeedbackRequest(verdict=FeedbackVerdictEnum.GOOD)
    first = give_feedback.sync_detailed(answer.id, client=client, body=good)
    assert first.status_code == HTTPStatus.CREATED
    assert first.parsed.verdict is FeedbackVerdictEnum.GOOD


def errors() -> None:
    client = signed_in()
    refused = ask.sync(client=client, body=Ask(content="Hello", model="no-such-model"))
    assert isinstance(refused, BadRequestProblem)
    assert refused.errors[0].field == "model"
    missing = "0198c2f4-0000-7000-8000-000000000000"
    absent = list_messages.sync(missing, client=client)
    assert isinstance(absent, NotFoundProblem)
    assert absent.code.value == "not_found"
    stranger = AuthenticatedClient(URL, "wrong")
    assert isinstance(list_conversations.sync(client=stranger), NotAuthenticatedProblem)


def pictures() -> None:
    client = signed_in()
    drawn = ask.sync(client=client, body=Ask(content="Draw a lighthouse at dawn"))
    assert isinstance(drawn, Message)
    headers = {"Accept": "application/octet-stream"}
    answer = client.with_headers(headers).get_httpx_client().get(httpx.URL(drawn.image.url).path)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.content


if __name__ == "__main__":
    globals()[sys.argv[1]]()
