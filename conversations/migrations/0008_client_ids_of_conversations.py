"""The id that a client gives its conversation, one per person."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("conversations", "0007_unknown_costs_and_increments_set_aside"),
    ]
    operations = [
        migrations.AddField(
            "conversation",
            "client_id",
            models.CharField(
                blank=True,
                editable=False,
                help_text="The client's own id of it, one per person.",
                max_length=64,
                null=True,
            ),
        ),
        migrations.AddConstraint(
            "conversation",
            models.UniqueConstraint(
                condition=models.Q(client_id__isnull=False),
                fields=("owner", "client_id"),
                name="one_conversation_per_client_id",
            ),
        ),
    ]
