from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0033_key_makers")]
    operations = [
        migrations.AlterField("ledgerentry", "requests", models.PositiveSmallIntegerField(help_text="1 in the row of the answer.")),
    ]  # fmt: skip
