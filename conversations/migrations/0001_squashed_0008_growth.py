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
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Conversation",
            fields=columns(
                id=uuid_id(),
                title=models.CharField(blank=True, max_length=200),
                created_at=models.DateTimeField(auto_now_add=True),
                updated_at=models.DateTimeField(auto_now=True),
                owner=models.ForeignKey(
                    db_index=False,
                    on_delete=models.CASCADE,
                    related_name="conversations",
                    to=settings.AUTH_USER_MODEL,
                ),
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
                role=models.CharField(
                    choices=[("user", "User"), ("assistant", "Assistant")], max_length=16
                ),
                content=models.TextField(blank=True),
                status=models.CharField(
                    choices=[
                        ("streaming", "Streaming"),
                        ("complete", "Complete"),
                        ("stopped", "Stopped"),
                        ("failed", "Failed"),
                    ],
                    default="complete",
                    max_length=16,
                ),
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
                cost_usd=models.DecimalField(
                    blank=True, decimal_places=8, max_digits=14, null=True
                ),
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
                answers=models.OneToOneField(
                    blank=True,
                    help_text="The prompt that this message answers.",
                    null=True,
                    on_delete=models.CASCADE,
                    related_name="answer",
                    to="conversations.message",
                ),
                conversation=models.ForeignKey(
                    db_index=False,
                    on_delete=models.CASCADE,
                    related_name="messages",
                    to="conversations.conversation",
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
                user=models.ForeignKey(
                    on_delete=models.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                ),
                message=models.ForeignKey(
                    on_delete=models.CASCADE, related_name="+", to="conversations.message"
                ),
            ),
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("user", "key"), name="one_answer_per_key")
                ],
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
                owner=models.ForeignKey(
                    on_delete=models.CASCADE, related_name="images", to=settings.AUTH_USER_MODEL
                ),
                message=models.OneToOneField(
                    on_delete=models.CASCADE, related_name="image", to="conversations.message"
                ),
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
                user=models.ForeignKey(
                    on_delete=models.CASCADE, related_name="feedback", to=settings.AUTH_USER_MODEL
                ),
                message=models.ForeignKey(
                    on_delete=models.CASCADE, related_name="feedback", to="conversations.message"
                ),
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
                answers=models.PositiveIntegerField(default=0),
                errors=models.PositiveIntegerField(default=0, help_text="Attempts that failed."),
                failovers=models.PositiveIntegerField(
                    default=0, help_text="Answers given by this model after another one failed."
                ),
                cache_hits=models.PositiveIntegerField(default=0),
                first_token_ms_sum=models.PositiveBigIntegerField(default=0),
                first_token_count=models.PositiveIntegerField(default=0),
                total_ms_sum=models.PositiveBigIntegerField(default=0),
                input_tokens=models.PositiveBigIntegerField(default=0),
                output_tokens=models.PositiveBigIntegerField(default=0),
                cost_usd=models.DecimalField(decimal_places=8, default=0, max_digits=16),
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
            options={
                "verbose_name_plural": "owed work",
                "ordering": ("id",),
            },
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
                state=models.CharField(
                    choices=[
                        ("live", "Live"),
                        ("quarantined", "Quarantined"),
                        ("withdrawn", "Withdrawn"),
                    ],
                    default="live",
                    max_length=16,
                ),
                review=models.CharField(
                    choices=[("none", "None"), ("open", "Open"), ("decided", "Decided")],
                    default="none",
                    max_length=16,
                ),
                good=models.FloatField(default=0),
                bad=models.FloatField(default=0),
                penalty=models.FloatField(default=0, help_text="0: as good as new; 1: not served."),
                uses=models.PositiveIntegerField(
                    default=0, help_text="How often it was given, all in all."
                ),
                urgency=models.FloatField(
                    db_index=True, default=0, help_text="Harm times traffic."
                ),
                opened_at=models.DateTimeField(blank=True, null=True),
                decided_at=models.DateTimeField(blank=True, null=True),
                replaced_at=models.DateTimeField(
                    blank=True, help_text="Verdicts from before are on another answer.", null=True
                ),
                updated_at=models.DateTimeField(auto_now=True),
                decided_by=models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
                source=models.OneToOneField(
                    blank=True,
                    null=True,
                    on_delete=models.CASCADE,
                    related_name="review",
                    to="conversations.message",
                ),
            ),
            options={
                "ordering": ("-urgency", "-updated_at"),
            },
        ),
        migrations.CreateModel(
            name="CuratedAnswer",
            fields=columns(
                entry=models.UUIDField(editable=False, primary_key=True, serialize=False),
                question=models.TextField(),
                answer=models.TextField(),
                created_at=models.DateTimeField(auto_now_add=True),
                updated_at=models.DateTimeField(auto_now=True),
                author=models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.SET_NULL,
                    related_name="+",
                    to=settings.AUTH_USER_MODEL,
                ),
                source=models.ForeignKey(
                    blank=True,
                    null=True,
                    on_delete=models.CASCADE,
                    related_name="curated",
                    to="conversations.message",
                ),
            ),
            options={
                "ordering": ("-updated_at",),
            },
        ),
        migrations.CreateModel(
            name="Reuse",
            fields=columns(
                message=models.OneToOneField(
                    on_delete=models.CASCADE,
                    primary_key=True,
                    related_name="reuse",
                    serialize=False,
                    to="conversations.message",
                ),
                served=models.BooleanField(),
                shared=models.BooleanField(),
                probability=models.FloatField(
                    help_text="As the model weighed it, before calibration."
                ),
                cut=models.FloatField(),
                judged=models.BooleanField(blank=True, null=True),
                judge_cost_usd=models.DecimalField(
                    blank=True, decimal_places=8, max_digits=14, null=True
                ),
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
                status=models.CharField(
                    choices=[
                        ("running", "Running"),
                        ("done", "Done"),
                        ("capped", "Capped"),
                        ("stopped", "Stopped"),
                        ("failed", "Failed"),
                    ],
                    default="running",
                    max_length=16,
                ),
                pool=models.PositiveIntegerField(help_text="Out of how many of the last prompts."),
                size=models.PositiveIntegerField(help_text="How many of them, drawn at random."),
                cap_usd=models.DecimalField(decimal_places=4, max_digits=10),
                estimate_usd=models.DecimalField(
                    blank=True, decimal_places=8, max_digits=14, null=True
                ),
                cost_usd=models.DecimalField(decimal_places=8, default=0, max_digits=14),
                draft=models.JSONField(
                    help_text="routing.domain.RuleSet.to_dict(), as it was at the start."
                ),
                live=models.JSONField(help_text="The same of the live version."),
                error=models.TextField(blank=True),
                created_at=models.DateTimeField(auto_now_add=True),
                beat_at=models.DateTimeField(
                    auto_now_add=True, help_text="When it was last at work."
                ),
                created_by=models.ForeignKey(
                    blank=True, null=True, on_delete=models.SET_NULL, to=settings.AUTH_USER_MODEL
                ),
            ),
            options={
                "verbose_name": "replay",
                "ordering": ("-pk",),
            },
        ),
        migrations.CreateModel(
            name="ReplayResult",
            fields=columns(
                id=row_id(),
                old=models.JSONField(blank=True, null=True),
                new=models.JSONField(blank=True, null=True),
                changed=models.BooleanField(default=False),
                old_usd=models.DecimalField(blank=True, decimal_places=8, max_digits=14, null=True),
                new_usd=models.DecimalField(blank=True, decimal_places=8, max_digits=14, null=True),
                answer=models.ForeignKey(
                    on_delete=models.CASCADE, related_name="+", to="conversations.message"
                ),
                run=models.ForeignKey(
                    on_delete=models.CASCADE, related_name="results", to="conversations.replayrun"
                ),
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
                input_tokens=models.PositiveIntegerField(default=0),
                output_tokens=models.PositiveIntegerField(default=0),
                cost_usd=models.DecimalField(
                    blank=True, decimal_places=8, max_digits=14, null=True
                ),
                total_ms=models.PositiveIntegerField(default=0),
                created_at=models.DateTimeField(auto_now_add=True),
                message=models.ForeignKey(
                    on_delete=models.CASCADE, related_name="shadows", to="conversations.message"
                ),
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
                answers=models.PositiveIntegerField(
                    default=0, help_text="Messages that ended well."
                ),
                failures=models.PositiveIntegerField(default=0),
                refusals=models.PositiveIntegerField(default=0),
                fallbacks=models.PositiveIntegerField(default=0),
                cache_hits=models.PositiveIntegerField(default=0),
                first_token_count=models.PositiveIntegerField(default=0),
                first_token_ms_sum=models.PositiveBigIntegerField(default=0),
                first_token_ms_squares=models.FloatField(default=0),
                total_count=models.PositiveIntegerField(
                    default=0, help_text="Answers not from the cache."
                ),
                total_ms_sum=models.PositiveBigIntegerField(default=0),
                total_ms_squares=models.FloatField(default=0),
                cost_usd=models.DecimalField(decimal_places=8, default=0, max_digits=16),
                cost_squares=models.FloatField(default=0),
                classify_tokens=models.PositiveBigIntegerField(default=0),
                classify_cost_usd=models.DecimalField(decimal_places=8, default=0, max_digits=16),
                feedback_good=models.IntegerField(default=0),
                feedback_bad=models.IntegerField(default=0),
                shadow_decisions=models.PositiveIntegerField(default=0),
                shadow_agreed=models.PositiveIntegerField(default=0),
                shadow_ms_sum=models.PositiveBigIntegerField(default=0),
                shadow_cost_usd=models.DecimalField(decimal_places=8, default=0, max_digits=16),
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
            options={
                "verbose_name": "uncounted answer",
            },
        ),
    ]
