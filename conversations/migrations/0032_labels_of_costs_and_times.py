from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0031_reuse_situation")]
    operations = [
        migrations.AlterField("generatedimage", "alt", models.CharField("alternative text", max_length=300)),
        migrations.AlterField("message", "cost_usd", models.DecimalField("cost in US dollars", max_digits=14, decimal_places=8, null=True, blank=True)),
        migrations.AlterField("message", "first_token_ms", models.PositiveIntegerField("milliseconds to the first token", null=True, blank=True)),
        migrations.AlterField("message", "total_ms", models.PositiveIntegerField("milliseconds to the end", null=True, blank=True)),
        migrations.AlterField("shadowdecision", "cost_usd", models.DecimalField("cost in US dollars", max_digits=14, decimal_places=8, null=True, blank=True)),
        migrations.AlterField("shadowdecision", "total_ms", models.PositiveIntegerField("milliseconds to the decision", default=0)),
    ]  # fmt: skip
