#!/usr/bin/env bash
# Django on SQLite gives a text inside of a JSONField as a number, a list or an object when it is asked for by its key.
#
# `values_list("data__code")`, and `annotate(code=F("data__code"))`, read what SQLite extracts as JSON once more. A code
# "0042" is no JSON and stays; "12" comes back as 12, "1e3" as 1000.0, "[1]" as a list, '"a"' without its quotation
# marks, though the row itself has them all as texts. The documentation tells this of "true", "false" and "null" alone.
# Guessed before: the text that was stored, as the same code gives on PostgreSQL. `KT("data__code")` gives the text on
# both. Whole numbers from 2^63 on come back as floats, and an equal object whose keys were stored in another order is
# not found by `filter(data={...})`, which compares SQLite's text of it; PostgreSQL keeps the number and finds it.
#
# Seen with Django 5.2.19, Python 3.11, SQLite 3.40.1. Installs it into a temporary folder.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet django==5.2.19
"$folder/venv/bin/python" - <<'PY'
import sys

import django
from django.conf import settings

settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}})
django.setup()
from django.db import connection, models
from django.db.models.fields.json import KT


class Note(models.Model):
    id = models.BigAutoField(primary_key=True)
    data = models.JSONField()

    class Meta:
        app_label = "notes"


with connection.schema_editor() as editor:
    editor.create_model(Note)
seen = {}
for value in ("0042", "12", "1e3", "[1]", '"a"', 12, 2**63):
    note = Note.objects.create(data={"code": value})
    row = Note.objects.filter(pk=note.pk)
    assert row.get().data == {"code": value}
    by_key = row.values_list("data__code", flat=True).get()
    as_text = row.annotate(text=KT("data__code")).get().text
    seen[value] = by_key, as_text
    print(f"stored {value!r:20} by its key: {by_key!r:22} by KT: {as_text!r}")
Note.objects.create(data={"b": 1, "a": 2})
seen["order"] = Note.objects.filter(data={"b": 1, "a": 2}).count(), Note.objects.filter(data={"a": 2, "b": 1}).count()
print("found by its keys in the stored order, in another:", seen["order"])
expected = {
    "0042": ("0042", "0042"),
    "12": (12, "12"),
    "1e3": (1000.0, "1e3"),
    "[1]": ([1], "[1]"),
    '"a"': ("a", '"a"'),
    12: (12, 12),
    2**63: (float(2**63), float(2**63)),
    "order": (1, 0),
}
same = all(repr(seen[what]) == repr(value) for what, value in expected.items())
sys.exit(0 if same else f"changed: expected {expected}")
PY
