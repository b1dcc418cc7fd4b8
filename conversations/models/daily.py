"""Tables of the charts: sums of each day (UTC), small however many messages they count."""

from __future__ import annotations

from django.db import models


class DailyCost(models.Model):
    """Calls to models, by purpose (``classify``, ``chat``, ``image``, ``judge``, ``embedding``, ``speculate``, ``moderation``, ``shadow``,
    ``audit``, ``trial``, ``link``), rule and model. Every call that was paid for is in it, also one that failed."""

    day = models.DateField()
    purpose = models.CharField(max_length=16)
    rule = models.CharField(max_length=64, blank=True)
    model = models.CharField(max_length=96)
    calls = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=16, decimal_places=8, default=0)
    unpriced = models.PositiveIntegerField(default=0, help_text="Calls of unknown cost.")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("day", "purpose", "rule", "model"), name="one_daily_cost"
            ),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.purpose} {self.model}"


class DailyOutcome(models.Model):
    """Prompts, by rule, model and outcome: ``new``, ``exact`` and ``semantic`` (from the cache), ``refused``,
    ``stopped``, ``failed``."""

    day = models.DateField()
    rule = models.CharField(max_length=64, blank=True)
    model = models.CharField(max_length=96, blank=True)
    outcome = models.CharField(max_length=16)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("day", "rule", "model", "outcome"), name="one_daily_outcome"
            ),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.rule} {self.outcome}"


class DailySpeculation(models.Model):
    """Calls to a model ahead of the decision: confirmed by it, or cancelled, and the milliseconds by which the
    confirmed ones brought first tokens earlier."""

    day = models.DateField(unique=True)
    confirmed = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    saved_ms = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.day} {self.confirmed}"


class FirstTokenCount(models.Model):
    """Histogram: answers of a model by the time to their first token, in buckets of
    ``conversations.stats.daily.bucket_of``."""

    day = models.DateField()
    model = models.CharField(max_length=96)
    bucket = models.PositiveSmallIntegerField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("day", "model", "bucket"), name="one_daily_bucket"),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.model} {self.bucket}"


class DailyLink(models.Model):
    """Stored answers that were compared with their neighbours', by outcome: ``same``, ``different``,
    ``conflict``, ``unpaid``, ``failed``."""

    day = models.DateField()
    outcome = models.CharField(max_length=16)
    count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("day", "outcome"), name="one_daily_link"),)

    def __str__(self) -> str:
        return f"{self.day} {self.outcome}"


class PersonCost(models.Model):
    """Prompts and US dollars of one person. No foreign key: notes of ended answers may come after the
    person is gone; an erasure deletes the rows."""

    day = models.DateField()
    user = models.BigIntegerField(db_index=True)
    prompts = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=16, decimal_places=8, default=0)
    unpriced = models.PositiveIntegerField(default=0, help_text="Calls of unknown cost.")

    class Meta:
        verbose_name = "daily cost of a person"
        verbose_name_plural = "daily costs of people"
        constraints = (
            models.UniqueConstraint(fields=("day", "user"), name="one_daily_cost_of_a_person"),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.user}"
