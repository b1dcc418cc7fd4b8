"""The walk: questions, a rating, the same words again, a follow-up and a stop, as a client of the API sees them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from benchmarks.real_model.questions import LONG, Question

TIMEOUT = 300.0
FEW = 5
"""Tokens of the answer that is stopped before it is."""
STOP_SECONDS = 10.0


@dataclass
class Stream:
    """One answer as its events told it."""

    names: list[str] = field(default_factory=list)
    text: str = ""
    message: dict[str, Any] = field(default_factory=dict)

    def read(self, name: str, data: dict[str, Any]) -> None:
        """Take the next event."""
        self.names.append(name)
        if name == "token":
            self.text += data["text"]
        if name == "reset":
            self.text = ""
        if name in {"done", "error"}:
            self.message = data

    @property
    def faults(self) -> list[str]:
        """What is wrong with it, whatever the model wrote."""
        if self.names[-1:] != ["done"]:
            return [f"it ended with {self.names[-1:]}: {self.message.get('detail', '')}"]
        found = []
        if self.names.count("start") != 1 or self.names.count("decision") != 1:
            found.append(f"start and decision did not come once each: {self.names[:3]}")
        if self.text and self.text != self.message["content"]:
            found.append("its tokens are not its text")
        if not self.message["content"].strip():
            found.append("it is empty")
        return found + [f"without {part['part']}" for part in self.message["degraded"]]

    @property
    def decision(self) -> dict[str, Any]:
        """The message's, or an empty one of a stream that failed."""
        none = {"source": None, "action": None, "rule": None, "reason": ""}
        return self.message.get("decision") or none

    @property
    def is_complete(self) -> bool:
        """Whether the model ended it by itself, before its limit."""
        return self.message.get("finish_reason") == "stop"

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """The calls of the classifier."""
        return [
            call for call in self.message.get("attempts", []) if call["operation"] == "classify"
        ]

    @property
    def is_decided(self) -> bool:
        """Whether the classifier decided."""
        return bool(self.decision["source"] == "classifier")

    @property
    def is_late(self) -> bool:
        """Whether no reply of the classifier came in time: the machine is too slow, or busy."""
        kinds = {call["error_kind"] for call in self.verdicts}
        return not self.is_decided and kinds <= {"timeout"}

    @property
    def is_valid(self) -> bool:
        """Whether the classifier's first reply was a verdict, within its bounds."""
        at_once = self.is_decided and len(self.verdicts) == 1
        return at_once and bool(self.decision["rule"]) and len(self.decision["reason"]) <= 300


@dataclass(frozen=True)
class Asked:
    """A question and its answer."""

    question: Question
    stream: Stream

    @property
    def is_right(self) -> bool:
        """Whether the rule is the one that a reader would choose."""
        return bool(self.stream.decision["rule"] == self.question.rule)


@dataclass(frozen=True)
class Stopped:
    """A stop: seconds until it was answered, the message, and whether the model's server was idle soon."""

    seconds: float
    message: dict[str, Any]
    freed: bool


class Client:
    """One person of the site."""

    def __init__(self, url: str, password: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=TIMEOUT)
        told = {"username": "demo", "password": password}
        token = self._http.post("/auth/token/", json=told).raise_for_status().json()["access"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def ask(self, prompt: str, conversation: str = "") -> Stream:
        """The whole answer."""
        stream = Stream()
        with self._events(prompt, conversation) as events:
            for name, data in events:
                stream.read(name, data)
        return stream

    def rate_good(self, stream: Stream) -> None:
        """Say that this answer is good."""
        path = f"/messages/{stream.message['id']}/feedback/"
        self._http.put(path, json={"verdict": "good"}).raise_for_status()

    def talk(self, *prompts: str) -> list[Stream]:
        """Prompts one after the other in a conversation of their own."""
        made = self._http.post("/conversations/", json={"title": "A walk"}).raise_for_status()
        return [self.ask(prompt, made.json()["id"]) for prompt in prompts]

    def stop(self) -> tuple[float, dict[str, Any]]:
        """Stop a long answer after some tokens; seconds until its end, and the message."""
        for prompt in LONG:
            seconds, message = self._stop(prompt)
            if message.get("status") == "stopped":
                break
        return seconds, message

    def _stop(self, prompt: str) -> tuple[float, dict[str, Any]]:
        stream, tokens, began = Stream(), 0, time.monotonic()
        with self._events(prompt) as events:
            for name, data in events:
                stream.read(name, data)
                tokens += name == "token"
                if name == "token" and tokens == FEW:
                    began = time.monotonic()
                    self._http.post(f"/messages/{self._answer}/stop/").raise_for_status()
        return time.monotonic() - began, stream.message

    @contextmanager
    def _events(
        self, prompt: str, conversation: str = ""
    ) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
        path = f"/conversations/{conversation}/messages/" if conversation else "/messages/"
        accept = {"Accept": "text/event-stream"}
        with self._http.stream("POST", path, json={"content": prompt}, headers=accept) as response:
            response.raise_for_status()
            yield self._read(response)

    def _read(self, response: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
        name = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line[len("event: ") :]
            elif line.startswith("data: "):
                data = json.loads(line[len("data: ") :])
                if name == "start":
                    self._answer = data["message"]
                yield name, data
