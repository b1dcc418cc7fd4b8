"""Pictures of the AI SDK's chats: the chat that a model is shown in the place of the memory's texts."""

from __future__ import annotations

from conversations.api.attachments import pictured_chat
from conversations.api.ui_stream.chat_request import UIChatRequest
from conversations.bootstrap import Container
from conversations.db.access import in_database
from conversations.engine.types import CallerChat
from conversations.storage.attachments import pictured_history
from conversations.storage.rewinding import NamedConversation
from routing.domain.rules import RuleSet


async def shown_chat(
    parts: Container, rules: RuleSet, named: NamedConversation, asked: UIChatRequest
) -> CallerChat | None:
    """As ``pictured_chat``, of the conversation up to the prompt that is replaced."""
    before = named.rewind.prompt if named.rewind else None
    return await pictured_chat(
        parts,
        rules,
        await in_database(pictured_history, named.id, before),
        named.prompt,
        named.attachments,
        model=asked.model,
        place=next(iter(asked.pictures), "messages"),
    )
