"""All sides' books of a run: what the database, the log in Redis and the providers have of each question."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from redis import Redis

from benchmarks.scorecard.ledger import Asked
from conversations.api.sse import encode
from conversations.models import IdempotencyKey, Message
from conversations.runs.event_codec import load
from conversations.runs.event_log import log_key
from routing.common.redis.clients import sync_client

_TAG = re.compile(r"\[(q\d+-\d+)\]")


@dataclass(frozen=True, slots=True)
class Books:
    """By the question's tag: the stored answer, how often the question is stored, the providers'
    requests, the frames of the log."""

    asked: Sequence[Asked]
    stored: Mapping[str, Message]
    prompts: Mapping[str, int]
    requests: Mapping[str, Sequence[Mapping[str, Any]]]
    logs: Mapping[str, list[bytes]]


def read_books(asked: Sequence[Asked], requests: Iterable[Mapping[str, Any]]) -> Books:
    """Everything there is about these questions."""
    stored = _stored(asked)
    prompts = Message.objects.filter(role=Message.Role.USER).values_list("content", flat=True)
    with sync_client(settings.REDIS_URL) as client:
        logs = {tag: _log_of(client, answer.pk) for tag, answer in stored.items()}
    return Books(asked, stored, Counter(map(_tag, prompts)), _by_tag(requests), logs)


def _stored(asked: Sequence[Asked]) -> dict[str, Message]:
    tags = {each.key: each.tag for each in asked}
    claims = IdempotencyKey.objects.select_related("message")
    return {tags[claim.key]: claim.message for claim in claims if claim.key in tags}


def _by_tag(requests: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for request in requests:
        if request["call"] in {"chat", "classify"} and (tag := _tag(_last_words(request["body"]))):
            found.setdefault(tag, []).append(request)
    return found


def _last_words(body: Any) -> str:
    """The last message as text: the prompt, or what a classifier is told of it."""
    last = body["messages"][-1]["content"]
    return last if isinstance(last, str) else "\n".join(part.get("text", "") for part in last)


def _tag(words: str) -> str:
    """The tag of the newest question in a text."""
    found: list[str] = _TAG.findall(words)
    return found[-1] if found else ""


def _log_of(client: Redis, message: UUID) -> list[bytes]:
    entries: Any = client.xrange(log_key(settings.REDIS_PREFIX, message))
    written = (numbered for _, body in entries for numbered in load(body[b"e"]))
    return [encode(number, event) for number, event in written]
