"""Table of audits: decisions by earlier verdicts that the classifier was asked about all the same."""

from __future__ import annotations

from django.db import models

from conversations.models.messages import Message


class VectorAudit(models.Model):
    """Audit of a decision that earlier verdicts made, or would have made (not ``decided``).

    ``right``: the classifier named the same rule and was no more careful about reuse. ``sure``: the
    decision kept the error budget by the calibration of that time. Without a message it is of a chat of which
    nothing else is kept, and names nobody.
    """

    message = models.ForeignKey(
        Message, null=True, blank=True, on_delete=models.CASCADE, related_name="vector_audits"
    )
    offer = models.CharField(
        max_length=16, help_text="The digest of the rules, as the classifier reads them."
    )
    decided = models.BooleanField()
    sure = models.BooleanField()
    right = models.BooleanField()
    probability = models.FloatField(help_text="As the model weighed it, before calibration.")
    cut = models.FloatField()
    verdicts = models.PositiveSmallIntegerField()
    rule = models.CharField(max_length=64)
    classified_as = models.CharField(max_length=64, blank=True)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=8, null=True, blank=True)
    milliseconds = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        verbose_name = "checked decision"
        ordering = ("-id",)
        indexes = (models.Index(fields=("offer", "-id")),)

    def __str__(self) -> str:
        return f"{self.rule}: {'confirmed' if self.right else self.classified_as}"
