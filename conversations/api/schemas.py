"""Bodies of the synchronous endpoints, and the shapes that the OpenAPI document shows."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import (
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction, extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from conversations.models import Conversation, Feedback, Message
from conversations.storage.representations import message_object
from routing.common.translatable import Translatable
from routing.common.translations import translated
from routing.domain.actions import Action
from routing.domain.errors import KIND_WORDS
from routing.guard.validation import label_faults, text_faults


class TextField(serializers.CharField):
    """A string that really came as one: 5 is not "5". ``refused``: characters that it never holds, as the
    OpenAPI document writes them; a fault is found, and told in words, by the field and its validators. It is
    judged as it was sent: the framework judges what is left of it without white space at its ends, and the
    document tells the length of the whole."""

    refused = r"\x00"

    def run_validation(self, data: Any = empty) -> Any:
        """The text. Raises ``ValidationError``."""
        if isinstance(data, str):
            self.judge_as_sent(data)
        return super().run_validation(data)

    def judge_as_sent(self, text: str) -> None:
        """Raises ``ValidationError``."""
        if self.max_length is not None and len(text) > self.max_length:
            self.fail("max_length", max_length=self.max_length)

    def to_internal_value(self, data: Any) -> str:
        """The text. Raises ``ValidationError``."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class ProseField(TextField):
    """A text of any lines without control or hidden characters, as a prompt."""

    faults = staticmethod(text_faults)
    refused = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202d\u202e\ufdd0-\ufdef\ufffe\uffff"

    def judge_as_sent(self, text: str) -> None:
        """Raises ``ValidationError``."""
        super().judge_as_sent(text)
        for fault in self.faults(text):
            if fault.code == "empty" and not text.strip():
                return  # the field knows whether it may be blank
            detail = translated(fault.detail).replace("The message", "The text")
            raise serializers.ValidationError(detail, code=fault.code)


class LabelField(ProseField):
    """A text of one line without control, direction override or hidden characters."""

    faults = staticmethod(label_faults)
    refused = ProseField.refused + r"\t\n\r\u2028\u2029"


class TextSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    """Extension: the characters of texts, and that a text is not blank unless it may be."""

    target_class = TextField
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        """The usual schema with a pattern."""
        map_usually: Any = auto_schema._map_serializer_field  # noqa: SLF001 - as drf-spectacular's guide does
        schema: dict[str, Any] = map_usually(self.target, direction, bypass_extensions=True)
        if direction == "response":
            return schema
        any_text = f"[^{self.target.refused}]*"
        blank = r"\s" if self.target.trim_whitespace else ""
        visible = "" if self.target.allow_blank else f"[^{self.target.refused}{blank}]{any_text}"
        return schema | {"pattern": f"^{any_text}{visible}$"}


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that nobody reads: a misspelt one is an error, not silence."""

    def to_internal_value(self, data: Any) -> Any:
        """The validated values. Raises ``ValidationError`` for unknown fields."""
        if isinstance(data, dict) and (unknown := set(data) - set(self.fields)):
            raise serializers.ValidationError(
                {name: [Translatable("This field is not known.")] for name in sorted(unknown)},
                code="unknown",
            )
        return super().to_internal_value(data)


class StrictSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Extension: bodies in which an unknown field is an error."""

    target_class = StrictSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        """The usual schema; of a request's body, without other fields."""
        map_usually: Any = auto_schema._map_serializer  # noqa: SLF001 - as drf-spectacular's guide does
        schema: dict[str, Any] = map_usually(self.target, direction, bypass_extensions=True)
        return schema | ({"additionalProperties": False} if direction == "request" else {})


class ConversationSerializer(serializers.ModelSerializer[Conversation]):
    """A conversation. ``title`` is the only field that can be written."""

    title = LabelField(max_length=200, required=False, allow_blank=True)
    answering = serializers.SerializerMethodField()

    @extend_schema_field(bool)
    def get_answering(self, conversation: Conversation) -> bool:
        """Whether an answer is being written, as far as a list tells."""
        return bool(getattr(conversation, "answering", False))

    class Meta:
        model = Conversation
        fields = ("id", "title", "created_at", "updated_at", "answering")
        read_only_fields = ("id", "created_at", "updated_at")


class GuardSerializer(serializers.Serializer[Any]):
    """What the guard says of the prompt; ``score`` in [0, 1]."""

    verdict = serializers.ChoiceField(choices=["pass", "flag", "block"])
    score = serializers.FloatField()
    signals = serializers.ListField(child=serializers.CharField())


class VectorSchema(serializers.Serializer[Any]):
    """Evidence of a decision by the classifier's earlier verdicts; ``probability`` in [0, 1]."""

    probability = serializers.FloatField()
    verdicts = serializers.IntegerField()


class DecisionSerializer(serializers.Serializer[Any]):
    """Who answered and why."""

    action = serializers.ChoiceField(choices=[action.value for action in Action])
    source = serializers.ChoiceField(  # type: ignore[assignment]  # Field.source
        choices=["cache", "classifier", "classifier-fallback", "default", "requested", "vector"]
    )
    provider = serializers.CharField(allow_null=True)
    model = serializers.CharField(allow_null=True)
    rule = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_null=True)
    ruleset = serializers.IntegerField(allow_null=True)
    fallback = serializers.BooleanField()
    simulated = serializers.BooleanField(
        help_text="A stand-in answered in the model's place, as its provider is simulated."
    )
    vector = VectorSchema(required=False, help_text="Only where ``source`` is ``vector``.")
    guard = GuardSerializer()


class CacheSerializer(serializers.Serializer[Any]):
    """What the answer cache had."""

    outcome = serializers.ChoiceField(choices=["exact", "semantic", "miss", "bypass"])
    similarity = serializers.FloatField(allow_null=True)
    entry = serializers.UUIDField(allow_null=True)


class ImageSerializer(serializers.Serializer[Any]):
    """A picture; sizes in pixels."""

    url = serializers.URLField()
    alt = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    revised_prompt = serializers.CharField(allow_null=True)


class AttachmentSerializer(serializers.Serializer[Any]):
    """A picture that came with a prompt; sizes in pixels."""

    url = serializers.URLField()
    media_type = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()


class UsageSerializer(serializers.Serializer[Any]):
    """Tokens and US dollars."""

    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField(allow_null=True)
    cost_usd = serializers.CharField(allow_null=True)


class TimingsSerializer(serializers.Serializer[Any]):
    """Milliseconds."""

    first_token_ms = serializers.IntegerField(allow_null=True)
    total_ms = serializers.IntegerField(allow_null=True)


class FeedbackSerializer(StrictSerializer):
    """A person's verdict on an answer."""

    verdict = serializers.ChoiceField(choices=Feedback.Verdict.choices)
    reason = LabelField(required=False, allow_blank=True, allow_null=True, max_length=64)
    comment = ProseField(required=False, allow_blank=True, allow_null=True, max_length=4_000)
    correction = ProseField(required=False, allow_blank=True, allow_null=True, max_length=32_000)
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)


class AttemptSerializer(serializers.Serializer[Any]):
    """One call to a model; times in milliseconds."""

    operation = serializers.CharField()
    model = serializers.CharField()
    provider = serializers.CharField()
    outcome = serializers.CharField()
    error_kind = serializers.ChoiceField(
        choices=list(KIND_WORDS), allow_null=True, required=False, help_text="Why it failed."
    )
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost_usd = serializers.CharField(allow_null=True)
    estimated = serializers.BooleanField()
    cached_tokens = serializers.IntegerField(required=False)
    reasoning_tokens = serializers.IntegerField(required=False)
    first_token_ms = serializers.IntegerField(allow_null=True)
    total_ms = serializers.IntegerField()


class DegradedSerializer(serializers.Serializer[Any]):
    """A part of the service that the answer was made without."""

    part = serializers.CharField()


class SavedTokensSerializer(serializers.Serializer[Any]):
    """Tokens that a stored answer took the first time."""

    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField()
    reasoning_tokens = serializers.IntegerField()


class FailureSerializer(serializers.Serializer[Any]):
    """Why an answer failed."""

    code = serializers.CharField()
    detail = serializers.CharField()


class MessageSerializer(serializers.Serializer[Any]):
    """The message object; ``representations.message_object`` makes it. What a person wrote has
    ``null`` where only answers have something."""

    id = serializers.UUIDField()
    conversation = serializers.UUIDField()
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]  # Field.parent
    role = serializers.ChoiceField(choices=Message.Role.choices)
    content = serializers.CharField(allow_blank=True)
    status = serializers.ChoiceField(choices=Message.Status.choices)
    versions = serializers.ListField(child=serializers.UUIDField(), allow_null=True)
    error = FailureSerializer(allow_null=True)
    decision = DecisionSerializer(allow_null=True)
    cache = CacheSerializer(allow_null=True)
    image = ImageSerializer(allow_null=True)
    attachments = AttachmentSerializer(many=True)
    usage = UsageSerializer(allow_null=True)
    saved_tokens = SavedTokensSerializer(allow_null=True)
    timings = TimingsSerializer(allow_null=True)
    finish_reason = serializers.CharField(allow_null=True)
    trace_id = serializers.CharField(allow_null=True)
    feedback = FeedbackSerializer(allow_null=True)
    degraded = DegradedSerializer(many=True)
    attempts = AttemptSerializer(many=True)
    created_at = serializers.DateTimeField()

    def to_representation(self, instance: Message) -> dict[str, Any]:
        """The same object that streams and single reads give."""
        mine, versions = (self.context.get(name, {}) for name in ("feedback", "versions"))
        return message_object(
            instance,
            origin=self.context["origin"],
            feedback=mine.get(instance.id),
            versions=versions.get(instance.id),
        )
