from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0032_labels_of_costs_and_times")]
    operations = [
        migrations.AddField("apikey", "maker", models.ForeignKey("conversations.apikey", null=True, on_delete=models.CASCADE, editable=False, related_name="made", help_text="The key that made it, whose limits it spends as well.")),
    ]  # fmt: skip
