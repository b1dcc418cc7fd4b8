"""Type and size of each attached picture, beside its bytes; measured for those that are stored already."""

import io
from base64 import b64decode

from django.db import migrations, models
from PIL import Image

TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}


def measured(part):
    head, _, encoded = part.get("image_url", {}).get("url", "").partition(",")
    if not head.startswith("data:image/"):
        return None
    try:
        with Image.open(io.BytesIO(b64decode(encoded)), formats=[*TYPES]) as image:
            return {"media_type": TYPES[image.format], "width": image.width, "height": image.height}
    except Exception:  # what can not be read is not shown
        return None


def measure(apps, _schema):
    for row in apps.get_model("conversations", "PromptAttachments").objects.iterator(chunk_size=20):
        row.pictures = [measured(part) for part in row.parts]
        row.save(update_fields=["pictures"])


class Migration(migrations.Migration):
    dependencies = [("conversations", "0020_identities")]

    operations = [
        migrations.AddField("promptattachments", "pictures", models.JSONField(default=list)),
        migrations.RunPython(measure, migrations.RunPython.noop),
    ]
