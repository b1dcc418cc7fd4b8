"""Tables of conversations: messages, pictures, stored responses, idempotency keys."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): sorts by the time it was made, and within a process by order."""
    return uuid7()


def first_id_at(moment: datetime) -> UUID:
    """Lower bound of the ids made at ``moment`` or later: ids begin with the milliseconds."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


class Conversation(models.Model):
    """One person's thread of messages."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="conversations",
        db_index=False,
    )  # fmt: skip
    title = models.CharField(max_length=200, blank=True)
    client_id = models.CharField(  # noqa: DJ001 - null: most have none, and nulls are not compared
        max_length=64, null=True, blank=True, editable=False,
        help_text="The client's own id of it, one per person.",
    )  # fmt: skip
    branches = models.PositiveIntegerField(
        default=0, db_default=0, editable=False,
        help_text="How often another branch of it was shown.",
    )  # fmt: skip
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("owner", "-id")),)
        constraints = (
            # Two requests that open it at once: the second insert fails.
            models.UniqueConstraint(
                fields=("owner", "client_id"),
                condition=Q(client_id__isnull=False),
                name="one_conversation_per_client_id",
            ),
        )

    def __str__(self) -> str:
        return self.title or str(self.id)


class Message(models.Model):
    """A prompt (role user) or its answer (role assistant) with all that is known about it."""

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"

    class Status(models.TextChoices):
        STREAMING = "streaming"
        COMPLETE = "complete"
        STOPPED = "stopped"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    conversation = models.ForeignKey(
        Conversation, on_delete=models.CASCADE, related_name="messages", db_index=False
    )
    role = models.CharField(max_length=16, choices=Role)
    content = models.TextField(blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.COMPLETE)
    answers = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="answer",
        help_text="The prompt that this message answers.",
    )  # fmt: skip
    parent = models.UUIDField(
        null=True, blank=True, editable=False,
        help_text="The answer that this prompt follows; prompts of one parent are versions of a turn.",
    )  # fmt: skip
    hidden = models.BooleanField(
        default=False, db_default=False, editable=False,
        help_text="Of a branch of the conversation that is not shown.",
    )  # fmt: skip
    requested_model = models.CharField(max_length=64, blank=True)

    action = models.CharField(max_length=16, blank=True)
    source = models.CharField(max_length=24, blank=True)
    provider = models.CharField(max_length=32, blank=True)
    model = models.CharField(max_length=96, blank=True)
    rule = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)
    ruleset = models.PositiveIntegerField(null=True, blank=True)
    fallback = models.BooleanField(default=False)
    guard = models.JSONField(null=True, blank=True)
    vector = models.JSONField(
        null=True, blank=True, help_text="What a decision by earlier verdicts rests on."
    )

    cache_outcome = models.CharField(max_length=16, blank=True)
    cache_similarity = models.FloatField(null=True, blank=True)
    cache_entry = models.UUIDField(null=True, blank=True)
    cache_usage = models.JSONField(
        null=True, blank=True, help_text="Tokens of the first time, of an answer that was stored."
    )

    input_tokens = models.PositiveIntegerField(null=True, blank=True)
    output_tokens = models.PositiveIntegerField(null=True, blank=True)
    cost_usd = models.DecimalField("cost in US dollars", max_digits=14, decimal_places=8, null=True, blank=True)  # fmt: skip
    first_token_ms = models.PositiveIntegerField("milliseconds to the first token", null=True, blank=True)  # fmt: skip
    total_ms = models.PositiveIntegerField("milliseconds to the end", null=True, blank=True)
    finish_reason = models.CharField(max_length=32, blank=True)
    attempts = models.JSONField(default=list, blank=True)
    degraded = models.JSONField(default=list, blank=True)
    problem = models.JSONField(null=True, blank=True)
    script = models.JSONField(
        default=list,
        blank=True,
        help_text="How the answer was cut into events: token lengths, resets, notices.",
    )
    trace_id = models.CharField(max_length=32, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(fields=("conversation", "id")),
            # A version's messages, newest first, however many there are.
            models.Index(fields=("ruleset", "-id")),
            # Those being written, which every worker looks for, and those that failed.
            models.Index(fields=("status", "-id")),
            # Of most messages none: with them in it, SQLite takes the index for useless.
            models.Index(
                fields=("cache_entry",),
                condition=Q(cache_entry__isnull=False),
                name="message_cache_entry",
            ),
        )
        constraints = (
            # Two requests that ask at once in one conversation: the second insert fails.
            models.UniqueConstraint(
                fields=("conversation",),
                condition=Q(status="streaming"),
                name="one_streaming_answer_per_conversation",
            ),
        )

    def __str__(self) -> str:
        return f"{self.role} {self.id}"


class GeneratedImage(models.Model):
    """A picture that the image tool drew for a message."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.OneToOneField(
        Message, null=True, blank=True, on_delete=models.CASCADE, related_name="image",
        help_text="None for a picture of a chat that no conversation keeps.",
    )  # fmt: skip
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="images"
    )
    file = models.FileField(upload_to="images/%Y/%m/")
    media_type = models.CharField(max_length=32, default="image/png")
    alt = models.CharField("alternative text", max_length=300)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    revised_prompt = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "image"

    def __str__(self) -> str:
        return self.alt


class PromptAttachments(models.Model):
    """Pictures that a person sent with a prompt, as parts in OpenAI's form, with their bytes. ``pictures`` has
    the type and size of each, ``null`` for those of which no bytes are kept: lists read them without the bytes."""

    message = models.OneToOneField(
        Message, primary_key=True, on_delete=models.CASCADE, related_name="attachments"
    )
    parts = models.JSONField()
    pictures = models.JSONField(default=list)

    class Meta:
        verbose_name = verbose_name_plural = "attachments of prompts"

    def __str__(self) -> str:
        return str(self.message_id)


class StoredResponse(models.Model):
    """A response of OpenAI's Responses API: its request, beside the answer that holds its output."""

    message = models.OneToOneField(
        Message, primary_key=True, on_delete=models.CASCADE, related_name="response"
    )
    previous = models.UUIDField(
        null=True, blank=True, help_text="The answer of the response that this one continues."
    )
    items = models.JSONField(help_text="The items of its input, each with an id.")
    parameters = models.JSONField(
        help_text="The fields of the response object that the request sets."
    )
    thinking = models.JSONField(
        default=list, blank=True, help_text="Thoughts of the answer that their provider wants back."
    )
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return str(self.message_id)


class IdempotencyKey(models.Model):
    """Idempotency key: a claimed ``Idempotency-Key`` and its answer (IETF draft, kept 24 h)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    body_sha256 = models.CharField(max_length=64)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "key"), name="one_answer_per_key"),)

    def __str__(self) -> str:
        return self.key
