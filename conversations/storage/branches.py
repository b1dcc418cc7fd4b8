"""Branches: a turn is asked once more beside the one that it replaces, and both are kept.

A prompt names the answer that it follows, its ``parent``; prompts with the same parent are versions of one
turn. One branch of a conversation is shown and remembered, the messages of the others are ``hidden``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from django.db import transaction
from django.db.models import F

from conversations.db.access import still_awaited
from conversations.domain.errors import ConversationBusy, NotFound
from conversations.models import Conversation, Message
from conversations.storage.selectors import REMEMBERED_EXCHANGES, message_get, running_answer

_MOST_IDS = 500
"""Ids in one statement."""


@dataclass(frozen=True, slots=True)
class Branch:
    """The place of a turn that replaces others: after the answer ``parent``; ``None`` at the beginning.
    ``fresh``: the same prompt is answered again, so no stored answer will do."""

    parent: UUID | None
    fresh: bool = False


def branch_off(conversation: UUID, branch: Branch) -> None:
    """Show the conversation up to the branch's parent, in the transaction that stores the new turn. Raises
    ``ConversationBusy`` while an answer is being written, and ``NotFound``."""
    if running := running_answer(conversation=conversation):
        raise ConversationBusy(running)
    answers = Message.objects.filter(conversation_id=conversation, role=Message.Role.ASSISTANT)
    if branch.parent and not answers.filter(id=branch.parent).exists():
        raise NotFound("There is no such answer in this conversation.")
    tree = _Tree(conversation)
    tree.show(set(tree.way_up(branch.parent)))


@transaction.atomic
def version_show(*, user: int, message: UUID) -> None:
    """Show the branch of one version of a turn, with the last messages below it. Raises ``NotFound`` and
    ``ConversationBusy``."""
    chosen = message_get(user=user, message=message)
    # Two who choose, or ask, at once: the second sees what the first has done.
    Conversation.objects.select_for_update().filter(pk=chosen.conversation_id).first()
    if running := running_answer(conversation=chosen.conversation_id):
        raise ConversationBusy(running)
    tree = _Tree(chosen.conversation_id)
    tree.show({*tree.way_up(chosen.id), *tree.way_down(chosen.id)})
    still_awaited()


def prompt_of(*, user: int, message: UUID) -> Message:
    """The prompt of a turn, which the prompt or its answer names, with its parent. Raises ``NotFound``."""
    named = message_get(user=user, message=message)
    prompt = named.answers if named.answers_id else named
    if prompt is None or prompt.role != Message.Role.USER:
        raise NotFound("There is no such message.")
    if prompt.parent is None:  # stored before prompts had a parent
        prompt.parent = _Tree(prompt.conversation_id).above.get(prompt.id)
    return prompt


def branch_to(conversation: UUID, answer: UUID | None) -> list[UUID]:
    """The messages from an answer up to the beginning, those nearest first, as many as a memory has."""
    return list(islice(_Tree(conversation).way_up(answer), 2 * REMEMBERED_EXCHANGES))


class _Tree:
    """The messages of a conversation: ``above`` each the one that it follows, ``None`` above the first."""

    def __init__(self, conversation: UUID) -> None:
        self._conversation = conversation
        self.above: dict[UUID, UUID | None] = {}
        self._hidden: dict[UUID, bool] = {}
        self._below: dict[UUID | None, list[UUID]] = defaultdict(list)
        self._unnamed = list(self._read())

    def _read(self) -> Iterator[UUID]:
        """Read the messages; those without a stored parent, for they are older than branches."""
        rows = Message.objects.filter(conversation_id=self._conversation).order_by("id")
        last: UUID | None = None
        for each in rows.only("id", "role", "answers_id", "parent", "hidden"):
            parent = each.answers_id or each.parent
            if each.role == Message.Role.ASSISTANT:
                last = last if each.hidden else each.id
            elif parent is None and last and not each.hidden:
                parent = last
                yield each.id
            self.above[each.id] = parent
            self._below[parent].append(each.id)
            self._hidden[each.id] = each.hidden

    def way_up(self, message: UUID | None) -> Iterator[UUID]:
        """The message and those that it follows."""
        while message in self.above:
            yield message
            message = self.above[message]

    def way_down(self, message: UUID) -> Iterator[UUID]:
        """What follows the message: of several versions the newest."""
        while below := self._below.get(message):
            message = below[-1]
            yield message

    def show(self, shown: set[UUID]) -> None:
        """Hide all other messages, and tell the memory that its window is of another branch."""
        for ids in _batches(self._unnamed):
            named = [Message(id=each, parent=self.above[each]) for each in ids]
            Message.objects.bulk_update(named, ["parent"])
        self._mark(
            (each for each, hidden in self._hidden.items() if hidden and each in shown),
            hidden=False,
        )
        self._mark(
            (each for each, hidden in self._hidden.items() if not hidden and each not in shown),
            hidden=True,
        )
        Conversation.objects.filter(pk=self._conversation).update(branches=F("branches") + 1)

    @staticmethod
    def _mark(messages: Iterable[UUID], *, hidden: bool) -> None:
        for ids in _batches(messages):
            Message.objects.filter(id__in=ids).update(hidden=hidden)


def _batches(ids: Iterable[UUID]) -> Iterator[list[UUID]]:
    left = iter(ids)
    while batch := list(islice(left, _MOST_IDS)):
        yield batch
