"""Tables of usage: the ledger of every call to a model, and limits."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from conversations.models.api_keys import APIKey
from conversations.models.messages import new_id
from routing.domain.limits import LimitScope, LimitUnit, LimitWindow

MOST_AMOUNT, MOST_USD = 10**11, 10**6
"""A counter in Redis is exact up to 2**53: billionths of nine million dollars."""


class LedgerEntry(models.Model):
    """Ledger: one attempt of one run, or a run without any. Rows are added, never changed.

    The truth about usage and money: counters are rebuilt from it. No foreign keys: the cost of a deleted
    answer counts, too. ``cost`` is in billionths of a US dollar, so that sums are exact; a later change of
    a price changes no row.
    """

    run = models.UUIDField(help_text="The answer's message.")
    place = models.PositiveSmallIntegerField(help_text="Of the attempt in its run, from 0.")
    at = models.DateTimeField(help_text="When the run was admitted.")
    day = models.DateField(help_text="The same in the time zone of limits.")
    user = models.BigIntegerField(null=True, help_text="None for an erased person.")
    key = models.UUIDField(null=True)
    end_user = models.CharField(max_length=512, blank=True, default="")
    groups = models.CharField(
        max_length=255, blank=True, default="", help_text="Those with a limit, as |1|2|."
    )
    requests = models.PositiveSmallIntegerField(help_text="1 in the row of the answer.")
    purpose = models.CharField(max_length=16, blank=True, help_text="Empty without an attempt.")
    model = models.CharField(max_length=96, blank=True)
    provider = models.CharField(max_length=32, blank=True)
    rule = models.CharField(max_length=64, blank=True)
    outcome = models.CharField(max_length=32, blank=True)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(default=0)
    reasoning_tokens = models.PositiveIntegerField(default=0)
    cost = models.BigIntegerField(null=True, help_text="Billionths of a US dollar; none: unknown.")
    estimated = models.BooleanField(default=False)

    class Meta:
        verbose_name = "ledger entry"
        verbose_name_plural = "ledger"
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("day",)),
            models.Index(fields=("user", "day")),
            models.Index(fields=("key", "day")),
            models.Index(fields=("at",)),
        )
        constraints = (
            models.UniqueConstraint(fields=("run", "place"), name="one_row_per_attempt"),
        )

    def __str__(self) -> str:
        return f"{self.run} {self.place}"


class UsageSum(models.Model):
    """Sums of the ledger for one day that is over, by the columns of a grain (``usage.roll_up.GRAINS``); the
    other columns are empty."""

    grain = models.CharField(max_length=4)
    day = models.DateField()
    user = models.BigIntegerField(null=True)
    key = models.UUIDField(null=True)
    end_user = models.CharField(max_length=512, blank=True, default="")
    model = models.CharField(max_length=96, blank=True, default="")
    rule = models.CharField(max_length=64, blank=True, default="")
    purpose = models.CharField(max_length=16, blank=True, default="")
    requests = models.PositiveBigIntegerField()
    input_tokens = models.PositiveBigIntegerField()
    output_tokens = models.PositiveBigIntegerField()
    cached_tokens = models.PositiveBigIntegerField()
    reasoning_tokens = models.PositiveBigIntegerField()
    cost = models.BigIntegerField()
    unpriced = models.PositiveIntegerField()
    estimated = models.PositiveIntegerField()

    class Meta:
        indexes = (
            models.Index(fields=("day", "grain")),
            models.Index(fields=("user", "day")),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.grain}"


class UsageDay(models.Model):
    """A day of the ledger; ``summed``: its ``UsageSum`` rows are there, and hold."""

    day = models.DateField(primary_key=True)
    summed = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.day} {self.summed}"


def _choices(kind: type[StrEnum]) -> list[tuple[str, str]]:
    return [(one.value, one.value.replace("_", " ")) for one in kind]


def model_name_list(names: Any) -> None:
    """Raise ``ValidationError`` for anything but a list of names."""
    if not (isinstance(names, list) and names and all(isinstance(one, str) for one in names)):
        raise ValidationError("A list of models' names, or empty for all.")


class Limit(models.Model):
    """Limit: the most that an account may spend in a window. All limits that match a request must hold."""

    class AtLimit(models.TextChoices):
        REJECT = "reject", "refuse"
        DOWNGRADE = "downgrade", "answer by the cheapest model"

    scope = models.CharField(max_length=16, choices=_choices(LimitScope))
    group = models.ForeignKey(
        Group, null=True, blank=True, on_delete=models.CASCADE, related_name="+",
        help_text="Whose members spend it together.",
    )  # fmt: skip
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE,
        related_name="+", help_text="Empty: each person has it.",
    )  # fmt: skip
    key = models.ForeignKey(
        APIKey, null=True, blank=True, on_delete=models.CASCADE, related_name="limits",
        help_text="Empty: each API key has it.",
    )  # fmt: skip
    end_user = models.CharField(
        max_length=512, blank=True, help_text="Of trusted keys. Empty: each end user has it."
    )
    unit = models.CharField(max_length=16, choices=_choices(LimitUnit))
    window = models.CharField(
        max_length=8,
        choices=_choices(LimitWindow),
        help_text="Of no effect for concurrent requests.",
    )
    amount = models.DecimalField(
        max_digits=18,
        decimal_places=6,
        validators=[MinValueValidator(0), MaxValueValidator(MOST_AMOUNT)],
        help_text="Requests, tokens, or US dollars (at most a million).",
    )
    model_names = models.JSONField(
        null=True, blank=True, validators=[model_name_list],
        help_text='Only calls of these models count: ["gpt"]. Empty: of all.',
    )  # fmt: skip
    at_limit = models.CharField(max_length=16, choices=AtLimit, default=AtLimit.REJECT)
    enabled = models.BooleanField(default=True)
    by_owner = models.BooleanField(
        default=False, editable=False, help_text="Set by the owner of the key, who may change it."
    )
    changed_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        ordering = ("scope", "pk")

    def __str__(self) -> str:
        return f"{self.scope} {self.amount.normalize():f} {self.unit} {self.window}"

    def clean(self) -> None:
        """Raises ``ValidationError`` for a subject of another scope, and for parts of a request."""
        subjects: dict[str, Any] = {
            "group": self.group_id,
            "user": self.user_id,
            "key": self.key_id,
        }
        subjects["end_user"] = self.end_user or None
        wrong = [name for name, given in subjects.items() if given and name != self.scope]
        if wrong:
            raise ValidationError({wrong[0]: f"A limit of the scope {self.scope} has none."})
        if self.scope == LimitScope.GROUP and not self.group_id:
            raise ValidationError({"group": "Choose the group."})
        if self.amount is not None and self.unit != LimitUnit.USD and self.amount % 1:
            raise ValidationError({"amount": "Must be a whole number."})
        if self.amount is not None and self.unit == LimitUnit.USD and self.amount > MOST_USD:
            raise ValidationError({"amount": "At most a million US dollars."})


class LimitWarning(models.Model):
    """Warning: a limit reached a level, once in a window; and the delivery of its webhook.

    The unique constraint makes it one over all workers, also after Redis lost everything. A limit of
    another amount warns anew.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    limit = models.ForeignKey(Limit, on_delete=models.CASCADE, related_name="warnings")
    subject = models.CharField(max_length=600, blank=True)
    user = models.BigIntegerField(null=True, db_index=True, help_text="Whose requests reached it.")
    window = models.CharField(max_length=32)
    level = models.PositiveSmallIntegerField(help_text="Percent.")
    amount = models.BigIntegerField(help_text="Of the limit; US dollars in billionths.")
    used = models.BigIntegerField(help_text="When it was noticed.")
    at = models.DateTimeField()
    until = models.DateTimeField(null=True, help_text="The end of the window; none: never.")
    due_at = models.DateTimeField(null=True, db_index=True, help_text="The next call; none: none.")
    attempts = models.PositiveSmallIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=200, blank=True, help_text="Of the last call.")

    class Meta:
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(
                fields=("limit", "subject", "window", "level", "amount"),
                name="one_warning_per_window",
            ),
        )

    def __str__(self) -> str:
        return f"{self.limit} at {self.level} %"
