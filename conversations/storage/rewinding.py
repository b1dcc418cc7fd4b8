"""Rewinding: a conversation is taken back to an earlier turn, whose answer or prompt is then replaced.

Clients that regenerate an answer or edit a prompt drop all that came after it. What is dropped here is
deleted like any message: its feedback, its entry in the answer cache and the memory go with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from conversations.db.access import still_awaited
from conversations.domain.errors import ConversationBusy, NotFound
from conversations.models import Conversation, Message
from conversations.storage.selectors import require_active, running_answer


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
    """

    prompt: str
    regenerates: bool = False
    replaces: bool = False
    named: UUID | None = None
    last_answer: UUID | None = None
    is_first: bool = False


@transaction.atomic
def conversation_named(
    *, user: int, client_id: str, shown: ShownChat
) -> tuple[UUID, Rewind | None, str]:
    """The person's conversation under a client's own id, opened where there is none; the turn to replace;
    the prompt, which a client need not repeat. Of two requests at once one opens it.

    Raises ``TokenNotValid``, and ``NotFound`` where there is no prompt.
    """
    require_active(user=user)
    thread, _ = Conversation.objects.get_or_create(owner_id=user, client_id=client_id)
    found = _turn_to_replace(thread.id, shown) if shown.replaces or shown.regenerates else None
    prompt = shown.prompt or (found.content if found else "")
    if not prompt:
        raise NotFound("There is no answer to replace.")
    still_awaited()
    if found is None:
        return thread.id, None, prompt
    keeps = shown.regenerates and prompt == found.content
    return thread.id, Rewind(found.id, keeps), prompt


def _turn_to_replace(conversation: UUID, shown: ShownChat) -> Message | None:
    """The prompt whose turn the client means. ``None``: it came to no turn here, so there is nothing to
    replace."""
    prompts = Message.objects.filter(conversation_id=conversation, role=Message.Role.USER)
    prompts = prompts.order_by("id")
    if shown.named and (found := prompts.filter(_is(shown.named)).first()):
        return found
    if shown.last_answer and prompts.filter(answer=shown.last_answer).exists():
        # The id of an answer is greater than its prompt's and less than the next prompt's.
        return prompts.filter(id__gt=shown.last_answer).first()
    if shown.is_first and not shown.regenerates:
        return prompts.first()
    # Without an id of ours, the words must be the same: a turn that is not meant must not be lost.
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
