"""How many calls have no known cost, beside the sums; and why an answer's increments were set aside."""

from django.db import migrations, models

UNPRICED = models.PositiveIntegerField(
    default=0, db_default=0, help_text="How many have no known cost, and are not in the sum."
)


class Migration(migrations.Migration):
    dependencies = [("conversations", "0006_write_probe")]
    operations = [
        migrations.AddField("modelperformance", "unpriced", UNPRICED),
        migrations.AddField("versionperformance", "unpriced", UNPRICED.clone()),
        migrations.AddField(
            "uncounted",
            "failure",
            models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Why it cannot be added: it is set aside until the numbers are put right.",
                max_length=200,
            ),
        ),
    ]
