"""Tables of statistics: sums by model and by version, shadow decisions, replays."""

from __future__ import annotations

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from conversations.models.messages import Message


def unpriced_field() -> models.PositiveIntegerField[int, int]:
    """Counts what is not in the sum of costs beside it."""
    return models.PositiveIntegerField(
        default=0, db_default=0, help_text="How many have no known cost, and are not in the sum."
    )


class Sums(models.Model):
    """Sums over the answers under a rule: rows can be added up."""

    rule = models.CharField(max_length=64, blank=True)
    cache_hits = models.PositiveIntegerField(default=0)
    first_token_ms_sum = models.PositiveBigIntegerField(default=0)
    first_token_count = models.PositiveIntegerField(default=0)
    total_ms_sum = models.PositiveBigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=16, decimal_places=8, default=0)
    unpriced = unpriced_field()
    feedback_good = models.IntegerField(default=0)
    feedback_bad = models.IntegerField(default=0)

    class Meta:
        abstract = True

    @classmethod
    def added(cls) -> list[str]:
        """Names of the columns that are added up."""
        keys = {"id", "day", "model", "ruleset", "rule"}
        names = (field.name for field in cls._meta.get_fields())
        return [name for name in names if name not in keys]


def _mean(total: int, count: int) -> int | None:
    return round(total / count) if count else None


class ModelPerformance(Sums):
    """Sums of one model under one rule on one day (UTC)."""

    day = models.DateField()
    model = models.CharField(max_length=96)
    answers = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0, help_text="Attempts that failed.")
    failovers = models.PositiveIntegerField(
        default=0, help_text="Answers given by this model after another one failed."
    )
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = verbose_name_plural = "model performance"
        ordering = ("-day", "model", "rule")
        constraints = (
            models.UniqueConstraint(fields=("day", "model", "rule"), name="one_row_per_day"),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.model} {self.rule}"

    @property
    def first_token_ms(self) -> int | None:
        """Mean time to the first token; ``None`` without answers."""
        return _mean(self.first_token_ms_sum, self.first_token_count)

    @property
    def total_ms(self) -> int | None:
        """Mean time of a whole answer that was not from the cache."""
        return _mean(self.total_ms_sum, self.answers - self.cache_hits)

    @property
    def cache_share(self) -> int:
        """Percentage of the answers that came from the cache."""
        return _mean(100 * self.cache_hits, self.answers) or 0


class VersionPerformance(Sums):
    """Sums of one rule of one published version. The sums of squares give confidence intervals
    without reading the messages."""

    ruleset = models.PositiveIntegerField()
    answers = models.PositiveIntegerField(default=0, help_text="Messages that ended well.")
    failures = models.PositiveIntegerField(default=0)
    refusals = models.PositiveIntegerField(default=0)
    fallbacks = models.PositiveIntegerField(default=0)
    first_token_ms_squares = models.FloatField(default=0)
    total_count = models.PositiveIntegerField(default=0, help_text="Answers not from the cache.")
    total_ms_squares = models.FloatField(default=0)
    cost_squares = models.FloatField(default=0)
    classify_tokens = models.PositiveBigIntegerField(default=0)
    classify_cost_usd = models.DecimalField(max_digits=16, decimal_places=8, default=0)
    classify_unpriced = unpriced_field()
    shadow_decisions = models.PositiveIntegerField(default=0)
    shadow_agreed = models.PositiveIntegerField(default=0)
    shadow_ms_sum = models.PositiveBigIntegerField(default=0)
    shadow_cost_usd = models.DecimalField(max_digits=16, decimal_places=8, default=0)
    shadow_unpriced = unpriced_field()

    class Meta:
        verbose_name_plural = "version performance"
        ordering = ("-ruleset", "rule")
        constraints = (
            models.UniqueConstraint(
                fields=("ruleset", "rule"), name="one_row_per_version_and_rule"
            ),
        )

    def __str__(self) -> str:
        return f"version {self.ruleset} {self.rule}"


class Uncounted(models.Model):
    """Transactional outbox: a finished answer's share of the sums above.

    Written with the answer's end, deleted when added. No foreign key: the cost of a deleted answer
    counts too.
    """

    message = models.UUIDField(primary_key=True, editable=False)
    sums = models.JSONField(encoder=DjangoJSONEncoder)
    failure = models.CharField(
        max_length=200, blank=True, default="", db_default="",
        help_text="Why it cannot be added: it is set aside until the numbers are put right.",
    )  # fmt: skip

    class Meta:
        verbose_name = "uncounted answer"

    def __str__(self) -> str:
        return str(self.message)


class ShadowDecision(models.Model):
    """Shadow evaluation: a shadow version's decision about another version's prompt."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="shadows")
    ruleset = models.PositiveIntegerField()
    agrees = models.BooleanField(help_text="Same action and same model as what was done.")
    action = models.CharField(max_length=16)
    source = models.CharField(max_length=24)
    model = models.CharField(max_length=96, blank=True)
    rule = models.CharField(max_length=64, blank=True)
    reason = models.TextField(blank=True)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField("cost in US dollars", max_digits=14, decimal_places=8, null=True, blank=True)  # fmt: skip
    total_ms = models.PositiveIntegerField("milliseconds to the decision", default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "shadow decision"
        ordering = ("-id",)
        indexes = (models.Index(fields=("ruleset", "agrees", "-id")),)
        constraints = (
            models.UniqueConstraint(fields=("message", "ruleset"), name="one_shadow_per_version"),
        )

    def __str__(self) -> str:
        return f"version {self.ruleset} on {self.message_id}"


class ReplayRun(models.Model):
    """Backtest: the draft's decisions about recorded prompts, compared with the live rules'."""

    class Status(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        CAPPED = "capped"
        STOPPED = "stopped"
        FAILED = "failed"

    status = models.CharField(max_length=16, choices=Status, default=Status.RUNNING)
    pool = models.PositiveIntegerField(help_text="Out of how many of the last prompts.")
    size = models.PositiveIntegerField(help_text="How many of them, drawn at random.")
    cap_usd = models.DecimalField(max_digits=10, decimal_places=4)
    estimate_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True, blank=True)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, default=0)
    draft = models.JSONField(help_text="routing.domain.RuleSet.to_dict(), as it was at the start.")
    live = models.JSONField(help_text="The same of the live version.")
    error = models.TextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(auto_now_add=True)
    beat_at = models.DateTimeField(auto_now_add=True, help_text="When it was last at work.")

    class Meta:
        verbose_name = "replay"
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"Replay {self.pk}"


class ReplayResult(models.Model):
    """One prompt of a replay. ``old`` and ``new`` hold action, rule and model; ``new`` is null
    until decided. Costs are of the answer, in US dollars: null if unknown."""

    run = models.ForeignKey(ReplayRun, on_delete=models.CASCADE, related_name="results")
    answer = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="+")
    old = models.JSONField(null=True, blank=True)
    new = models.JSONField(null=True, blank=True)
    changed = models.BooleanField(default=False)
    old_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True, blank=True)
    new_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True, blank=True)

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(fields=("run", "answer"), name="one_result_per_prompt"),
        )

    def __str__(self) -> str:
        return f"{self.run_id}: {self.answer_id}"


class WriteProbeRow(models.Model):
    """The last write that readiness tried (``conversations.adapters.background.write_probe``)."""

    padding = models.BinaryField()

    def __str__(self) -> str:
        return f"Write {self.pk}"


class DemoShare(models.Model):
    """What ``manage.py demo`` added to one row of sums, to be taken away with it."""

    table = models.CharField(max_length=64, help_text="Name of the row's class.")
    key = models.JSONField(help_text="Values of its key columns, as texts.")
    sums = models.JSONField(help_text="By how much each column grew.")

    def __str__(self) -> str:
        return f"{self.table} {self.key}"
