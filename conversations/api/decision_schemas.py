"""The body of a trial of the rules, and the shapes of its answer."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from conversations.api.schemas import (
    AttemptSerializer,
    DecisionSerializer,
    GuardSerializer,
    StrictSerializer,
    TextField,
    UsageSerializer,
)


@extend_schema_field({"type": "string", "minLength": 1, "pattern": r"\S"})
class PromptTextField(TextField):
    """A prompt, whose faults are told as those of a question."""


class PromptSerializer(StrictSerializer):
    """A prompt to be tried. Whether it is one is judged as when it is asked."""

    content = PromptTextField(trim_whitespace=False, allow_blank=True)


class CacheWordSerializer(serializers.Serializer[Any]):
    """What the answer cache would say; ``model`` wrote what would be served."""

    outcome = serializers.ChoiceField(choices=["exact", "semantic", "miss", "unavailable"])
    similarity = serializers.FloatField(allow_null=True)
    entry = serializers.UUIDField(allow_null=True)
    model = serializers.CharField(allow_null=True)


class OpinionSerializer(serializers.Serializer[Any]):
    """Opinion of the classifier's earlier verdicts: calibrated and ``estimated`` probabilities in [0, 1].
    ``asked_because`` is empty where they decide without it."""

    rule = serializers.CharField(allow_null=True)
    probability = serializers.FloatField()
    estimated = serializers.FloatField()
    cut = serializers.FloatField()
    verdicts = serializers.IntegerField()
    asked_because = serializers.CharField(allow_blank=True)


class SideSerializer(serializers.Serializer[Any]):
    """What one rule set says; everything is null where ``faults`` tell why there is none. ``ruleset``
    is null for the draft, which has no number yet. ``rules_sent`` is how many rules the classifier read. ``vectors`` is null where earlier verdicts say nothing."""

    ruleset = serializers.IntegerField(allow_null=True)
    faults = serializers.ListField(child=serializers.CharField())
    decision = DecisionSerializer(allow_null=True)
    classifier = serializers.CharField(allow_null=True)
    rules_sent = serializers.IntegerField(allow_null=True)
    vectors = OpinionSerializer(allow_null=True)
    usage = UsageSerializer(allow_null=True)
    latency_ms = serializers.IntegerField(allow_null=True)
    attempts = AttemptSerializer(many=True)
    cache = CacheWordSerializer(allow_null=True)


class TrialSerializer(serializers.Serializer[Any]):
    """A prompt before the draft and the live rules."""

    content = serializers.CharField()
    guard = GuardSerializer(allow_null=True)
    differs = serializers.BooleanField()
    draft = SideSerializer()
    live = SideSerializer()
