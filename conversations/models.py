"""What was said: conversations, messages, feedback, pictures, and how the models did."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562): sorts by the time it was made, and within a process by order."""
    return uuid7()


class Conversation(models.Model):
    """One person's thread of messages."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="conversations"
    )
    title = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("owner", "-id")),)

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
        Conversation, on_delete=models.CASCADE, related_name="messages"
    )
    role = models.CharField(max_length=16, choices=Role)
    content = models.TextField(blank=True)
    status = models.CharField(max_length=16, choices=Status, default=Status.COMPLETE)
    answers = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="answer",
        help_text="The prompt that this message answers.",
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

    cache_outcome = models.CharField(max_length=16, blank=True)
    cache_similarity = models.FloatField(null=True, blank=True)
    cache_entry = models.UUIDField(null=True, blank=True, db_index=True)

    input_tokens = models.PositiveIntegerField(null=True, blank=True)
    output_tokens = models.PositiveIntegerField(null=True, blank=True)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True, blank=True)
    first_token_ms = models.PositiveIntegerField(null=True, blank=True)
    total_ms = models.PositiveIntegerField(null=True, blank=True)
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


class Feedback(models.Model):
    """One person's verdict on one answer."""

    class Verdict(models.TextChoices):
        GOOD = "good"
        BAD = "bad"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="feedback")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="feedback"
    )
    verdict = models.CharField(max_length=8, choices=Verdict)
    reason = models.CharField(max_length=64, blank=True)
    comment = models.TextField(blank=True)
    correction = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "feedback"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint(fields=("message", "user"), name="one_feedback_per_person"),
        )

    def __str__(self) -> str:
        return f"{self.verdict} on {self.message_id}"


class AnswerReview(models.Model):
    """How a stored answer stands with people, and what was decided about it at the review desk.

    Made with the first verdict. ``subject`` is the message that the answer was given in, or the id of
    one of the operator's own answers. Weights are sums of people's weights (``standing``).
    """

    class State(models.TextChoices):
        LIVE = "live"
        QUARANTINED = "quarantined"
        WITHDRAWN = "withdrawn"

    class Review(models.TextChoices):
        NONE = "none"
        OPEN = "open"
        DECIDED = "decided"

    subject = models.UUIDField(primary_key=True, editable=False)
    source = models.OneToOneField(
        Message, null=True, blank=True, on_delete=models.CASCADE, related_name="review"
    )
    shared_as = models.UUIDField(
        null=True, blank=True, db_index=True, help_text="The id under which others were given it."
    )
    state = models.CharField(max_length=16, choices=State, default=State.LIVE)
    review = models.CharField(max_length=16, choices=Review, default=Review.NONE)
    good = models.FloatField(default=0)
    bad = models.FloatField(default=0)
    penalty = models.FloatField(default=0, help_text="0: as good as new; 1: not served.")
    uses = models.PositiveIntegerField(default=0, help_text="How often it was given, all in all.")
    urgency = models.FloatField(default=0, db_index=True, help_text="Harm times traffic.")
    opened_at = models.DateTimeField(null=True, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    replaced_at = models.DateTimeField(
        null=True, blank=True, help_text="Verdicts from before are on another answer."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-urgency", "-updated_at")

    def __str__(self) -> str:
        return f"Answer {self.subject}"


class CuratedAnswer(models.Model):
    """An answer that somebody at the review desk wrote or approved, for everybody. It goes with the
    message that it came from."""

    entry = models.UUIDField(primary_key=True, editable=False)
    question = models.TextField()
    answer = models.TextField()
    source = models.ForeignKey(
        Message, null=True, blank=True, on_delete=models.CASCADE, related_name="curated"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("-updated_at",)

    def __str__(self) -> str:
        return self.question


class OwedWork(models.Model):
    """What Redis is still to be told: written in the transaction that made it true, deleted when it
    was told."""

    class Kind(models.TextChoices):
        FORGET_THREAD = "thread"
        FORGET_ANSWER = "answer"
        FORGET_ENTRY = "entry"
        STANDING = "standing"
        CURATE = "curate"

    kind = models.CharField(max_length=16, choices=Kind)
    subject = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "owed work"
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Reuse(models.Model):
    """What was weighed before an answer was given: a stored one was served by its meaning, or the judge
    was asked about one. ``judged`` and ``audited`` are the judge's verdicts, before and after."""

    message = models.OneToOneField(
        Message, on_delete=models.CASCADE, primary_key=True, related_name="reuse"
    )
    served = models.BooleanField()
    shared = models.BooleanField()
    probability = models.FloatField(help_text="As the model weighed it, before calibration.")
    cut = models.FloatField()
    judged = models.BooleanField(null=True, blank=True)
    judge_cost_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True, blank=True)
    judge_ms = models.PositiveIntegerField(null=True, blank=True)
    audited = models.BooleanField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = "reuse"
        verbose_name_plural = "reuses"
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{'served' if self.served else 'not served'} at {self.probability:.2f}"


class GeneratedImage(models.Model):
    """A picture that the image tool drew for a message."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="image")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="images"
    )
    file = models.FileField(upload_to="images/%Y/%m/")
    media_type = models.CharField(max_length=32, default="image/png")
    alt = models.CharField(max_length=300)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    revised_prompt = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.alt


class IdempotencyKey(models.Model):
    """A claimed ``Idempotency-Key``: which answer it stands for (IETF draft, kept 24 h)."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    body_sha256 = models.CharField(max_length=64)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("user", "key"), name="one_answer_per_key"),)

    def __str__(self) -> str:
        return self.key


class ModelPerformance(models.Model):
    """How one model did under one rule on one day (UTC). Sums, so that rows can be added up."""

    day = models.DateField()
    model = models.CharField(max_length=96)
    rule = models.CharField(max_length=64, blank=True)
    answers = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0, help_text="Attempts that failed.")
    failovers = models.PositiveIntegerField(
        default=0, help_text="Answers given by this model after another one failed."
    )
    cache_hits = models.PositiveIntegerField(default=0)
    first_token_ms_sum = models.PositiveBigIntegerField(default=0)
    first_token_count = models.PositiveIntegerField(default=0)
    total_ms_sum = models.PositiveBigIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=16, decimal_places=8, default=0)
    feedback_good = models.IntegerField(default=0)
    feedback_bad = models.IntegerField(default=0)

    class Meta:
        verbose_name_plural = "model performance"
        ordering = ("-day", "model", "rule")
        constraints = (
            models.UniqueConstraint(fields=("day", "model", "rule"), name="one_row_per_day"),
        )

    def __str__(self) -> str:
        return f"{self.day} {self.model} {self.rule}"


class ReplayRun(models.Model):
    """The draft's decisions about real prompts, made in the background beside the live rules'."""

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
    """One prompt of a replay. ``old`` and ``new`` hold action, rule and model; ``new`` is null until it
    was decided. Costs are of the answer, in US dollars: null where nobody knows."""

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


class VersionPerformance(models.Model):
    """How the answers did that one rule of one published version decided. Sums, and sums of squares, so
    that means and their intervals cost no walk through the messages."""

    ruleset = models.PositiveIntegerField()
    rule = models.CharField(max_length=64, blank=True)
    answers = models.PositiveIntegerField(default=0, help_text="Messages that ended well.")
    failures = models.PositiveIntegerField(default=0)
    refusals = models.PositiveIntegerField(default=0)
    fallbacks = models.PositiveIntegerField(default=0)
    cache_hits = models.PositiveIntegerField(default=0)
    first_token_count = models.PositiveIntegerField(default=0)
    first_token_ms_sum = models.PositiveBigIntegerField(default=0)
    first_token_ms_squares = models.FloatField(default=0)
    total_count = models.PositiveIntegerField(default=0, help_text="Answers not from the cache.")
    total_ms_sum = models.PositiveBigIntegerField(default=0)
    total_ms_squares = models.FloatField(default=0)
    cost_usd = models.DecimalField(max_digits=16, decimal_places=8, default=0)
    cost_squares = models.FloatField(default=0)
    classify_tokens = models.PositiveBigIntegerField(default=0)
    classify_cost_usd = models.DecimalField(max_digits=16, decimal_places=8, default=0)
    feedback_good = models.IntegerField(default=0)
    feedback_bad = models.IntegerField(default=0)
    shadow_decisions = models.PositiveIntegerField(default=0)
    shadow_agreed = models.PositiveIntegerField(default=0)
    shadow_ms_sum = models.PositiveBigIntegerField(default=0)
    shadow_cost_usd = models.DecimalField(max_digits=16, decimal_places=8, default=0)

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


class ShadowDecision(models.Model):
    """What a version in shadow would have decided for a prompt that another version answered."""

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
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True, blank=True)
    total_ms = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=("ruleset", "agrees", "-id")),)
        constraints = (
            models.UniqueConstraint(fields=("message", "ruleset"), name="one_shadow_per_version"),
        )

    def __str__(self) -> str:
        return f"version {self.ruleset} on {self.message_id}"
