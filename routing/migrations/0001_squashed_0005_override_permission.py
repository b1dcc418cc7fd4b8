"""The tables of the rules, in one step for a new database.

Replaces the migrations 0001_initial to 0005_override_permission. A database that applied all
of them counts as up to date and is left as it is. One that applied only some must be upgraded with the
release before this one first: ``routing.migrations.refuse_partial`` refuses it.
"""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import migrations, models


def columns(**fields):
    return list(fields.items())


def row_id():
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


def person(**options):
    """A user, forgotten with the account."""
    user = settings.AUTH_USER_MODEL
    return models.ForeignKey(to=user, on_delete=models.SET_NULL, blank=True, null=True, **options)


def choice(*values, **options):
    choices = [(value, value.title()) for value in values]
    return models.CharField(choices=choices, max_length=16, **options)


class Migration(migrations.Migration):
    replaces = [
        ("routing", "0001_initial"),
        ("routing", "0002_releases"),
        ("routing", "0003_golden_cases"),
        ("routing", "0004_reuse"),
        ("routing", "0005_override_permission"),
    ]
    initial = True
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            name="LLMModel",
            fields=columns(
                id=row_id(),
                name=models.CharField(
                    help_text="What callers and rules call it, e.g. claude-sonnet.",
                    max_length=64,
                    unique=True,
                    validators=[
                        RegexValidator(
                            "^[a-z0-9][a-z0-9._-]*$",
                            "Lower-case letters, digits, dots, dashes and underscores.",
                        )
                    ],
                ),
                litellm_name=models.CharField(
                    help_text="provider/model as LiteLLM spells it, e.g. anthropic/claude-sonnet-4-6, ollama/llama3.",
                    max_length=128,
                    verbose_name="LiteLLM name",
                ),
                provider=models.CharField(
                    help_text="openai, anthropic, ollama, azure …", max_length=32
                ),
                kind=choice("chat", "classifier", "image", "embedding", default="chat"),
                context_window=models.PositiveIntegerField(default=128000, help_text="Tokens."),
                max_output_tokens=models.PositiveIntegerField(
                    blank=True,
                    help_text="Tokens; empty leaves the provider's own limit.",
                    null=True,
                ),
                input_price=models.DecimalField(
                    blank=True,
                    decimal_places=6,
                    help_text="US dollars per million tokens; empty uses LiteLLM's price list.",
                    max_digits=12,
                    null=True,
                ),
                output_price=models.DecimalField(
                    blank=True,
                    decimal_places=6,
                    help_text="US dollars per million tokens; empty uses LiteLLM's price list.",
                    max_digits=12,
                    null=True,
                ),
                connect_timeout=models.FloatField(default=5.0, help_text="Seconds to connect."),
                first_token_timeout=models.FloatField(
                    default=20.0, help_text="Seconds to the first token."
                ),
                stall_timeout=models.FloatField(
                    default=15.0, help_text="Seconds between two tokens."
                ),
                total_timeout=models.FloatField(
                    default=180.0, help_text="Seconds for the whole answer."
                ),
                enabled=models.BooleanField(default=True),
                revision=models.PositiveIntegerField(default=1, editable=False),
            ),
            options={"verbose_name": "model", "ordering": ("name",)},
        ),
        migrations.CreateModel(
            name="Rule",
            fields=columns(
                id=row_id(),
                name=models.CharField(
                    max_length=64,
                    unique=True,
                    validators=[
                        RegexValidator(
                            "^[a-z0-9][a-z0-9._-]*$",
                            "Lower-case letters, digits, dots, dashes and underscores.",
                        )
                    ],
                ),
                instruction=models.TextField(
                    help_text="In plain words: which prompts does this rule fit? The classifier reads it."
                ),
                action=choice("answer", "image", "refuse", default="answer"),
                fallbacks=models.JSONField(
                    blank=True,
                    default=list,
                    help_text='Model names to try next, in order: ["gpt"].',
                ),
                priority=models.PositiveSmallIntegerField(
                    default=100, help_text="Smaller goes first when two rules fit."
                ),
                examples_for=models.JSONField(
                    blank=True, default=list, help_text="Prompts that fit."
                ),
                examples_against=models.JSONField(
                    blank=True, default=list, help_text="Prompts that do not."
                ),
                refusal_reason=models.TextField(
                    blank=True, help_text="What the person is told when this rule refuses."
                ),
                suggestions=models.JSONField(
                    blank=True, default=list, help_text="Wordings offered with a refusal."
                ),
                cache=choice("never", "user", "shared", default="user"),
                cache_ttl_seconds=models.PositiveIntegerField(blank=True, null=True),
                is_default=models.BooleanField(
                    default=False,
                    help_text="Answers when no classifier can be reached. Exactly one.",
                ),
                enabled=models.BooleanField(default=True),
                model=models.ForeignKey(
                    blank=True,
                    help_text="Who answers, or draws. Not used by refusals.",
                    null=True,
                    on_delete=models.PROTECT,
                    related_name="rules",
                    to="routing.llmmodel",
                ),
                revision=models.PositiveIntegerField(default=1, editable=False),
            ),
            options={
                "ordering": ("priority", "name"),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("is_default",),
                        name="one_default_rule",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RuleSetVersion",
            fields=columns(
                number=models.PositiveIntegerField(primary_key=True, serialize=False),
                blob=models.JSONField(help_text="routing.domain.RuleSet.to_dict()"),
                published_at=models.DateTimeField(auto_now_add=True),
                published_by=person(),
                diff=models.JSONField(
                    blank=True,
                    default=list,
                    help_text="What changed against the version live before, in words.",
                ),
                failures=models.JSONField(
                    blank=True,
                    default=list,
                    help_text="The checks that failed and were overridden.",
                ),
                override_reason=models.TextField(
                    blank=True, help_text="Why it was published although checks failed."
                ),
                restores=models.PositiveIntegerField(
                    blank=True,
                    help_text="The older version whose contents this one brought back.",
                    null=True,
                ),
                why=models.TextField(
                    blank=True, help_text="What it is for, in the publisher's words."
                ),
            ),
            options={
                "verbose_name": "rule set version",
                "ordering": ("-number",),
                "permissions": (
                    ("publish_rulesetversion", "Can publish, release and roll back rule sets"),
                    ("override_rulesetversion", "Can publish rule sets although checks fail"),
                ),
            },
        ),
        migrations.CreateModel(
            name="RuleSetRelease",
            fields=columns(
                number=models.PositiveIntegerField(primary_key=True, serialize=False),
                stage=choice("all", "shadow", "percent", default="all"),
                percent=models.PositiveSmallIntegerField(
                    default=0, help_text="Share of the users whom the trial answers."
                ),
                released_at=models.DateTimeField(auto_now_add=True),
                why=models.TextField(blank=True),
                live=models.ForeignKey(
                    on_delete=models.PROTECT, related_name="releases", to="routing.rulesetversion"
                ),
                released_by=person(),
                trial=models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.PROTECT,
                    related_name="trials",
                    to="routing.rulesetversion",
                ),
            ),
            options={
                "verbose_name": "release",
                "ordering": ("-number",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("percent", 0), ("stage", "all"), ("trial__isnull", True)),
                            models.Q(("percent", 0), ("stage", "shadow"), ("trial__isnull", False)),
                            models.Q(
                                ("percent__range", (1, 99)),
                                ("stage", "percent"),
                                ("trial__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="stage_fits_trial",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="GoldenCase",
            fields=columns(
                id=row_id(),
                prompt=models.TextField(),
                action=choice(
                    "answer", "image", "refuse", blank=True, verbose_name="expected action"
                ),
                rule=models.CharField(
                    blank=True,
                    help_text="Its name; empty: any.",
                    max_length=64,
                    verbose_name="expected rule",
                ),
                model=models.CharField(
                    blank=True,
                    help_text="Its name; empty: any.",
                    max_length=64,
                    verbose_name="expected model",
                ),
                note=models.TextField(blank=True, help_text="Why it matters."),
                enabled=models.BooleanField(default=True),
                origin=models.UUIDField(
                    blank=True,
                    editable=False,
                    help_text="The message that it was made of.",
                    null=True,
                ),
                created_at=models.DateTimeField(auto_now_add=True),
                checked_at=models.DateTimeField(blank=True, editable=False, null=True),
                failure=models.TextField(
                    blank=True, editable=False, help_text="What was otherwise when it was last run."
                ),
                created_by=person(editable=False),
            ),
            options={
                "ordering": ("pk",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("action", ""), ("model", ""), ("rule", ""), _negated=True
                        ),
                        name="golden_case_expects_something",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RoutingSettings",
            fields=columns(
                id=row_id(),
                callers_choose=models.BooleanField(
                    default=True,
                    help_text="Callers may name a published model and skip the classification.",
                ),
                min_similarity=models.FloatField(
                    default=0.6,
                    help_text="Cosine similarity from which a stored answer is considered.",
                    validators=[MinValueValidator(0.5), MaxValueValidator(1.0)],
                ),
                cache_ttl_seconds=models.PositiveIntegerField(
                    default=2592000, help_text="Life of a stored answer, in seconds."
                ),
                classifier=models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.PROTECT,
                    related_name="+",
                    to="routing.llmmodel",
                ),
                classifier_fallback=models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.PROTECT,
                    related_name="+",
                    to="routing.llmmodel",
                ),
                revision=models.PositiveIntegerField(default=1, editable=False),
                audited_percent=models.FloatField(
                    default=2.0, validators=[MinValueValidator(0.0), MaxValueValidator(100.0)]
                ),
                judge=models.CharField(
                    choices=[
                        ("auto", "When it saves more than it costs"),
                        ("on", "Always"),
                        ("off", "Never"),
                    ],
                    default="auto",
                    max_length=8,
                ),
                wrong_own=models.FloatField(
                    default=1.0, validators=[MinValueValidator(0.1), MaxValueValidator(20.0)]
                ),
                wrong_shared=models.FloatField(
                    default=1.0, validators=[MinValueValidator(0.1), MaxValueValidator(20.0)]
                ),
            ),
            options={
                "verbose_name": "routing settings",
                "verbose_name_plural": "routing settings",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="one_row_of_routing_settings"
                    )
                ],
            },
        ),
    ]
