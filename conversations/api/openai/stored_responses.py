"""Stored responses as objects of the Responses API, and the items that a new request takes from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from conversations.api.images import with_signed_picture
from conversations.api.openai.errors import ParameterFault
from conversations.api.openai.response_encoder import ResponseBuilder
from conversations.api.openai.response_items import (
    Item,
    Placed,
    answer_of,
    answer_of_item,
    item_owner,
)
from conversations.api.openai.response_request import ResponseRequest
from conversations.domain.errors import NotFound
from conversations.engine.types import CallerChat
from conversations.models import Message, StoredResponse
from conversations.runs.event_codec import replay
from conversations.storage.representations import message_object
from conversations.storage.responses import response_chain, responses_get
from routing.domain.llm import ThinkingBlock

Shown = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Makes of a message object the one that is shown."""


@dataclass(frozen=True, slots=True)
class ResponseContext:
    """All that a request stands on: the responses that it continues, the last one first, its own items
    with references resolved, the items of the whole chat, and the thoughts of the answers among them that
    their providers want back."""

    earlier: Sequence[StoredResponse]
    own: Sequence[Item]
    placed: Sequence[Placed]
    thinking: Mapping[UUID, Sequence[ThinkingBlock]]

    def with_thinking(self, chat: CallerChat, answers: Sequence[Sequence[UUID]]) -> CallerChat:
        """The chat with the thoughts beside its messages; ``answers`` are those that each is made of."""
        if not self.thinking:
            return chat
        messages = [
            replace(message, thinking=self._thinking_of(made)) if made else message
            for message, made in zip(chat.messages, answers, strict=True)
        ]
        return replace(chat, messages=tuple(messages))

    def _thinking_of(self, answers: Sequence[UUID]) -> tuple[ThinkingBlock, ...]:
        once = dict.fromkeys(answers)
        return tuple(block for answer in once for block in self.thinking.get(answer, ()))


def stored_object(stored: StoredResponse, origin: str) -> dict[str, Any]:
    """A stored response as it is now. ``origin`` is the scheme and host of the site."""
    return _object(stored, origin, with_signed_picture)


def _object(stored: StoredResponse, origin: str, shown: Shown) -> dict[str, Any]:
    answer = stored.message
    builder = ResponseBuilder(answer.id, answer.created_at, stored.parameters)
    if answer.status != Message.Status.STREAMING:
        finished = dict(shown(message_object(answer, origin=origin)))
        builder.whole((event for _, event in replay(answer, finished)), finished)
    return builder.response


def read_context(asked: ResponseRequest, user: int) -> ResponseContext:
    """Resolve what a request refers to. Raises ``ParameterFault``; runs in a thread."""
    earlier = _earlier(asked, user)
    own = _resolved(asked.items(), user)
    before = [("previous_response_id", item) for one in reversed(earlier) for item in _all(one)]
    placed = [(f"input[{at}]", item) for at, item in enumerate(own)]
    every = [*before, *placed]
    return ResponseContext(earlier, own, every, _thinking(every, earlier, user))


def _thinking(
    placed: Sequence[Placed], earlier: Sequence[StoredResponse], user: int
) -> dict[UUID, list[ThinkingBlock]]:
    """The thoughts of all answers whose items are in a chat; those of others' answers are not found."""
    answers = {answer for _, item in placed if (answer := answer_of_item(item.get("id")))}
    known = {one.pk: one for one in earlier}
    missing = answers - known.keys()
    rows = responses_get(user=user, messages=missing) if missing else []
    return {
        one.pk: [ThinkingBlock(**block) for block in one.thinking]
        for one in (*earlier, *rows)
        if one.pk in answers and one.thinking
    }


def _earlier(asked: ResponseRequest, user: int) -> list[StoredResponse]:
    if asked.previous_response_id is None:
        return []
    answer, field = answer_of(asked.previous_response_id), "previous_response_id"
    try:
        chain = response_chain(user=user, message=answer) if answer else []
    except NotFound:
        chain = []
    if not chain:
        detail = "There is no such response, or one that it continues is gone."
        raise ParameterFault(field, detail, "not_found")
    if chain[0].message.status == Message.Status.STREAMING:
        raise ParameterFault(field, "The response is still being made.")
    return chain


def _resolved(items: Sequence[Item], user: int) -> list[Item]:
    """The items, with stored ones in the place of their references."""
    names = [item["id"] for item in items if item["type"] == "item_reference"]
    owners = {owner for name in names if (owner := item_owner(name))}
    stored = _by_id(responses_get(user=user, messages=owners)) if owners else {}
    for at, item in enumerate(items):
        if item["type"] == "item_reference" and item["id"] not in stored:
            detail = f"There is no stored item {item['id'][:64]!r}."
            raise ParameterFault(f"input[{at}].id", detail, "not_found")
    return [stored[item["id"]] if item["type"] == "item_reference" else item for item in items]


def _by_id(responses: Iterable[StoredResponse]) -> dict[str, Item]:
    return {item["id"]: item for one in responses for item in _all(one)}


def _all(stored: StoredResponse) -> list[Item]:
    """The items of a response's input and output. A model sees them: a signed address would let it, and
    its provider, open the picture."""
    return [*stored.items, *_object(stored, "", dict)["output"]]


def answer_id(response: str) -> UUID:
    """The answer of a response that a path names. Raises ``NotFound``."""
    answer = answer_of(response)
    if answer is None:
        raise NotFound("There is no such response.")
    return answer
