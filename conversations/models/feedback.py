"""Tables of feedback: verdicts, reviews, curated answers, reuse, and the outbox for Redis."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from conversations.models.messages import Message, new_id


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
    """A stored answer's verdicts in sum, and the reviewers' decision about it.

    Created with the first verdict. ``subject`` is the answer's message, or the id of one of the
    operator's own answers. ``good`` and ``bad`` are sums of people's weights (``standing``).
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
    """A shared answer that a reviewer wrote or approved; deleted with its source message."""

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
    """Transactional outbox: a row per change that Redis still needs.

    Written in the transaction of the change, deleted when Redis has it.
    """

    class Kind(models.TextChoices):
        FORGET_THREAD = "thread"
        FORGET_ANSWER = "answer"
        FORGET_ENTRY = "entry"
        STANDING = "standing"
        CURATE = "curate"
        FORGET_PERSON = "person"
        ERASE = "erase"

    kind = models.CharField(max_length=16, choices=Kind)
    subject = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "owed work"
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"


class Reuse(models.Model):
    """Log of semantic cache decisions: a stored answer was served, or the judge compared one.

    ``judged`` and ``audited`` are the judge's verdicts before and after serving.
    """

    class Situation(models.TextChoices):
        ALONE = "alone", "few neighbours"
        NEIGHBOURS = "neighbours", "enough neighbours"
        LONG = "long", "long question"
        LANGUAGE = "language", "other language"

    message = models.OneToOneField(
        Message, on_delete=models.CASCADE, primary_key=True, related_name="reuse"
    )
    served = models.BooleanField()
    shared = models.BooleanField()
    probability = models.FloatField(help_text="As the model weighed it, before calibration.")
    cut = models.FloatField()
    situation = models.CharField(
        max_length=10, choices=Situation, blank=True, default="", db_default=""
    )
    judged = models.BooleanField(null=True, blank=True)
    judge_cost_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True, blank=True)
    judge_ms = models.PositiveIntegerField(null=True, blank=True)
    audited = models.BooleanField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = "reused answer"
        ordering = ("-created_at",)
        indexes = (
            models.Index(
                fields=("created_at",),
                condition=models.Q(audited__isnull=False),
                name="audited_reuses",
            ),
        )

    def __str__(self) -> str:
        return f"{'served' if self.served else 'not served'} at {self.probability:.2f}"
