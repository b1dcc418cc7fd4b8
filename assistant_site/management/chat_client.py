"""Client of the service's own API over HTTP, for ``manage.py chat``, without Django."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import httpx

SECONDS = 30.0
"""Time limit between two pieces of an answer; a silent stream has a comment every ten seconds."""
RESUMES = 5
"""Times that a stream that broke is continued."""
SHOWN_CHATS = 20

_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

Event = tuple[str, dict[str, Any]]


class ChatError(Exception):
    """The service, or the way to it, said no. The text is for the person."""

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status


@dataclass(slots=True)
class TerminalClient:
    """One person's conversation. ``key`` is an API key or an access token."""

    url: str
    key: str = ""
    refresh: str = ""
    conversation: str = ""
    model: str = ""
    answer: str = ""
    """Id of the last answer."""
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url.rstrip("/"), timeout=SECONDS)

    def sign_in(self, user: str, password: str) -> None:
        """Raises ``ChatError`` for a wrong password."""
        told = self._call("POST", "/api/v1/auth/token/", {"username": user, "password": password})
        self.key, self.refresh = told["access"], told["refresh"]

    def ask(self, prompt: str) -> Generator[Event, None, None]:
        """The events of the answer, to the last; a stream that breaks is continued where it was. Raises
        ``ChatError``."""
        path = f"/api/v1/conversations/{self.conversation}/messages/"
        body = {"content": prompt} | ({"model": self.model} if self.model else {})
        send = ("POST", path if self.conversation else "/api/v1/messages/", body)
        self.answer, seen = "", 0
        for _ in range(RESUMES + 1):
            try:
                with closing(self._events(*send, after=seen)) as events:
                    for number, name, data in events:
                        seen = number
                        if name == "start":
                            self.conversation, self.answer = data["conversation"], data["message"]
                        yield name, data
                        if name in {"done", "error"}:
                            return
            except httpx.TransportError as exc:
                if not self.answer:
                    raise ChatError(f"{self.url} cannot be reached: {exc}") from exc
            send = ("GET", f"/api/v1/messages/{self.answer}/stream/", {})
        raise ChatError("The connection broke again and again.")

    def stop(self) -> None:
        """Stop the answer that is being written."""
        if self.answer:
            self._call("POST", f"/api/v1/messages/{self.answer}/stop/")

    def rate(self, verdict: str, comment: str = "") -> None:
        """Rate the last answer ``good`` or ``bad``. Raises ``ChatError``."""
        if not self.answer:
            raise ChatError("There is no answer to rate yet.")
        body = {"verdict": verdict} | ({"comment": comment} if comment else {})
        self._call("PUT", f"/api/v1/messages/{self.answer}/feedback/", body)

    def conversations(self) -> list[dict[str, Any]]:
        """The latest conversations, newest first."""
        told = self._call("GET", f"/api/v1/conversations/?page_size={SHOWN_CHATS}")
        return list(told["results"])

    def messages(self, conversation: str) -> list[dict[str, Any]]:
        """The messages of a conversation, oldest first; the last page of it. Opens it."""
        path, page = f"/api/v1/conversations/{conversation}/messages/?page_size=100", []
        while path:
            told = self._call("GET", path)
            page = list(told["results"])
            path = str(told["next"] or "").removeprefix(self.url.rstrip("/"))
        self.conversation = conversation
        answers = [message["id"] for message in page if message["role"] == "assistant"]
        self.answer = answers[-1] if answers else ""
        return page

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        try:
            response = self.http.request(method, path, json=body, headers=self._headers())
            if response.status_code == 401 and self._renewed():
                response = self.http.request(method, path, json=body, headers=self._headers())
        except httpx.TransportError as exc:
            raise ChatError(f"{self.url} cannot be reached: {exc}") from exc
        if response.is_error:
            raise _error(response)
        return response.json() if response.content else None

    def _events(
        self, method: str, path: str, body: Mapping[str, Any], *, after: int
    ) -> Generator[tuple[int, str, dict[str, Any]], None, None]:
        headers = {**self._headers(), "Accept": "text/event-stream"}
        if method == "GET":
            headers["Last-Event-ID"] = str(after)
        sent = body if method == "POST" else None
        with self.http.stream(method, path, json=sent, headers=headers) as response:
            if response.status_code == 401 and self._renewed():
                yield from self._events(method, path, body, after=after)
                return
            if response.is_error:
                response.read()
                raise _error(response)
            number, name = 0, ""
            for line in response.iter_lines():
                field_name, _, value = line.partition(": ")
                match field_name:
                    case "id":
                        number = int(value)
                    case "event":
                        name = value
                    case "data":
                        yield number, name, json.loads(value)
                    case _:
                        pass  # comments, and the empty line after each event

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def _renewed(self) -> bool:
        """Whether a new access token was had: one lasts 15 minutes."""
        if not self.refresh:
            return False
        response = self.http.post("/api/v1/auth/token/refresh/", json={"refresh": self.refresh})
        told = response.json() if response.is_success else {}
        self.key, self.refresh = told.get("access", ""), told.get("refresh", self.refresh)
        return bool(self.key)


def printable(text: str) -> str:
    """``text`` without control characters: a model's answer must not steer the terminal."""
    return "".join(
        char
        for char in text
        if char in "\n\t" or not (unicodedata.category(char) == "Cc" or char in _DIRECTIONS)
    )


def _error(response: httpx.Response) -> ChatError:
    try:
        problem = response.json()
        text = str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        text = f"The answer of {response.url.host} is no problem of this service."
    return ChatError(f"{printable(text)} ({response.status_code})", response.status_code)
