"""Tables of the rules: the draft that administrators edit, and every version ever published."""

from __future__ import annotations

from typing import Any, get_args

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import (
    MaxLengthValidator,
    MaxValueValidator,
    MinValueValidator,
    RegexValidator,
)
from django.db import models
from django.db.models import Q

from routing.domain import endpoints
from routing.domain.abilities import Ability
from routing.domain.actions import Action, ModelKind
from routing.domain.fields import specs
from routing.domain.release import Stage
from routing.domain.rules import (
    PROMPT_CHARS,
    CachePolicy,
    Effort,
    ModelRef,
    ReusePolicy,
    RuleSet,
    Timeouts,
)
from routing.domain.rules import Rule as DomainRule

slug = RegexValidator(
    r"^[a-z0-9][a-z0-9._-]*$", "Lower-case letters, digits, dots, dashes and underscores."
)


def _choices(enum: Any) -> list[tuple[str, str]]:
    return [(member.value, member.value.capitalize()) for member in enum]


def bounds(kind: Any, name: str) -> list[Any]:
    """The validators of a column for the bounds of a dataclass's field."""
    item = specs(kind)[name]
    return [MinValueValidator(item.least), MaxValueValidator(item.most)]


def known_abilities(names: Any) -> None:
    """Raise ``ValidationError`` for a list with anything but abilities."""
    known = set(map(str, Ability))
    if not isinstance(names, list) or not all(name in known for name in names):
        raise ValidationError(f"A list of some of: {', '.join(sorted(known))}.")


def _checked(fault: str) -> None:
    if fault:
        raise ValidationError(fault)


def checked_url(value: str) -> None:
    """Raise ``ValidationError`` for what is no address of a server."""
    _checked(endpoints.url_fault(value))


def checked_variable(value: str) -> None:
    """Raise ``ValidationError`` for what is no name of a variable with a key."""
    _checked(endpoints.variable_fault(value))


def checked_parameters(value: str) -> None:
    """Raise ``ValidationError`` for what are no further parameters."""
    _checked(endpoints.parameters_fault(value))


def revision_field() -> models.PositiveIntegerField[int, int]:
    """Counts the saves of a row through its form: a form that was opened before another save is told."""
    return models.PositiveIntegerField(default=1, editable=False)


class LLMModel(models.Model):
    """A model that rules may name: any LiteLLM name under a short public one."""

    name = models.CharField(
        max_length=64,
        unique=True,
        validators=[slug],
        help_text="What callers and rules call it, e.g. claude-sonnet.",
    )
    litellm_name = models.CharField(
        "LiteLLM name",
        max_length=128,
        help_text="provider/model as LiteLLM spells it, e.g. anthropic/claude-sonnet-4-6, ollama/llama3.",
    )
    provider = models.CharField(max_length=32, help_text="openai, anthropic, ollama, azure …")
    kind = models.CharField(max_length=16, choices=_choices(ModelKind), default=ModelKind.CHAT)
    context_window = models.PositiveIntegerField(
        validators=bounds(ModelRef, "context_window"), default=128_000, help_text="Tokens."
    )
    max_output_tokens = models.PositiveIntegerField(
        validators=bounds(ModelRef, "max_output_tokens"),
        null=True,
        blank=True,
        help_text="Tokens; empty leaves the provider's own limit.",
    )
    input_price = models.DecimalField(
        validators=bounds(ModelRef, "input_price"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="US dollars per million tokens; empty uses LiteLLM's price list.",
    )
    output_price = models.DecimalField(
        validators=bounds(ModelRef, "output_price"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="US dollars per million tokens; empty uses LiteLLM's price list.",
    )
    cached_price = models.DecimalField(
        "price of cached input",
        validators=bounds(ModelRef, "cached_price"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="Beside an input price: input that the provider had in its cache. Empty: as other input.",
    )
    reasoning_price = models.DecimalField(
        "price of reasoning",
        validators=bounds(ModelRef, "reasoning_price"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="Beside an output price: tokens that the model thought. Empty: as other output.",
    )
    connect_timeout = models.FloatField(
        validators=bounds(Timeouts, "connect"), default=5.0, help_text="Seconds to connect."
    )
    first_token_timeout = models.FloatField(
        validators=bounds(Timeouts, "first_token"),
        default=20.0,
        help_text="Seconds to the first token.",
    )
    stall_timeout = models.FloatField(
        validators=bounds(Timeouts, "stall"), default=15.0, help_text="Seconds between two tokens."
    )
    total_timeout = models.FloatField(
        validators=bounds(Timeouts, "total"),
        default=180.0,
        help_text="Seconds for the whole answer.",
    )
    ends_without_finish = models.BooleanField(
        "ends without a finish reason",
        default=False,
        help_text="The server closes its streams with [DONE] and is known never to send a "
        "finish_reason. Without this mark an answer of such a stream counts as cut off.",
    )
    abilities = models.JSONField(
        default=list,
        blank=True,
        validators=[known_abilities],
        help_text="Requests that need another ability go to a fallback that has it. "
        "None chosen: LiteLLM's list tells.",
    )
    base_url = models.CharField(
        "base URL",
        max_length=endpoints.MAX_URL,
        blank=True,
        default="",
        validators=[checked_url],
        help_text="Of a server of your own, https://gpu.example/v1; the provider's key is not sent there. "
        "Empty: the provider's address.",
    )
    key_variable = models.CharField(
        "variable of the API key",
        max_length=endpoints.MAX_VARIABLE,
        blank=True,
        default="",
        validators=[checked_variable],
        help_text="The name of an environment variable that ends in _API_KEY, never the key itself. While it "
        "is not set the model is not asked. Empty: the provider's key.",
    )
    temperature = models.FloatField(
        validators=bounds(ModelRef, "temperature"),
        null=True,
        blank=True,
        help_text="From 0 to 2, where neither the request nor the rule says another. Empty: the provider's.",
    )
    reasoning_effort = models.CharField(
        max_length=8,
        choices=[(each, each or "the provider's own") for each in get_args(Effort)],
        blank=True,
        default="",
        help_text="How long the model thinks, where the request says nothing else.",
    )
    parameters = models.TextField(
        "further parameters",
        blank=True,
        default="",
        validators=[checked_parameters],
        help_text='A JSON object that goes with each chat, such as {"top_p": 0.9}. Requests win.',
    )
    enabled = models.BooleanField(default=True)
    revision = revision_field()

    class Meta:
        verbose_name = "model"
        ordering = ("name",)
        permissions = (
            ("address_llmmodel", "Can set the address of a model and the variable of its key"),
        )

    def __str__(self) -> str:
        return self.name


class ReuseBy(models.TextChoices):
    """Who may be given the stored answers of a rule, in words."""

    NEVER = CachePolicy.NEVER.value, "Nobody"
    USER = CachePolicy.USER.value, "The same user"
    SHARED = CachePolicy.SHARED.value, "All users"


class Rule(models.Model):
    """One instruction for the classifier and the action on prompts that fit it."""

    name = models.CharField(max_length=64, unique=True, validators=[slug])
    instruction = models.TextField(
        help_text="In plain words: which prompts does this rule fit? The classifier reads it."
    )
    action = models.CharField(max_length=16, choices=_choices(Action), default=Action.ANSWER)
    model = models.ForeignKey(
        LLMModel,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="rules",
        help_text="Who answers, or draws. Not used by refusals.",
    )
    fallbacks = models.JSONField(
        default=list, blank=True, help_text='Model names to try next, in order: ["gpt"].'
    )
    priority = models.PositiveSmallIntegerField(
        validators=bounds(DomainRule, "priority"),
        default=100,
        help_text="Smaller goes first when two rules fit.",
    )
    examples_for = models.JSONField(default=list, blank=True, help_text="Prompts that fit.")
    examples_against = models.JSONField(default=list, blank=True, help_text="Prompts that do not.")
    refusal_reason = models.TextField(
        blank=True, help_text="What the person is told when this rule refuses."
    )
    suggestions = models.JSONField(
        default=list, blank=True, help_text="Wordings offered with a refusal."
    )
    cache = models.CharField(max_length=16, choices=ReuseBy, default=ReuseBy.USER)
    cache_ttl_seconds = models.PositiveIntegerField(
        validators=bounds(DomainRule, "cache_ttl_seconds"), null=True, blank=True
    )
    groups = models.JSONField(
        default=list, blank=True, help_text="Names of the groups that it is for; empty: everybody."
    )
    system_prompt = models.TextField(
        blank=True, default="", validators=[MaxLengthValidator(PROMPT_CHARS)]
    )
    temperature = models.FloatField(
        validators=bounds(DomainRule, "temperature"), null=True, blank=True
    )
    max_tokens = models.PositiveIntegerField(
        validators=bounds(DomainRule, "max_tokens"), null=True, blank=True
    )
    speculation = models.BooleanField(default=True)
    is_default = models.BooleanField(
        default=False, help_text="Answers when no classifier can be reached. Exactly one."
    )
    enabled = models.BooleanField(default=True)
    revision = revision_field()

    class Meta:
        ordering = ("priority", "name")
        constraints = (
            models.UniqueConstraint(
                fields=("is_default",), condition=Q(is_default=True), name="one_default_rule"
            ),
        )

    def __str__(self) -> str:
        return self.name


class JudgeUse(models.TextChoices):
    """When the small model is asked about candidates that are neither sure nor hopeless."""

    AUTO = "auto", "When it saves more than it costs"
    ON = "on", "Always"
    OFF = "off", "Never"


class VectorUse(models.TextChoices):
    """Whether earlier verdicts decide about similar questions."""

    AUTO = "auto", "Once audits have confirmed them"
    MEASURE = "measure", "Never, but measure how they would decide"
    OFF = "off", "Never, and keep no verdicts"


class RoutingSettings(models.Model):
    """Settings that are published beside the rules. One row."""

    classifier = models.ForeignKey(
        LLMModel, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    classifier_fallback = models.ForeignKey(
        LLMModel, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    callers_choose = models.BooleanField(
        default=True, help_text="Callers may name a published model and skip the classification."
    )
    min_similarity = models.FloatField(
        default=0.60,
        validators=bounds(RuleSet, "min_similarity"),
        help_text="Cosine similarity from which a stored answer is considered.",
    )
    cache_ttl_seconds = models.PositiveIntegerField(
        validators=bounds(RuleSet, "cache_ttl_seconds"),
        default=30 * 24 * 3600,
        help_text="Life of a stored answer, in seconds.",
    )
    wrong_shared = models.FloatField(default=1.0, validators=bounds(ReusePolicy, "wrong_shared"))
    wrong_own = models.FloatField(default=1.0, validators=bounds(ReusePolicy, "wrong_own"))
    judge = models.CharField(max_length=8, choices=JudgeUse, default=JudgeUse.AUTO)
    audited_percent = models.FloatField(
        default=2.0, validators=[MinValueValidator(0.0), MaxValueValidator(100.0)]
    )
    links_usd_per_day = models.FloatField(
        default=0.5, validators=bounds(ReusePolicy, "links_usd_per_day")
    )
    vectors = models.CharField(max_length=8, choices=VectorUse, default=VectorUse.AUTO)
    wrong_decisions = models.FloatField(
        default=1.0, validators=bounds(ReusePolicy, "wrong_decisions")
    )
    audited_decisions_percent = models.FloatField(
        default=5.0, validators=[MinValueValidator(0.0), MaxValueValidator(100.0)]
    )
    speculation_usd_per_day = models.FloatField(
        default=0.0, validators=bounds(ReusePolicy, "speculation_usd_per_day")
    )
    revision = revision_field()

    class Meta:
        verbose_name = verbose_name_plural = "routing settings"
        constraints = (
            models.CheckConstraint(condition=Q(id=1), name="one_row_of_routing_settings"),
        )

    def __str__(self) -> str:
        return "Routing settings"


class RuleSetVersion(models.Model):
    """A published rule set: numbered, immutable, the source of the copy in Redis."""

    number = models.PositiveIntegerField(primary_key=True)
    blob = models.JSONField(help_text="routing.domain.RuleSet.to_dict()")
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    published_at = models.DateTimeField(auto_now_add=True)
    why = models.TextField(blank=True, help_text="What it is for, in the publisher's words.")
    diff = models.JSONField(
        default=list,
        blank=True,
        help_text="What changed against the version live before, in words.",
    )
    override_reason = models.TextField(
        blank=True, help_text="Why it was published although checks failed."
    )
    failures = models.JSONField(
        default=list, blank=True, help_text="The checks that failed and were overridden."
    )
    restores = models.PositiveIntegerField(
        null=True, blank=True, help_text="The older version whose contents this one brought back."
    )

    class Meta:
        verbose_name = "version"
        ordering = ("-number",)
        permissions = (
            ("publish_rulesetversion", "Can publish, release and roll back rule sets"),
            ("override_rulesetversion", "Can publish rule sets although checks fail"),
        )

    def __str__(self) -> str:
        return f"Version {self.number}"


class RuleSetRelease(models.Model):
    """A step of a release: from then on ``live`` answers, and ``trial`` in shadow or for a share of the
    users. Rows are added, never changed; the highest number is in force."""

    number = models.PositiveIntegerField(primary_key=True)
    live = models.ForeignKey(RuleSetVersion, on_delete=models.PROTECT, related_name="releases")
    trial = models.ForeignKey(
        RuleSetVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="trials"
    )
    stage = models.CharField(max_length=16, choices=_choices(Stage), default=Stage.ALL)
    percent = models.PositiveSmallIntegerField(
        default=0, help_text="Share of the users whom the trial answers."
    )
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    released_at = models.DateTimeField(auto_now_add=True)
    why = models.TextField(blank=True)

    class Meta:
        verbose_name = "release"
        ordering = ("-number",)
        constraints = (
            models.CheckConstraint(
                condition=Q(stage="all", trial__isnull=True, percent=0)
                | Q(stage="shadow", trial__isnull=False, percent=0)
                | Q(stage="percent", trial__isnull=False, percent__range=(1, 99)),
                name="stage_fits_trial",
            ),
        )

    def __str__(self) -> str:
        return f"Release {self.number}"


class GoldenCase(models.Model):
    """A prompt and the expected decision, now and after every change of the rules."""

    prompt = models.TextField()
    action = models.CharField(
        "expected action", max_length=16, blank=True, choices=_choices(Action)
    )
    rule = models.CharField(
        "expected rule", max_length=64, blank=True, help_text="Its name; empty: any."
    )
    model = models.CharField(
        "expected model", max_length=64, blank=True, help_text="Its name; empty: any."
    )
    note = models.TextField(blank=True, help_text="Why it matters.")
    enabled = models.BooleanField(default=True)
    origin = models.UUIDField(
        null=True, blank=True, editable=False, help_text="The message that it was made of."
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.CASCADE,
        related_name="+",
        help_text="The person who wrote the prompt: the case is erased with them.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(auto_now_add=True)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    failure = models.TextField(
        blank=True, editable=False, help_text="What was otherwise when it was last run."
    )

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.CheckConstraint(
                condition=~Q(action="", rule="", model=""), name="golden_case_expects_something"
            ),
        )

    def __str__(self) -> str:
        return self.prompt if len(self.prompt) <= 60 else f"{self.prompt[:59]}…"
