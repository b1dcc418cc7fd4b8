"""Rewinding: a conversation is taken back to an earlier turn; its answer or prompt is then replaced.

Clients that regenerate an answer or edit a prompt drop all that came after it. Messages dropped here are
deleted like any message: its feedback, its entry in the answer cache and the memory go with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from conversations.db.access import still_awaited
from conversations.domain.errors import ConversationBusy, NotFound
from conversations.models import Conversation, Message
from conversations.storage.attachments import has_attachments, parts_of
from conversations.storage.selectors import require_active, running_answer

UNOPENED = UUID(int=0)
"""Stands for the conversation of a chat that has none yet."""


@dataclass(frozen=True, slots=True)
class Rewind:
    """The turn of ``prompt`` is replaced: its answer, all later turns and, unless ``keeps_prompt``, the
    prompt itself are deleted."""

    prompt: UUID
    keeps_prompt: bool


@dataclass(frozen=True, slots=True)
class ShownChat:
    """A client's view of its chat, by which the turn to replace is found.

    ``named`` is the message that the request names, ``last_answer`` the answer before the prompt;
    ``None`` for ids that are not ours. ``is_first``: the client shows nothing before the prompt.
    ``attachments`` are the parts of the prompt beside its text.
    """

    prompt: str
    regenerates: bool = False
    replaces: bool = False
    named: UUID | None = None
    last_answer: UUID | None = None
    is_first: bool = False
    attachments: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class NamedConversation:
    """The conversation of a client's chat, the turn to replace, and the prompt with its attachments.
    ``pictured``: there are attachments here, or with an earlier prompt."""

    id: UUID
    rewind: Rewind | None
    prompt: str
    attachments: tuple[Mapping[str, Any], ...]
    pictured: bool


@transaction.atomic
def conversation_named(*, user: int, client_id: str, shown: ShownChat) -> NamedConversation:
    """The person's conversation under a client's own id, opened where there is none; a client that asks
    again need not repeat the prompt. Of two requests at once one opens it.

    Raises ``TokenNotValid``, and ``NotFound`` where there is no prompt.
    """
    require_active(user=user)
    thread, _ = Conversation.objects.get_or_create(owner_id=user, client_id=client_id)
    named = _named(thread.id, user, shown)
    still_awaited()
    return named


def conversation_expected(*, user: int, client_id: str, shown: ShownChat) -> NamedConversation:
    """What ``conversation_named`` will find, without a change. Raises ``NotFound`` as it does."""
    threads = Conversation.objects.filter(owner_id=user, client_id=client_id)
    return _named(threads.values_list("id", flat=True).first() or UNOPENED, user, shown)


def _named(thread: UUID, user: int, shown: ShownChat) -> NamedConversation:
    found = _turn_to_replace(thread, shown) if shown.replaces or shown.regenerates else None
    prompt, attachments, keeps = shown.prompt, shown.attachments, False
    if found:
        earlier = found.content, parts_of(found.id)
        if not (prompt or attachments):
            prompt, attachments = earlier
        keeps = shown.regenerates and (prompt, attachments) == earlier
    if not (prompt or attachments):
        raise NotFound("There is no answer to replace.")
    pictured = bool(attachments) or has_attachments(thread, user)
    rewind = Rewind(found.id, keeps) if found else None
    return NamedConversation(thread, rewind, prompt, attachments, pictured)


def _turn_to_replace(conversation: UUID, shown: ShownChat) -> Message | None:
    """The prompt whose turn the client means. ``None``: it came to no turn here, so there is nothing to
    replace."""
    prompts = Message.objects.filter(
        conversation_id=conversation, role=Message.Role.USER, hidden=False
    )
    prompts = prompts.order_by("id")
    if shown.named and (found := prompts.filter(_is(shown.named)).first()):
        return found
    if shown.last_answer and prompts.filter(answer=shown.last_answer).exists():
        # The id of an answer is greater than its prompt's and less than the next prompt's.
        return prompts.filter(id__gt=shown.last_answer).first()
    if shown.is_first and not shown.regenerates:
        return prompts.first()
    # Without an id of ours, the words must be the same: a turn that is not meant must not be lost.
    if shown.replaces and not shown.prompt:
        return None
    candidates = [prompts.first() if shown.is_first else None, prompts.last()]
    same = (each for each in candidates if each and shown.prompt in {"", each.content})
    return next(same, None)


def _is(message: UUID) -> Q:
    return Q(id=message) | Q(answer=message)


def rewind(conversation: UUID, to: Rewind) -> None:
    """Delete what is replaced, in the transaction that stores the new turn. Raises ``ConversationBusy``
    while an answer is being written, and ``NotFound``."""
    if running := running_answer(conversation=conversation):
        raise ConversationBusy(running)
    messages: QuerySet[Message] = Message.objects.filter(conversation_id=conversation)
    if not messages.filter(id=to.prompt).exists():
        raise NotFound("There is no such message.")
    later = messages.filter(id__gt=to.prompt)
    (later if to.keeps_prompt else messages.filter(id__gte=to.prompt)).delete()
