"""Table of links that show a conversation to their holders."""

from __future__ import annotations

from django.db import models

from conversations.models.messages import Conversation, new_id


class SharedConversation(models.Model):
    """A read-only link to a conversation as it was when it was shared. ``messages`` are the ids of those that
    were shown then, oldest first; of the link's token the SHA-256 is kept."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    conversation = models.OneToOneField(
        Conversation, on_delete=models.CASCADE, related_name="share"
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    title = models.CharField(max_length=200, blank=True)
    messages = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "shared conversation"
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.title
