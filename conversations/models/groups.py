"""Table of the models and rules of groups of people, beside the permissions of Django's own groups."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

MOST_NAMES, MOST_KEY_DAYS = 500, 3_650


def name_list(names: Any) -> None:
    """Raise ``ValidationError`` for anything but a list of names."""
    whole = isinstance(names, list) and 0 < len(names) <= MOST_NAMES
    if not whole or not all(isinstance(one, str) and 0 < len(one) <= 96 for one in names):
        raise ValidationError(f"A list of up to {MOST_NAMES} names, or empty for all.")


class GroupPolicy(models.Model):
    """The models and rules of a group's members, and the first settings of their API keys.

    A person may use what one of its groups allows; groups that say nothing neither give nor take.
    """

    group = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="policy")
    allowed_models = models.JSONField(
        null=True, blank=True, validators=[name_list], help_text="Empty: says nothing of models."
    )
    allowed_rules = models.JSONField(
        null=True, blank=True, validators=[name_list], help_text="Empty: says nothing of rules."
    )
    key_scopes = models.JSONField(
        null=True, blank=True, validators=[name_list], help_text="Scopes of members' new keys."
    )
    key_models = models.JSONField(
        null=True, blank=True, validators=[name_list], help_text="Models of members' new keys."
    )
    key_days = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_KEY_DAYS)],
        help_text="Days until members' new keys expire.",
    )
    changed_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        verbose_name = "what members may use"
        verbose_name_plural = "what members may use"

    def __str__(self) -> str:
        return f"what {self.group} may use"
