"""Tables of API keys: the rights of a key, and the digests of its secrets."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from conversations.models.messages import new_id


class APIKey(models.Model):
    """A key of one person, for programs. It keeps its row when it is revoked: history names it."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys"
    )
    maker = models.ForeignKey(
        "self", null=True, on_delete=models.CASCADE, editable=False, related_name="made",
        help_text="The key that made it, whose limits it spends as well.",
    )  # fmt: skip
    name = models.CharField(max_length=100, help_text="What it is for, such as the program's name.")
    scopes = models.JSONField(default=list)
    model_names = models.JSONField(
        null=True,
        blank=True,
        help_text="Names of models that it may ask for; none named: all that are published.",
    )
    end_users = models.BooleanField(
        default=False,
        help_text="Trust the end user's id that the program sends. For programs that serve many people.",
    )
    lenient = models.BooleanField(
        default=False, help_text="Drop parameters that are unknown instead of refusing them."
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="Exact to a minute.")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.name


class APIKeySecret(models.Model):
    """A secret of a key, as its SHA-256. A rotated key has two until the overlap ends."""

    digest = models.CharField(primary_key=True, max_length=64, editable=False)
    key = models.ForeignKey(APIKey, on_delete=models.CASCADE, related_name="secrets")
    hint = models.CharField(max_length=16)
    created_at = models.DateTimeField(auto_now_add=True)
    valid_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("created_at",)

    def __str__(self) -> str:
        return self.hint
