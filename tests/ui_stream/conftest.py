"""A front end's side of the AI SDK's stream: its chats, and the parts that it gets."""

from __future__ import annotations

import itertools
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.live_site import LiveSite, Person

Part = dict[str, Any]
_ids = itertools.count(1)


def parts_of(text: str) -> list[Part]:
    """The parts of a whole stream, whose frames are checked."""
    *frames, done, rest = text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    frames = [frame for frame in frames if not frame.startswith(":")]
    pairs = [frame.split("\n", 1) for frame in frames]
    assert [head for head, _ in pairs] == [f"id: {at}" for at in range(1, len(pairs) + 1)]
    assert all(data.startswith("data: ") for _, data in pairs)
    return [json.loads(data.removeprefix("data: ")) for _, data in pairs]


def text_in(parts: list[Part]) -> str:
    """The text of the last part of text."""
    last = [part["id"] for part in parts if part["type"] == "text-start"][-1]
    deltas = (part for part in parts if part["type"] == "text-delta" and part["id"] == last)
    return "".join(part["delta"] for part in deltas)


def said(text: str, **more: Any) -> Part:
    """A user's message as ``useChat`` makes it."""
    part = {"type": "text", "text": text}
    return {"id": f"user-{next(_ids)}", "role": "user", "parts": [part], **more}


@dataclass
class FrontEnd:
    """One chat of one person, with the history that the default transport sends."""

    person: Person
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    messages: list[Part] = field(default_factory=list)

    def post(self, *, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        """Ask with this body, the chat's id beside it."""
        sent = {"id": self.id, **body}
        return self.person.http.post("/api/chat", json=sent, headers=headers)

    def send(self, text: str, **body: Any) -> list[Part]:
        """Ask as ``sendMessage`` does, and keep the answer."""
        self.messages.append(said(text))
        return self.request(trigger="submit-message", **body)

    def regenerate(self, message: str | None = None) -> list[Part]:
        """Ask again as ``regenerate`` does: what comes after is dropped."""
        at = [each["id"] for each in self.messages].index(message) if message else -1
        at = at % len(self.messages)
        self.messages = self.messages[: at + (self.messages[at]["role"] == "user")]
        named = {"messageId": message} if message else {}
        return self.request(trigger="regenerate-message", **named)

    def request(self, **body: Any) -> list[Part]:
        """One request with the whole history."""
        response = self.post(messages=self.messages, **body)
        assert response.status_code == 200, response.text
        parts = parts_of(response.text)
        answer = {"type": "text", "text": text_in(parts)}
        self.messages.append({"id": parts[0]["messageId"], "role": "assistant", "parts": [answer]})
        return parts

    def stored(self) -> list[Part]:
        """The conversation's messages, by the other API."""
        chats = self.person.http.get("/api/v1/conversations/").json()["results"]
        path = f"/api/v1/conversations/{chats[0]['id']}/messages/"
        return list(self.person.http.get(path).json()["results"])


@pytest.fixture
def front_end(site: LiveSite) -> FrontEnd:
    """A new chat of a new person."""
    return FrontEnd(site.person())
