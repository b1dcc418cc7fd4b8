"""The tables of conversations and of their statistics, in one step for a new database.

Replaces the migrations 0001_initial to 0008_growth but the roles. A database that applied all
of them counts as up to date and is left as it is. One that applied only some must be upgraded with the
release before this one first: ``routing.migrations.refuse_partial`` refuses it.
"""

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import migrations, models

from conversations.models.messages import new_id


def columns(**fields):
    return list(fields.items())


def row_id():
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


def uuid_id():
    return models.UUIDField(default=new_id, editable=False, primary_key=True, serialize=False)


def link(to, **options):
    return models.ForeignKey(to=to, on_delete=models.CASCADE, **options)


def one_to_one(to, **options):
    return models.OneToOneField(to=to, on_delete=models.CASCADE, **options)


def person(**options):
    """A user, forgotten with the account."""
    user = settings.AUTH_USER_MODEL
    return models.ForeignKey(to=user, on_delete=models.SET_NULL, blank=True, null=True, **options)


def choice(*values, **options):
    choices = [(value, value.title()) for value in values]
    return models.CharField(choices=choices, max_length=16, **options)


def usd(max_digits=14, **options):
    return models.DecimalField(decimal_places=8, max_digits=max_digits, **options)


def count(**options):
    return models.PositiveIntegerField(default=0, **options)


def big_count(**options):
    return models.PositiveBigIntegerField(default=0, **options)


class Migration(migrations.Migration):
    replaces = [
        ("conversations", "0001_initial"),
        ("conversations", "0002_learning"),
        ("conversations", "0003_reuse"),
        ("conversations", "0004_replays"),
        ("conversations", "0005_versions_at_work"),
        ("conversations", "0007_uncounted"),
        ("conversations", "0008_growth"),
    ]
    initial = True
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            name="Conversation",
            fields=columns(
                id=uuid_id(),
                title=models.CharField(blank=True, max_length=200),
                created_at=models.DateTimeField(auto_now_add=True),
                updated_at=models.DateTimeField(auto_now=True),
                owner=link(settings.AUTH_USER_MODEL, db_index=False, related_name="conversations"),
            ),
            options={
                "indexes": [
                    models.Index(fields=["owner", "-id"], name="conversatio_owner_i_134aa6_idx")
                ],
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="Message",
            fields=columns(
                id=uuid_id(),
                role=choice("user", "assistant"),
                content=models.TextField(blank=True),
                status=choice("streaming", "complete", "stopped", "failed", default="complete"),
                requested_model=models.CharField(blank=True, max_length=64),
                action=models.CharField(blank=True, max_length=16),
                source=models.CharField(blank=True, max_length=24),
                provider=models.CharField(blank=True, max_length=32),
                model=models.CharField(blank=True, max_length=96),
                rule=models.CharField(blank=True, max_length=64),
                reason=models.TextField(blank=True),
                ruleset=models.PositiveIntegerField(blank=True, null=True),
                fallback=models.BooleanField(default=False),
                guard=models.JSONField(blank=True, null=True),
                cache_outcome=models.CharField(blank=True, max_length=16),
                cache_similarity=models.FloatField(blank=True, null=True),
                cache_entry=models.UUIDField(blank=True, null=True),
                input_tokens=models.PositiveIntegerField(blank=True, null=True),
                output_tokens=models.PositiveIntegerField(blank=True, null=True),
                cost_usd=usd(blank=True, null=True),
                first_token_ms=models.PositiveIntegerField(blank=True, null=True),
                total_ms=models.PositiveIntegerField(blank=True, null=True),
                finish_reason=models.CharField(blank=True, max_length=32),
                attempts=models.JSONField(blank=True, default=list),
                degraded=models.JSONField(blank=True, default=list),
                problem=models.JSONField(blank=True, null=True),
                script=models.JSONField(
                    blank=True,
                    default=list,
                    help_text="How the answer was cut into events: token lengths, resets, notices.",
                ),
                trace_id=models.CharField(blank=True, max_length=32),
                created_at=models.DateTimeField(auto_now_add=True),
                finished_at=models.DateTimeField(blank=True, null=True),
                answers=one_to_one(
                    "conversations.message",
                    blank=True,
                    help_text="The prompt that this message answers.",
                    null=True,
                    related_name="answer",
                ),
                conversation=link(
                    "conversations.conversation", db_index=False, related_name="messages"
                ),
            ),
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "streaming")),
                        fields=("conversation",),
                        name="one_streaming_answer_per_conversation",
                    )
                ],
                "indexes": [
                    models.Index(
                        fields=["conversation", "id"], name="conversatio_convers_ca4693_idx"
                    ),
                    models.Index(fields=["ruleset", "-id"], name="conversatio_ruleset_68581c_idx"),
                    models.Index(fields=["status", "-id"], name="conversatio_status_5f2ad8_idx"),
                    models.Index(
                        condition=models.Q(("cache_entry__isnull", False)),
                        fields=["cache_entry"],
                        name="message_cache_entry",
                    ),
                ],
                "ordering": ("id",),
            },
        ),
        migrations.CreateModel(
            name="IdempotencyKey",
            fields=columns(
                id=row_id(),
                key=models.CharField(max_length=255),
                body_sha256=models.CharField(max_length=64),
                created_at=models.DateTimeField(auto_now_add=True),
                user=link(settings.AUTH_USER_MODEL, related_name="+"),
                message=link("conversations.message", related_name="+"),
            ),
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("user", "key"), name="one_answer_per_key")
                ]
            },
        ),
        migrations.CreateModel(
            name="GeneratedImage",
            fields=columns(
                id=uuid_id(),
                file=models.FileField(upload_to="images/%Y/%m/"),
                media_type=models.CharField(default="image/png", max_length=32),
                alt=models.CharField(max_length=300),
                width=models.PositiveIntegerField(),
                height=models.PositiveIntegerField(),
                revised_prompt=models.TextField(blank=True),
                created_at=models.DateTimeField(auto_now_add=True),
                owner=link(settings.AUTH_USER_MODEL, related_name="images"),
                message=one_to_one("conversations.message", related_name="image"),
            ),
        ),
        migrations.CreateModel(
            name="Feedback",
            fields=columns(
                id=uuid_id(),
                verdict=models.CharField(choices=[("good", "Good"), ("bad", "Bad")], max_length=8),
                reason=models.CharField(blank=True, max_length=64),
                comment=models.TextField(blank=True),
                correction=models.TextField(blank=True),
                created_at=models.DateTimeField(auto_now_add=True),
                updated_at=models.DateTimeField(auto_now=True),
                user=link(settings.AUTH_USER_MODEL, related_name="feedback"),
                message=link("conversations.message", related_name="feedback"),
            ),
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("message", "user"), name="one_feedback_per_person"
                    )
                ],
                "verbose_name_plural": "feedback",
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="ModelPerformance",
            fields=columns(
                id=row_id(),
                day=models.DateField(),
                model=models.CharField(max_length=96),
                rule=models.CharField(blank=True, max_length=64),
                answers=count(),
                errors=count(help_text="Attempts that failed."),
                failovers=count(help_text="Answers given by this model after another one failed."),
                cache_hits=count(),
                first_token_ms_sum=big_count(),
                first_token_count=count(),
                total_ms_sum=big_count(),
                input_tokens=big_count(),
                output_tokens=big_count(),
                cost_usd=usd(default=0, max_digits=16),
                feedback_good=models.IntegerField(default=0),
                feedback_bad=models.IntegerField(default=0),
            ),
            options={
                "verbose_name_plural": "model performance",
                "ordering": ("-day", "model", "rule"),
                "constraints": [
                    models.UniqueConstraint(fields=("day", "model", "rule"), name="one_row_per_day")
                ],
            },
        ),
        migrations.CreateModel(
            name="OwedWork",
            fields=columns(
                id=row_id(),
                kind=models.CharField(
                    choices=[
                        ("thread", "Forget Thread"),
                        ("answer", "Forget Answer"),
                        ("entry", "Forget Entry"),
                        ("standing", "Standing"),
                        ("curate", "Curate"),
                    ],
                    max_length=16,
                ),
                subject=models.UUIDField(),
                created_at=models.DateTimeField(auto_now_add=True),
            ),
            options={"verbose_name_plural": "owed work", "ordering": ("id",)},
        ),
        migrations.CreateModel(
            name="AnswerReview",
            fields=columns(
                subject=models.UUIDField(editable=False, primary_key=True, serialize=False),
                shared_as=models.UUIDField(
                    blank=True,
                    db_index=True,
                    help_text="The id under which others were given it.",
                    null=True,
                ),
                state=choice("live", "quarantined", "withdrawn", default="live"),
                review=choice("none", "open", "decided", default="none"),
                good=models.FloatField(default=0),
                bad=models.FloatField(default=0),
                penalty=models.FloatField(default=0, help_text="0: as good as new; 1: not served."),
                uses=count(help_text="How often it was given, all in all."),
                urgency=models.FloatField(
                    db_index=True, default=0, help_text="Harm times traffic."
                ),
                opened_at=models.DateTimeField(blank=True, null=True),
                decided_at=models.DateTimeField(blank=True, null=True),
                replaced_at=models.DateTimeField(
                    blank=True, help_text="Verdicts from before are on another answer.", null=True
                ),
                updated_at=models.DateTimeField(auto_now=True),
                decided_by=person(related_name="+"),
                source=one_to_one(
                    "conversations.message", blank=True, null=True, related_name="review"
                ),
            ),
            options={"ordering": ("-urgency", "-updated_at")},
        ),
        migrations.CreateModel(
            name="CuratedAnswer",
            fields=columns(
                entry=models.UUIDField(editable=False, primary_key=True, serialize=False),
                question=models.TextField(),
                answer=models.TextField(),
                created_at=models.DateTimeField(auto_now_add=True),
                updated_at=models.DateTimeField(auto_now=True),
                author=person(related_name="+"),
                source=link("conversations.message", blank=True, null=True, related_name="curated"),
            ),
            options={"ordering": ("-updated_at",)},
        ),
        migrations.CreateModel(
            name="Reuse",
            fields=columns(
                message=one_to_one(
                    "conversations.message", primary_key=True, related_name="reuse", serialize=False
                ),
                served=models.BooleanField(),
                shared=models.BooleanField(),
                probability=models.FloatField(
                    help_text="As the model weighed it, before calibration."
                ),
                cut=models.FloatField(),
                judged=models.BooleanField(blank=True, null=True),
                judge_cost_usd=usd(blank=True, null=True),
                judge_ms=models.PositiveIntegerField(blank=True, null=True),
                audited=models.BooleanField(blank=True, null=True),
                created_at=models.DateTimeField(auto_now_add=True, db_index=True),
            ),
            options={
                "verbose_name": "reuse",
                "verbose_name_plural": "reuses",
                "ordering": ("-created_at",),
            },
        ),
        migrations.CreateModel(
            name="ReplayRun",
            fields=columns(
                id=row_id(),
                status=choice("running", "done", "capped", "stopped", "failed", default="running"),
                pool=models.PositiveIntegerField(help_text="Out of how many of the last prompts."),
                size=models.PositiveIntegerField(help_text="How many of them, drawn at random."),
                cap_usd=models.DecimalField(decimal_places=4, max_digits=10),
                estimate_usd=usd(blank=True, null=True),
                cost_usd=usd(default=0),
                draft=models.JSONField(
                    help_text="routing.domain.RuleSet.to_dict(), as it was at the start."
                ),
                live=models.JSONField(help_text="The same of the live version."),
                error=models.TextField(blank=True),
                created_at=models.DateTimeField(auto_now_add=True),
                beat_at=models.DateTimeField(
                    auto_now_add=True, help_text="When it was last at work."
                ),
                created_by=person(),
            ),
            options={"verbose_name": "replay", "ordering": ("-pk",)},
        ),
        migrations.CreateModel(
            name="ReplayResult",
            fields=columns(
                id=row_id(),
                old=models.JSONField(blank=True, null=True),
                new=models.JSONField(blank=True, null=True),
                changed=models.BooleanField(default=False),
                old_usd=usd(blank=True, null=True),
                new_usd=usd(blank=True, null=True),
                answer=link("conversations.message", related_name="+"),
                run=link("conversations.replayrun", related_name="results"),
            ),
            options={
                "ordering": ("pk",),
                "constraints": [
                    models.UniqueConstraint(fields=("run", "answer"), name="one_result_per_prompt")
                ],
            },
        ),
        migrations.CreateModel(
            name="ShadowDecision",
            fields=columns(
                id=row_id(),
                ruleset=models.PositiveIntegerField(),
                agrees=models.BooleanField(
                    help_text="Same action and same model as what was done."
                ),
                action=models.CharField(max_length=16),
                source=models.CharField(max_length=24),
                model=models.CharField(blank=True, max_length=96),
                rule=models.CharField(blank=True, max_length=64),
                reason=models.TextField(blank=True),
                input_tokens=count(),
                output_tokens=count(),
                cost_usd=usd(blank=True, null=True),
                total_ms=count(),
                created_at=models.DateTimeField(auto_now_add=True),
                message=link("conversations.message", related_name="shadows"),
            ),
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("message", "ruleset"), name="one_shadow_per_version"
                    )
                ],
                "indexes": [
                    models.Index(
                        fields=["ruleset", "agrees", "-id"], name="conversatio_ruleset_3923c4_idx"
                    )
                ],
                "ordering": ("-id",),
            },
        ),
        migrations.CreateModel(
            name="VersionPerformance",
            fields=columns(
                id=row_id(),
                ruleset=models.PositiveIntegerField(),
                rule=models.CharField(blank=True, max_length=64),
                answers=count(help_text="Messages that ended well."),
                failures=count(),
                refusals=count(),
                fallbacks=count(),
                cache_hits=count(),
                first_token_count=count(),
                first_token_ms_sum=big_count(),
                first_token_ms_squares=models.FloatField(default=0),
                total_count=count(help_text="Answers not from the cache."),
                total_ms_sum=big_count(),
                total_ms_squares=models.FloatField(default=0),
                cost_usd=usd(default=0, max_digits=16),
                cost_squares=models.FloatField(default=0),
                classify_tokens=big_count(),
                classify_cost_usd=usd(default=0, max_digits=16),
                feedback_good=models.IntegerField(default=0),
                feedback_bad=models.IntegerField(default=0),
                shadow_decisions=count(),
                shadow_agreed=count(),
                shadow_ms_sum=big_count(),
                shadow_cost_usd=usd(default=0, max_digits=16),
            ),
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("ruleset", "rule"), name="one_row_per_version_and_rule"
                    )
                ],
                "verbose_name_plural": "version performance",
                "ordering": ("-ruleset", "rule"),
            },
        ),
        migrations.CreateModel(
            name="Uncounted",
            fields=columns(
                message=models.UUIDField(editable=False, primary_key=True, serialize=False),
                sums=models.JSONField(encoder=DjangoJSONEncoder),
            ),
            options={"verbose_name": "uncounted answer"},
        ),
    ]
