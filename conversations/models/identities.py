"""Table of the accounts at an identity provider that people sign in with."""

from __future__ import annotations

from django.conf import settings
from django.db import models

MAX_ISSUER, MAX_SUBJECT = 255, 255
"""Characters; OpenID Connect allows a subject 255."""


class ExternalIdentity(models.Model):
    """A person's account at an identity provider, by the pair that OpenID Connect makes unique for ever.

    Names and e-mail addresses change hands there; nobody is found by them.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="identities"
    )
    issuer = models.CharField(max_length=MAX_ISSUER)
    subject = models.CharField(max_length=MAX_SUBJECT)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "identity"
        verbose_name_plural = "identities"
        constraints = (
            models.UniqueConstraint(fields=("issuer", "subject"), name="one_person_per_identity"),
        )

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"
