"""Asking: the questions of a day go to the running server as those of any client, some at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from assistant_site.management.demo.script import Rating, ScriptedQuestion

AT_ONCE = 4
SECONDS = 60.0


@dataclass
class Asking:
    """``tokens`` are those of the people, in order. ``answers`` are the message objects of one day."""

    url: str
    tokens: Sequence[str]
    failures: Counter[str] = field(default_factory=Counter)
    _last: dict[int, str] = field(default_factory=dict)

    def ask_day(
        self, questions: Sequence[ScriptedQuestion]
    ) -> list[tuple[ScriptedQuestion, dict[str, Any]]]:
        """Ask all; the questions of one person in their order. Returns those that were answered."""
        mine: dict[int, list[ScriptedQuestion]] = {}
        for question in questions:
            mine.setdefault(question.person, []).append(question)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = pool.map(self._ask_all, mine.values())
            return [pair for pairs in found for pair in pairs]

    def rate(self, person: int, message: str, rating: Rating) -> None:
        """Give a verdict."""
        body = {"verdict": rating.verdict, "reason": rating.reason, "comment": rating.comment}
        with self._client(person) as client:
            answer = client.put(f"/api/v1/messages/{message}/feedback/", json=body)
            self._counted(answer)

    def make_key(self, name: str) -> None:
        """An API key of the first person, whose secret nobody keeps."""
        with self._client(0) as client:
            self._counted(client.post("/api/v1/keys/", json={"name": name}))

    def _ask_all(
        self, questions: Sequence[ScriptedQuestion]
    ) -> list[tuple[ScriptedQuestion, dict[str, Any]]]:
        answered = []
        with self._client(questions[0].person) as client:
            for question in questions:
                thread = self._last.get(question.person, "") if question.continues else ""
                path = (
                    f"/api/v1/conversations/{thread}/messages/" if thread else "/api/v1/messages/"
                )
                answer = client.post(path, json={"content": question.prompt})
                if self._counted(answer):
                    message = answer.json()
                    self._last[question.person] = message["conversation"]
                    answered.append((question, message))
        return answered

    def _client(self, person: int) -> httpx.Client:
        headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {self.tokens[person]}",
        }
        return httpx.Client(base_url=self.url, headers=headers, timeout=SECONDS)

    def _counted(self, answer: httpx.Response) -> bool:
        if answer.is_success:
            return True
        code = str(answer.status_code)
        with suppress(ValueError):
            code = str(answer.json().get("code", code))
        self.failures[code] += 1
        return False
